import { afterEach, expect, test, vi } from "vitest";
import { compareIds, type Document, type DocumentId } from "../model/document.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import { MemoryUnit } from "../unit/memory-unit.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { trimNamespace } from "./trim.ts";

const NAME = { org: "org", project: "project", name: "main" };

afterEach(() => vi.restoreAllMocks());

function document(id: DocumentId, value: number, expiresAtMs?: number): Document {
  const attributes = new Map([["value", value]]);
  const plain = { id, vectors: new Map(), sparse: new Map(), text: new Map(), attributes };
  return expiresAtMs === undefined ? plain : { ...plain, expiresAtMs };
}

async function begin() {
  const world = new EngineWorld("export-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  const write = (upserts: readonly Document[], deletes: readonly DocumentId[] = []) =>
    engine.write(NAME, { upserts, patches: [], deletes });
  const flush = () => flushNamespace(context, engine.states, namespace.id);
  const page = (limit: number, cursor?: string) =>
    engine.exportPage(NAME, { consistency: "strong", limit, ...(cursor !== undefined && { cursor }) });
  return { world, engine, context, write, flush, page };
}

test("a page looks at its own rows and not at all of them, in segments and in memory", async () => {
  const { world, write, flush, page } = await begin();
  const count = 3_000;
  const id = (i: number) => BigInt((i * 7_919) % count);
  for (let part = 0; part < 3; part++) {
    await write(Array.from({ length: count / 3 }, (_, i) => document(id(part * (count / 3) + i), i)));
    if (part < 2) await flush();
  }
  // The first one opens the segments and puts the ids of the memtable in order.
  let answer = await page(50);
  const [looked, fetched] = [vi.spyOn(RowSet.prototype, "has"), vi.spyOn(MemoryUnit.prototype, "documents")];
  const all = vi.spyOn(RowSet.prototype, "toRows");
  const ids = answer.documents.map((found) => found.id);
  const readsBefore = world.reads;
  let pages = 1;
  for (; answer.nextCursor !== undefined; pages++) {
    looked.mockClear();
    answer = await page(50, answer.nextCursor);
    // Of each of the three units as many as the page has, at most.
    expect(looked.mock.calls.length).toBeLessThanOrEqual(3 * 50);
    ids.push(...answer.documents.map((found) => found.id));
  }
  expect(ids).toEqual(Array.from({ length: count }, (_, i) => BigInt(i)));
  expect(pages).toBe(count / 50 + 1);
  expect(all).not.toHaveBeenCalled();
  const inMemory = fetched.mock.calls.reduce((sum, [rows]) => sum + rows.length, 0);
  expect(inMemory).toBeLessThanOrEqual(count / 3);
  // Whatever blocks the cache has not: about those of each page, and not of the whole each time.
  expect(world.reads - readsBefore).toBeLessThanOrEqual(2 * pages);
});

test("pages have what lives, in the order of the ids, in the state that the first one began with", async () => {
  const { world, write, flush, page } = await begin();
  const soon = world.nowMs + 10_000;
  const ids = [...Array.from({ length: 40 }, (_, i) => BigInt(i)), ...Array.from("abcdefgh")];
  const dead = new Set<DocumentId>([3n, 7n, "c", 20n, 21n, 22n, 23n]);
  await write(
    ids.slice(0, 30).map((id) => document(id, 1, dead.has(id) && id === 7n ? world.nowMs - 1 : undefined)),
  );
  await flush();
  await write(ids.slice(20).map((id) => document(id, 2, id === "h" ? soon : undefined)));
  await flush();
  await write(
    [document(5n, 3)],
    [...dead].filter((id) => id !== 7n),
  );
  const wanted = ids.filter((id) => !dead.has(id)).sort(compareIds);
  const found: Document[] = [];
  let answer = await page(6);
  found.push(...answer.documents);
  // What happens meanwhile is of a later state.
  await write([document("new", 9), document(30n, 9)], [31n]);
  await flush();
  world.replica.timeMs = soon + 1;
  while (answer.nextCursor !== undefined) {
    answer = await page(6, answer.nextCursor);
    found.push(...answer.documents);
  }
  expect(found.map(({ id }) => id)).toEqual(wanted);
  expect(found.find(({ id }) => id === 5n)?.attributes.get("value")).toBe(3);
  expect(found.find(({ id }) => id === 30n)?.attributes.get("value")).toBe(2);
});

test("a state of the past is made once for all of its pages, as long as it may be read", async () => {
  const { world, engine, context, write, flush, page } = await begin();
  for (let id = 0n; id < 40n; id++) await write([document(id, 1)]);
  let answer = await page(4);
  await write([document(1n, 2)]);
  await flush();
  const [built, read] = [vi.spyOn(context.kernel, "memoryUnit"), vi.spyOn(context.driver, "read")];
  const found = [...answer.documents];
  for (let pages = 2; answer.nextCursor !== undefined; pages++) {
    answer = await page(4, answer.nextCursor);
    found.push(...answer.documents);
    // Others are read meanwhile.
    if (pages % 2 === 0) await engine.fetch(NAME, [1n], { consistency: "strong" });
    expect(built.mock.calls.length).toBe(1);
    expect(read.mock.calls.length).toBeLessThanOrEqual(1);
  }
  expect(found.map(({ attributes }) => attributes.get("value"))).toEqual(Array(40).fill(1));
  // Of many versions the last ones.
  const at = (version: bigint) =>
    engine.fetch(NAME, [0n], { consistency: "strong", at: { kind: "version", version } });
  for (let version = 1n; version <= 20n; version++) await at(version);
  built.mockClear();
  await at(20n);
  expect(built.mock.calls.length).toBe(0);
  await at(5n);
  expect(built.mock.calls.length).toBe(1);
  // What is kept is not what may be read.
  world.replica.timeMs += 3_600_000 + 60_000;
  while (await trimNamespace(context, world.view.namespace(1n)!));
  await expect(at(20n)).rejects.toMatchObject({ code: "failed-precondition" });
});

test("a page of large documents ends early, and the next one goes on behind it", async () => {
  const { write, page } = await begin();
  const text = new Map([["body", "t".repeat(500_000)]]);
  const ids = Array.from({ length: 100 }, (_, at) => BigInt(at));
  for (const id of ids) await write([{ ...document(id, 1), ...(id < 80n && { text }) }]);
  const lengths: number[] = [];
  const found: DocumentId[] = [];
  for (let cursor: string | undefined; ; ) {
    const answer = await page(1_000, cursor);
    lengths.push(answer.documents.length);
    found.push(...answer.documents.map(({ id }) => id));
    cursor = answer.nextCursor;
    if (cursor === undefined) break;
  }
  expect(found).toEqual(ids);
  // Read 64 at a time; 17 of the large ones are as much as a page holds.
  expect(lengths).toEqual([64, 36]);
});
