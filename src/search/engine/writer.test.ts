import { describe, expect, test } from "vitest";
import type { Document, FieldChanges } from "../model/document.ts";
import { LIMITS } from "../model/limits.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { WriteOptions } from "../service.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const NAME = { org: "org", project: "project", name: "main" };

function fields(attributes: Readonly<Record<string, string | number>>): FieldChanges {
  return {
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map(Object.entries(attributes)),
  };
}

function document(id: string, attributes: Readonly<Record<string, string | number>> = {}): Document {
  return { id, ...fields(attributes) } as Document;
}

async function begin() {
  const world = new EngineWorld("writer-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  const write = (parts: Partial<WriteBatch>, options?: WriteOptions) =>
    engine.write(NAME, { upserts: [], patches: [], deletes: [], ...parts }, options);
  const added = async () => {
    const { schema } = await engine.getNamespace(NAME);
    return [...schema.attributes.keys(), ...schema.text.keys()];
  };
  const flush = () => flushNamespace(context, engine.states, namespace.id);
  return { world, engine, write, added, flush };
}

describe("a write that is refused adds nothing to the schema", () => {
  test("for its version, by itself and behind others", async () => {
    const { write, added } = await begin();
    const conflict = { code: "version-conflict" };
    const wrong = { upserts: [document("a", { size: 1 })], ifVersion: 7n };
    await expect(write(wrong)).rejects.toMatchObject(conflict);
    await expect(write(wrong, { idempotencyKey: "key" })).rejects.toMatchObject(conflict);
    const behind = [
      write({ upserts: [document("first")] }),
      write({ upserts: [document("second")] }),
      write({ upserts: [document("third", { size: 1 })], ifVersion: 0n }),
    ];
    expect((await Promise.allSettled(behind)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    expect(await added()).toEqual([]);
    // The type that was refused is not the field's.
    await write({ upserts: [document("a", { size: "large" })], ifVersion: 2n });
    expect(await added()).toEqual(["size"]);
  });

  test("for what it comes to", async () => {
    const { write, added } = await begin();
    const long = new Map([
      ["a", "t".repeat(LIMITS.textBytes)],
      ["b", "t".repeat(LIMITS.textBytes - 100)],
    ]);
    await write({ upserts: [{ ...document("a"), text: long }] });
    const patch = { ...document("a"), text: new Map([["more", "t".repeat(1_000)]]) };
    await expect(write({ patches: [patch] })).rejects.toMatchObject({
      code: "limit-exceeded",
      details: { limit: "documentBytes" },
    });
    expect(await added()).toEqual(["a", "b"]);
  });
});

test("a repetition of a conditional write that added to the schema has the first one's answer", async () => {
  const { write } = await begin();
  const batch = { upserts: [document("a", { size: 1 })], ifVersion: 0n };
  const first = await write(batch, { idempotencyKey: "key" });
  expect(await write(batch, { idempotencyKey: "key" })).toEqual({ ...first, repeated: true });
});

test("filters and conditions may name fields that the same write adds", async () => {
  const { write, engine, flush } = await begin();
  await write({ upserts: [document("a", { size: 1 })] });
  await flush();
  await write({ upserts: [document("b", { size: 2 })] });
  const text = (title: string) => new Map([["title", title]]);
  const words = (query: string) => ({ kind: "all-tokens" as const, field: "title", query });
  const set = { ...fields({ seen: 1 }), text: text("rocks") };
  const answer = await write({
    patchByFilter: { filter: { kind: "not", filter: words("sea") }, set },
    upserts: [{ ...document("c"), text: text("sea") }],
    condition: { kind: "not", filter: words("rocks") },
  });
  expect(answer).toMatchObject({ upserted: 1, patched: 2 });
  const { documents } = await engine.fetch(NAME, ["a", "b", "c"], { consistency: "strong" });
  expect(documents.map((found) => found?.text.get("title"))).toEqual(["rocks", "rocks", "sea"]);
});
