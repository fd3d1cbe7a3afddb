import { afterEach, expect, test, vi } from "vitest";
import { StateView } from "../../meta/view.ts";
import type { Document } from "../model/document.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { EngineSettings } from "./context.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { searchWorkers } from "./workers.ts";

const NAME = { org: "org", project: "project", name: "main" };

function document(id: bigint): Document {
  const attributes = new Map([["value", Number(id)]]);
  return { id, vectors: new Map(), sparse: new Map(), text: new Map(), attributes };
}

afterEach(() => vi.restoreAllMocks());

/** A node that has just been started, and whose background work only runs when it is told to. */
function node(world: EngineWorld, settings: Partial<EngineSettings>) {
  const { engine, context } = world.engine({ flushAfterMs: 0, ...settings });
  const workers = searchWorkers({ context, states: engine.states, isLeader: () => true });
  const { signal } = new AbortController();
  const run = async (name: string) => {
    const worker = workers.find((one) => one.name === name)!;
    while ((await worker.runUnit(signal)) === "more");
  };
  return { engine, context, run };
}

async function begin(settings: Partial<EngineSettings>) {
  const world = new EngineWorld("merge-test");
  const { engine, context, run } = node(world, settings);
  await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  let [next, flushes] = [1n, 0];
  return {
    world,
    engine,
    context,
    async flush(documents: number) {
      const upserts = Array.from({ length: documents }, () => document(next++));
      await engine.write(NAME, { upserts, patches: [], deletes: [] });
      world.replica.timeMs += 1;
      await run("search-flush");
      expect((await engine.getNamespace(NAME)).statistics.unindexedBatches, `flush ${++flushes}`).toBe(0);
    },
    merge: () => run("search-merge"),
    segments: async () => (await engine.getNamespace(NAME)).statistics.segments,
    /** Every document is there once, and all parts of all segments agree. */
    async check() {
      const ids = Array.from({ length: Number(next) - 1 }, (_, i) => BigInt(i + 1));
      const { documents } = await engine.fetch(NAME, ids, { consistency: "strong" });
      expect(documents.map((found) => found?.attributes.get("value"))).toEqual(ids.map(Number));
      const report = await engine.verify(NAME, {});
      expect([report.documents, report.problems]).toEqual([BigInt(ids.length), []]);
    },
  };
}

test("what does not fit into one merge is merged as far as it does, and then stays", async () => {
  const { flush, merge, segments, check } = await begin({ mergeRows: 35 });
  for (let i = 0; i < 4; i++) await flush(10);
  expect(await segments()).toBe(4);
  await merge();
  expect(await segments()).toBe(2);
  for (let i = 0; i < 3; i++) await flush(10);
  await merge();
  expect(await segments()).toBe(3);
  await check();
});

test("a namespace that has come to rest becomes one segment, and not before", async () => {
  const { world, flush, merge, segments, check } = await begin({ mergeRestMs: 60_000 });
  for (let i = 0; i < 3; i++) await flush(10);
  world.replica.timeMs += 59_000;
  await merge();
  expect(await segments()).toBe(3);
  world.replica.timeMs += 1_000;
  await merge();
  expect(await segments()).toBe(1);
  // What little comes afterwards does not have all of it written again.
  await flush(1);
  world.replica.timeMs += 60_000;
  await merge();
  await check();
});

/** As if the namespace had so many in all. */
function pretend(more: { readonly segments?: bigint; readonly past?: bigint }) {
  const real = StateView.prototype.namespace;
  return vi.spyOn(StateView.prototype, "namespace").mockImplementation(function (this: StateView, id) {
    const row = real.call(this, id);
    return row?.totals === undefined ? row : { ...row, totals: { ...row.totals, ...more } };
  });
}

test("a namespace that is full of segments is merged by a node that never flushed it, and then flushed", async () => {
  const { world, engine, flush, check, segments } = await begin({});
  for (let i = 0; i < 4; i++) await flush(10);
  await engine.write(NAME, { upserts: [document(1n)], patches: [], deletes: [] });
  world.replica.timeMs += 1;
  const fresh = node(world, {});
  const built = vi.spyOn(fresh.context.kernel, "buildSegment");
  const full = pretend({ segments: 2_048n });
  // Looking is enough: no segment is made that would be refused, however often it is tried.
  for (let i = 0; i < 3; i++) await fresh.run("search-flush");
  expect(built).not.toHaveBeenCalled();
  full.mockRestore();
  expect(await segments()).toBe(4);
  await fresh.run("search-merge");
  expect(await segments()).toBe(1);
  await fresh.run("search-flush");
  expect(built).toHaveBeenCalledTimes(1);
  expect((await engine.getNamespace(NAME)).statistics.unindexedBatches).toBe(0);
  await check();
});

test("a namespace that is full of rows of the past waits until they are trimmed", async () => {
  const { world, engine, flush, segments } = await begin({});
  for (let i = 0; i < 4; i++) await flush(10);
  await engine.write(NAME, { upserts: [document(1n)], patches: [], deletes: [] });
  world.replica.timeMs += 1;
  const fresh = node(world, {});
  const built = vi.spyOn(fresh.context.kernel, "buildSegment");
  const full = pretend({ past: 1_000_000n });
  await fresh.run("search-flush");
  full.mockRestore();
  // A merge would be refused as well.
  await fresh.run("search-merge");
  expect([await segments(), built.mock.calls.length]).toEqual([4, 0]);
  await fresh.run("search-flush");
  expect(await segments()).toBe(5);
});

test("compact is done when nothing more fits together, however many segments that leaves", async () => {
  const { engine, flush, check } = await begin({ mergeRows: 35 });
  for (const documents of [20, 20, 10]) await flush(documents);
  expect(await engine.compact(NAME, {})).toEqual({ segmentsBefore: 3, segmentsAfter: 2, done: true });
  expect(await engine.compact(NAME, {})).toEqual({ segmentsBefore: 2, segmentsAfter: 2, done: true });
  await check();
});

test("merges wait for room beside others, and are refused where many wait", async () => {
  const { engine, context, flush, check } = await begin({});
  const other = { ...NAME, name: "other" };
  await engine.createNamespace(other, { schema: EMPTY_SCHEMA });
  for (let i = 0; i < 2; i++) {
    await engine.write(other, { upserts: [document(BigInt(i))], patches: [], deletes: [] });
    await flush(10);
  }
  const { merging } = context;
  const others = await merging.acquire(merging.limit);
  const waits = Array.from({ length: 63 }, () => merging.acquire(1));
  const compacting = engine.compact(NAME, {});
  await expect.poll(() => merging.waiting).toBe(64);
  await expect(engine.compact(other, {})).rejects.toMatchObject({
    code: "overloaded",
    details: { most: 64 },
  });
  others.release();
  for (const wait of waits) (await wait).release();
  expect(await compacting).toEqual({ segmentsBefore: 2, segmentsAfter: 1, done: true });
  expect(await engine.compact(other, {})).toMatchObject({ segmentsAfter: 1, done: true });
  expect(merging.held).toBe(0);
  await check();
});
