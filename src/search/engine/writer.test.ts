import { afterEach, describe, expect, test, vi } from "vitest";
import type { NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { StateView } from "../../meta/view.ts";
import type { Document, FieldChanges } from "../model/document.ts";
import { LIMITS } from "../model/limits.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { WriteOptions } from "../service.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const ID_IS = { kind: "compare", field: "id", operator: "eq" } as const;
const NAME = { org: "org", project: "project", name: "main" };

afterEach(() => vi.restoreAllMocks());

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
  return { world, engine, context, write, added, flush };
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

  test.each([
    ["documents", { maxNamespaces: 0n, maxBytes: 0n, maxDocuments: 2n }],
    ["bytes", { maxNamespaces: 0n, maxBytes: 200n, maxDocuments: 0n }],
  ])("for a quota of %s", async (what, limits) => {
    for (const project of ["", "project"]) {
      const { write, added, engine } = await begin();
      await engine.setQuota({ org: "org", project }, limits);
      await write({ upserts: [document("a", { name: "n".repeat(20) })] });
      const upserts = ["b", "c"].map((id) => document(id, { size: 1, more: "m".repeat(100) }));
      await expect(write({ upserts })).rejects.toMatchObject({
        code: "quota-exceeded",
        details: { limit: `max_${what}`, scope: project === "" ? "organization" : "project" },
      });
      expect(await added()).toEqual(["name"]);
    }
  });

  test("for batches that wait, and for keys, which those without one do not need", async () => {
    const { write, added, world } = await begin();
    await write({ upserts: [document("a")] });
    const has = (change: (row: NamespaceRow) => NamespaceRow) => {
      const real = StateView.prototype.namespace;
      return vi.spyOn(StateView.prototype, "namespace").mockImplementation(function (this: StateView, id) {
        const row = real.call(this, id);
        return row && change(row);
      });
    };
    const full = has((row) => ({ ...row, totals: { ...row.totals!, batches: 4_096n } }));
    const waits = { code: "overloaded", details: { retryAfterMs: 1_000 } };
    await expect(write({ upserts: [document("b", { size: 1 })] })).rejects.toMatchObject(waits);
    full.mockRestore();
    expect(await added()).toEqual([]);

    const crowded = has((row) => ({ ...row, remembered: 100_000n }));
    const writes = [
      write({ upserts: [document("c")] }),
      write({ upserts: [document("d", { plain: 1 })] }),
      write({ upserts: [document("e", { keyed: 1 })] }, { idempotencyKey: "key" }),
    ];
    expect(await Promise.allSettled(writes)).toMatchObject([
      { status: "fulfilled" },
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "overloaded", details: { limit: "idempotencyKeys" } } },
    ]);
    crowded.mockRestore();
    expect(await added()).toEqual(["plain"]);
    expect(world.view.namespace(1n)?.version).toBe(3n);
  });

  test("for a key that came with another request to another node", async () => {
    const { write, added, world } = await begin();
    const options = { idempotencyKey: "key" };
    const batch = (attributes: Readonly<Record<string, number>>) => ({
      upserts: [document("a", attributes)],
      patches: [],
      deletes: [],
    });
    await world.engine().engine.write(NAME, batch({}), options);
    // This node hears of it when it asks.
    const real = StateView.prototype.rememberedBatch;
    const lagging = vi.spyOn(StateView.prototype, "rememberedBatch").mockReturnValueOnce(undefined);
    lagging.mockImplementation(real);
    await expect(write(batch({ size: 1 }), options)).rejects.toMatchObject({ code: "idempotency-conflict" });
    expect(await added()).toEqual([]);
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

describe("a write that looks at many documents", () => {
  const PATTERN = { kind: "regex", field: "name", pattern: "(?:a*){40}\\d*7", ignoreCase: false } as const;
  const documents = Array.from({ length: 200 }, (_, at) =>
    document(`id-${at}`, { name: `${"a".repeat(200)}${at}` }),
  );

  /** How often others have a turn, where every look at the clock is a slice later. */
  async function turnsOf(parts: Partial<WriteBatch>, isFlushed: boolean) {
    const { write, context, flush } = await begin();
    await write({ upserts: documents });
    if (isFlushed) await flush();
    let nowMs = 0;
    vi.spyOn(context.clock, "monotonicMs").mockImplementation(() => (nowMs += 10));
    const turns = vi.spyOn(context.timers, "endOfTurn");
    const answer = await write(parts);
    return { answer, turns: turns.mock.calls.length };
  }

  const set = fields({ seen: 1 });
  test.each<[string, Partial<WriteBatch>, object, number]>([
    ["delete_by_filter", { deleteByFilter: PATTERN }, { deleted: 20 }, 8],
    ["patch_by_filter", { patchByFilter: { filter: PATTERN, set } }, { patched: 20 }, 28],
    ["if", { deletes: documents.map(({ id }) => id), condition: PATTERN }, { deleted: 20 }, 200],
  ])("(%s) lets others run meanwhile", async (_, parts, counts, least) => {
    for (const isFlushed of [false, true]) {
      const { answer, turns } = await turnsOf(parts, isFlushed);
      expect(answer).toMatchObject(counts);
      expect(turns).toBeGreaterThanOrEqual(least);
    }
  });
});

describe("bytes", () => {
  const half = "t".repeat(500_000);
  /** Of a million bytes each. */
  const large = (count: number): Document[] =>
    Array.from({ length: count }, (_, at) => ({
      ...document(`id-${at}`),
      text: new Map([
        ["a", half],
        ["b", half],
      ]),
    }));

  test("a write that changes more than it may is refused and does nothing", async () => {
    const { write, engine, context } = await begin();
    for (const one of large(34)) await write({ upserts: [one] });
    const tooMuch = { code: "limit-exceeded", details: { limit: "changedBytes" } };
    const set = fields({ more: 1 });
    const filter = { kind: "exists", field: "id" } as const;
    await expect(write({ patchByFilter: { filter, set } })).rejects.toMatchObject(tooMuch);
    const patches = large(34).map(({ id }) => ({ id, ...set }));
    await expect(write({ patches })).rejects.toMatchObject(tooMuch);
    expect((await engine.getNamespace(NAME)).version).toBe(34n);
    // What is changed twice counts once.
    vi.spyOn(context.driver, "write").mockRejectedValue(new Error("it may"));
    const twice = write({
      patchByFilter: { filter: { kind: "not", filter: { ...ID_IS, value: "id-0" } }, set },
      patches: patches.slice(1),
    });
    await expect(twice).rejects.toThrow("it may");
  });

  test("writes that wait go together as far as their bytes do", async () => {
    const { write, context } = await begin();
    const sizes: number[] = [];
    const { driver } = context;
    const spied = vi.spyOn(driver, "write").mockImplementation((parts) => {
      sizes.push(parts.reduce((sum, part) => sum + part.length, 0));
      return Promise.reject(new Error("seen"));
    });
    const writes = Array.from({ length: 8 }, () => write({ upserts: large(9) }));
    await Promise.allSettled(writes);
    spied.mockRestore();
    // The first begins at once; of the others three fit into each commit.
    expect(sizes.map((size) => Math.round(size / 1_000_000))).toEqual([9, 27, 27, 9]);
  });
});
