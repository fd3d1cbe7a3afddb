import { expect, test } from "vitest";
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

/** An engine whose background work only runs when it is told to. */
async function begin(settings: Partial<EngineSettings>) {
  const world = new EngineWorld("merge-test");
  const { engine, context } = world.engine({ flushAfterMs: 0, ...settings });
  await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  const workers = searchWorkers({ context, states: engine.states, isLeader: () => true });
  const { signal } = new AbortController();
  const run = async (name: string) => {
    const worker = workers.find((one) => one.name === name)!;
    while ((await worker.runUnit(signal)) === "more");
  };
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
