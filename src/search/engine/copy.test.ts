import { expect, test, vi } from "vitest";
import type { Document } from "../model/document.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { EngineSettings } from "./context.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const named = (name: string) => ({ org: "org", project: "project", name });
const ids = (count: number) => Array.from({ length: count }, (_, at) => BigInt(at));

function document(id: bigint, bytes: number): Document {
  const text = new Map([["body", "t".repeat(bytes)]]);
  return { id, vectors: new Map(), sparse: new Map(), text, attributes: new Map() };
}

/** Each of `writes` is one write of so many documents. */
async function begin(writes: readonly number[], bytes: number, settings: Partial<EngineSettings> = {}) {
  const world = new EngineWorld("copy-test");
  const { engine, context } = world.engine(settings);
  await engine.createNamespace(named("from"), { schema: EMPTY_SCHEMA });
  const flush = async (name: string) => {
    const { id } = await engine.getNamespace(named(name));
    await flushNamespace(context, engine.states, id);
  };
  let next = 0n;
  for (const count of writes) {
    const upserts = ids(count).map(() => document(next++, bytes));
    await engine.write(named("from"), { upserts, patches: [], deletes: [] });
  }
  return { engine, context, flush };
}

test("documents of a page that are too large for one write go into several", async () => {
  const { engine } = await begin(Array<number>(40).fill(1), 500_000);
  const sizes: number[] = [];
  const write = vi.spyOn(engine, "write").mockImplementation(async (_name, { upserts }) => {
    sizes.push(upserts.length);
    return Promise.resolve({
      version: 1n,
      upserted: upserts.length,
      patched: 0,
      deleted: 0,
      repeated: false,
    });
  });
  await engine.copy(named("from"), named("to"), {});
  expect(write.mock.calls.flatMap(([, { upserts }]) => upserts.map(({ id }) => id))).toEqual(ids(40));
  expect(sizes).toEqual([16, 16, 8]);
});

test("a copy waits while too much of it is to be indexed", async () => {
  // More than a page, so that the second write finds the first one.
  const { engine, context, flush } = await begin([600], 10, { unindexedBytes: 1 });
  const delays: number[] = [];
  vi.spyOn(context.timers, "sleep").mockImplementation(async (delayMs) => {
    delays.push(delayMs);
    if (delays.length === 2) await flush("to");
  });
  await engine.copy(named("from"), named("to"), {});
  expect(delays).toEqual([1_000, 1_000]);
  const { documents } = await engine.exportPage(named("to"), { consistency: "strong", limit: 1_000 });
  expect(documents.map(({ id }) => id)).toEqual(ids(600));
});

test("whoever does not wait for a copy any more leaves nothing of it behind", async () => {
  const { engine, context } = await begin([600], 10, { unindexedBytes: 1 });
  const gone = new AbortController();
  vi.spyOn(context.timers, "sleep").mockImplementation((_delayMs, signal) => {
    gone.abort(new Error("gone"));
    return Promise.reject(signal?.reason as Error);
  });
  const copying = engine.copy(named("from"), named("to"), { signal: gone.signal });
  await expect(copying).rejects.toThrow("gone");
  await expect(engine.getNamespace(named("to"))).rejects.toMatchObject({ code: "not-found" });
});
