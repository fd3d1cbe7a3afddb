import { toBinary } from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";
import { NamespaceRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { namespaceKey } from "../../meta/keys.ts";
import { commitBatch } from "../../meta/testing/namespaces.ts";
import type { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { trimNamespace } from "./trim.ts";

const NAME = { org: "org", project: "project", name: "main" };
const FRAMES = 256;

function document(id: string, attributes: Readonly<Record<string, number>> = {}): Document {
  return {
    id,
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map(Object.entries(attributes)),
  };
}

async function begin() {
  const world = new EngineWorld("repetition-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  const write = (parts: Partial<WriteBatch>, idempotencyKey?: string) =>
    engine.write(
      NAME,
      { upserts: [], patches: [], deletes: [], ...parts },
      idempotencyKey === undefined ? {} : { idempotencyKey },
    );
  const row = () => world.view.namespace(namespace.id)!;
  /** So many keys, as other nodes would have them remembered. */
  const remember = (keys: number) => {
    for (let key = 0; key < keys; key += FRAMES) {
      const frames = Array.from({ length: Math.min(FRAMES, keys - key) }, (_, at) => {
        const idempotencyHash = new Uint8Array(32);
        new DataView(idempotencyHash.buffer).setUint32(0, key + at);
        return { idempotencyHash, requestHash: new Uint8Array(32) };
      });
      world.replica.run(commitBatch(Number(namespace.id), 5_000_000 + key, frames));
    }
  };
  /** As if there were so many. */
  const pretend = (remembered: number): void => {
    const value = toBinary(NamespaceRowSchema, { ...row(), remembered: BigInt(remembered) });
    world.replica.store.applyNow([{ kind: "put", key: namespaceKey(namespace.id), value }]);
    world.replica.restart();
  };
  return { world, engine, context, write, row, remember, pretend };
}

test("a repetition has its answer, and is not resolved again", async () => {
  const { engine, write } = await begin();
  await write({ upserts: [document("a", { n: 1 })] });
  const filter = { kind: "compare", field: "n", operator: "eq", value: 1 } as const;
  const first = await write({ deleteByFilter: filter }, "deletes");
  expect(first).toMatchObject({ version: 2n, deleted: 1 });
  await write({ upserts: [document("b", { n: 1 })] });
  vi.spyOn(engine.states, "snapshot").mockRejectedValue(new Error("resolved"));
  expect(await write({ deleteByFilter: filter }, "deletes")).toEqual({ ...first, repeated: true });
  expect((await engine.getNamespace(NAME)).version).toBe(3n);
  const patchByFilter = { filter, set: document("", { more: 1 }) };
  await expect(write({ patchByFilter }, "deletes")).rejects.toMatchObject({ code: "idempotency-conflict" });
  await expect(write({ patchByFilter }, "patches")).rejects.toThrow("resolved");
});

test("where keys are many the oldest are forgotten", async () => {
  const { world, context, write, row, remember, pretend } = await begin();
  const trim = async () => {
    for (let step = 0; step < 3; step++) await trimNamespace(context, row());
    return Number(row().remembered);
  };
  const again = async (key: string) => (await write({ upserts: [document(key)] }, key)).repeated;
  await again("old");
  world.replica.timeMs += 1_000;
  remember(2_999);
  world.replica.timeMs += 1_000;
  await again("newer");
  pretend(77_999);
  expect(await trim()).toBe(77_999);
  pretend(78_000);
  expect(await trim()).toBe(75_000);
  expect([await again("newer"), await again("old")]).toEqual([true, false]);
  pretend(2);
  expect(await world.replica.violations()).toEqual([]);
});

test("where no more can be remembered only those who come with a new key are refused", async () => {
  const { write, pretend } = await begin();
  await write({ upserts: [document("a")] }, "old");
  pretend(100_000);
  const results = await Promise.allSettled([
    write({ upserts: [document("b")] }),
    write({ upserts: [document("c")] }),
    write({ upserts: [document("d")] }, "new"),
    write({ upserts: [document("a")] }, "old"),
    write({ upserts: [document("e")] }),
  ]);
  const limits = results.map((result) =>
    result.status === "fulfilled" ? "done" : (result.reason as SearchError).details.limit,
  );
  expect(limits).toEqual(["done", "done", "idempotencyKeys", "done", "done"]);
});
