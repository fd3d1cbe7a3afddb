import { expect, test, vi } from "vitest";
import type { Document } from "../model/document.ts";
import { parseSchema } from "../model/plain-schema.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { EngineSettings } from "./context.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { NamespaceWriter } from "./writer.ts";

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
  return { world, engine, context, flush };
}

test("documents of a page that are too large for one write go into several", async () => {
  const { engine } = await begin(Array<number>(40).fill(1), 500_000);
  const sizes: number[] = [];
  const write = vi.spyOn(NamespaceWriter.prototype, "write").mockImplementation(async ({ upserts }) => {
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
  expect(write.mock.calls.flatMap(([{ upserts }]) => upserts.map(({ id }) => id))).toEqual(ids(40));
  expect(sizes).toEqual([16, 16, 8]);
  write.mockRestore();
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

/** Deletes a namespace and makes another of its name with one document, once, before the copy's write of this number (from 1). */
function remake(
  { world, engine }: Awaited<ReturnType<typeof begin>>,
  name: string,
  beforeWrite: number,
  schema = EMPTY_SCHEMA,
): void {
  let writes = 0;
  world.beforeCommand = async ({ case: kind }) => {
    if (kind !== "commitBatch" || ++writes !== beforeWrite) return;
    await engine.deleteNamespace(named(name));
    await engine.createNamespace(named(name), { schema });
    await engine.write(named(name), {
      upserts: [{ ...document(7_000n, 0), text: new Map() }],
      patches: [],
      deletes: [],
    });
  };
}

async function idsIn(engine: Awaited<ReturnType<typeof begin>>["engine"], name: string) {
  const { documents } = await engine.exportPage(named(name), { consistency: "strong", limit: 1_000 });
  return documents.map(({ id }) => id);
}

const OTHER_SCHEMA = parseSchema({ vectors: { body: { dimensions: 2 } } });

test.for([
  ["the same schema, before the first write", 1, EMPTY_SCHEMA],
  ["the same schema, before the second write", 2, EMPTY_SCHEMA],
  ["another schema, before the second write", 2, OTHER_SCHEMA],
] as const)(
  "a copy whose target was deleted and made again does not touch the new one: %s",
  async ([, at, schema]) => {
    const begun = await begin([600], 10);
    remake(begun, "to", at, schema);
    await expect(begun.engine.copy(named("from"), named("to"), {})).rejects.toMatchObject({
      code: "not-found",
    });
    expect(await idsIn(begun.engine, "to")).toEqual([7_000n]);
  },
);

test("a copy whose source was deleted and made again is not mixed from both", async () => {
  const begun = await begin([600], 10);
  remake(begun, "from", 1);
  await expect(begun.engine.copy(named("from"), named("to"), {})).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(begun.engine.getNamespace(named("to"))).rejects.toMatchObject({ code: "not-found" });
  expect(await idsIn(begun.engine, "from")).toEqual([7_000n]);
});
