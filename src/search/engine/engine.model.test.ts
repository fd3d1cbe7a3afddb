import { describe, expect, test } from "vitest";
import { createPrng, type Prng, toHex } from "../../base/index.ts";
import type { SearchError } from "../errors.ts";
import type { Filter } from "../filter/filter.ts";
import { documentPredicate } from "../filter/match-document.ts";
import { compareIds, type Document, type DocumentId, patchDocument } from "../model/document.ts";
import { encodeDocument } from "../model/encode-document.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { Query } from "../query/query.ts";
import { EVERY_FIELD, randomDocument, randomVector } from "../testing/random-documents.ts";
import type { EngineContext } from "./context.ts";
import type { SearchEngine } from "./engine.ts";
import { flushNamespace } from "./flush.ts";
import { mergeNamespace } from "./merge.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { trimNamespace } from "./trim.ts";

/** A namespace as simply as it can be said: the documents at each of its versions. */
interface ModelNamespace {
  version: bigint;
  readonly history: Map<bigint, ReadonlyMap<DocumentId, Document>>;
}

// engine-11 found that a version inside the newest commit was read as the newest one.
const SEEDS = Array.from({ length: Number(process.env.SEARCH_SEEDS ?? 6) }, (_, at) => `engine-${at + 8}`);
const STEPS = Number(process.env.SEARCH_STEPS ?? 80);
const NAMES = ["main", "feature", "experiment"];
const RETENTION_SECONDS = 600;

class Run {
  readonly world: EngineWorld;
  readonly prng: Prng;
  readonly model = new Map<string, ModelNamespace>();
  engine!: SearchEngine;
  context!: EngineContext;
  readonly done = new Map<string, number>();

  constructor(seed: string) {
    this.world = new EngineWorld(seed);
    this.prng = createPrng(seed);
    this.restart();
  }

  /** Another node, which has nothing in memory. */
  restart(): void {
    const { engine, context } = this.world.engine({ memtableBytes: this.prng.pick([1, 100_000_000]) });
    this.engine = engine;
    this.context = context;
  }

  live(documents: ReadonlyMap<DocumentId, Document>): Document[] {
    return [...documents.values()]
      .filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > this.world.nowMs)
      .sort((a, b) => compareIds(a.id, b.id));
  }

  now(name: string): ReadonlyMap<DocumentId, Document> {
    const namespace = this.model.get(name)!;
    return namespace.history.get(namespace.version)!;
  }
}

const named = (name: string) => ({ org: "org", project: "project", name });
const strong = { consistency: "strong" as const };
const noFilter: Pick<WriteBatch, "upserts" | "patches" | "deletes"> = {
  upserts: [],
  patches: [],
  deletes: [],
};

function randomFilter(prng: Prng): Filter {
  const year = prng.between(-5, 20);
  const filters: readonly Filter[] = [
    { kind: "compare", field: "year", operator: prng.pick(["lt", "gte", "eq"]), value: year },
    { kind: "in", field: "color", values: ["red", "blue"] },
    { kind: "not", filter: { kind: "exists", field: "price" } },
    { kind: "compare", field: "sold", operator: "eq", value: true },
  ];
  const one = prng.pick(filters);
  return prng.chance(0.3) ? { kind: "and", filters: [one, prng.pick(filters)] } : one;
}

function document(prng: Prng, id: DocumentId, nowMs: number): Document {
  const { expiresAtMs: _, ...drawn } = randomDocument(prng, id);
  return prng.chance(0.15) ? { ...drawn, expiresAtMs: nowMs + prng.between(1, 400_000) } : drawn;
}

function ids(prng: Prng, count: number): DocumentId[] {
  const all: DocumentId[] = Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? BigInt(at) : `id-${at}`));
  return prng.shuffle(all).slice(0, count);
}

function randomBatch(run: Run): WriteBatch {
  const { prng, world } = run;
  const [some, patched, deleted] = [prng.between(1, 6), prng.below(3), prng.below(3)];
  const chosen = ids(prng, some + patched + deleted);
  const kind = prng.pick(["plain", "plain", "plain", "patch", "filters", "condition"]);
  const upserts = chosen.slice(0, some).map((id) => document(prng, id, world.nowMs));
  if (kind === "plain") return { ...noFilter, upserts, deletes: chosen.slice(some, some + deleted) };
  const patches = chosen.slice(some, some + patched).map((id) => {
    const { vectors, sparse, text, attributes } = document(prng, id, world.nowMs);
    return { id, vectors, sparse, text, attributes: new Map([...attributes, ["color", null]]) };
  });
  const deletes = chosen.slice(some + patched);
  if (kind === "patch") return { upserts, patches, deletes };
  if (kind === "condition") {
    const condition: Filter = prng.pick<Filter>([
      { kind: "exists", field: "id" },
      { kind: "not", filter: { kind: "exists", field: "id" } },
      { kind: "compare-new", field: "year", operator: "lt", newField: "year" },
    ]);
    // A delete has no new row that the condition could speak of.
    return { upserts, patches, deletes: condition.kind === "compare-new" ? [] : deletes, condition };
  }
  const set = { vectors: new Map(), sparse: new Map(), text: new Map(), attributes: new Map([["year", 77]]) };
  return {
    ...noFilter,
    deleteByFilter: randomFilter(prng),
    patchByFilter: { filter: randomFilter(prng), set },
  };
}

/** What the write makes of the documents, by the definition of a batch. */
function applied(run: Run, name: string, batch: WriteBatch): ReadonlyMap<DocumentId, Document> {
  const before = new Map(run.live(run.now(name)).map((one) => [one.id, one]));
  const after = new Map(run.now(name));
  const matches = (filter: Filter) => documentPredicate(filter, () => false);
  const gone = new Set<DocumentId>();
  if (batch.deleteByFilter !== undefined) {
    for (const one of before.values()) if (matches(batch.deleteByFilter)(one)) gone.add(one.id);
    for (const id of gone) after.delete(id);
  }
  if (batch.patchByFilter !== undefined) {
    for (const one of before.values()) {
      if (gone.has(one.id) || !matches(batch.patchByFilter.filter)(one)) continue;
      after.set(one.id, patchDocument(one, batch.patchByFilter.set));
    }
  }
  const holds = batch.condition === undefined ? () => true : matches(batch.condition);
  for (const one of batch.upserts) if (holds(before.get(one.id), one)) after.set(one.id, one);
  for (const patch of batch.patches) {
    const old = before.get(patch.id);
    if (old === undefined) continue;
    const next = patchDocument(old, patch);
    if (holds(old, next)) after.set(patch.id, next);
  }
  for (const id of batch.deletes) if (holds(before.get(id))) after.delete(id);
  return after;
}

async function write(run: Run, name: string): Promise<void> {
  const batch = randomBatch(run);
  const namespace = run.model.get(name)!;
  const after = applied(run, name, batch);
  const result = await run.engine.write(named(name), batch);
  namespace.version++;
  namespace.history.set(namespace.version, after);
  expect(result.version).toBe(namespace.version);
}

/** Several writers at once: whatever the order, it is that of their versions. */
async function writeTogether(run: Run, name: string): Promise<void> {
  const namespace = run.model.get(name)!;
  const batches = Array.from({ length: run.prng.between(2, 5) }, () => randomBatch(run));
  const plain = batches.filter(
    (batch) => batch.condition === undefined && batch.deleteByFilter === undefined,
  );
  const results = await Promise.all(plain.map((batch) => run.engine.write(named(name), batch)));
  const ordered = plain
    .map((batch, at) => ({ batch, version: results[at]!.version }))
    .sort((a, b) => Number(a.version - b.version));
  for (const { batch, version } of ordered) {
    const after = applied(run, name, batch);
    namespace.version++;
    expect(version).toBe(namespace.version);
    namespace.history.set(version, after);
  }
}

async function branch(run: Run, name: string): Promise<void> {
  const target = run.prng.pick(NAMES);
  const namespace = run.model.get(name)!;
  const version = run.prng.pick([namespace.version, run.prng.pick([...namespace.history.keys()])]);
  const at = run.prng.chance(0.5) ? {} : { at: { kind: "version" as const, version } };
  const wanted = "at" in at ? version : namespace.version;
  const outcome = await run.engine
    .branch(named(name), named(target), at)
    .catch((error: SearchError) => error.code);
  if (run.model.has(target)) {
    expect(outcome).toBe("already-exists");
    return;
  }
  if (outcome === "failed-precondition") return;
  expect(outcome).toMatchObject({ version: wanted, parent: { version: wanted } });
  const documents = namespace.history.get(wanted)!;
  run.model.set(target, { version: wanted, history: new Map([[wanted, documents]]) });
}

const encoded = (documents: readonly (Document | undefined)[]) =>
  documents.map((one) => (one === undefined ? undefined : toHex(encodeDocument(one))));

async function exported(run: Run, name: string, at: object): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await run.engine.exportPage(named(name), {
      ...strong,
      limit: 7,
      ...(cursor === undefined ? at : { cursor }),
    });
    documents.push(...page.documents);
    if (page.nextCursor === undefined) return documents;
    cursor = page.nextCursor;
  }
}

async function compare(run: Run, name: string): Promise<void> {
  const documents = run.live(run.now(name));
  expect(encoded(await exported(run, name, {}))).toEqual(encoded(documents));
  const asked = ids(run.prng, 10);
  const { documents: found, version } = await run.engine.fetch(named(name), asked, strong);
  expect(version).toBe(run.model.get(name)!.version);
  const known = new Map(documents.map((one) => [one.id, one]));
  expect(encoded(found)).toEqual(encoded(asked.map((id) => known.get(id))));
  await compareQueries(run, name, documents);
}

/** The same query on one unit of the model's documents. */
async function compareQueries(run: Run, name: string, documents: readonly Document[]): Promise<void> {
  const common = {
    facets: [{ field: "color", limit: 5 }],
    projection: { kind: "all" },
    explain: false,
  } as const;
  const queries: Query[] = [
    {
      ...common,
      topK: 5,
      filter: randomFilter(run.prng),
      legs: [{ kind: "vector", field: "vector", vector: randomVector(run.prng, 4), exact: true, weight: 1 }],
      ranking: { kind: "rrf", k: 60 },
    },
    {
      ...common,
      topK: 50,
      legs: [{ kind: "text", query: "harbour seal", match: "any", lastAsPrefix: false, weight: 1 }],
      ranking: { kind: "rrf", k: 60 },
    },
    {
      ...common,
      topK: 8,
      legs: [],
      ranking: { kind: "order", keys: [{ field: "year", direction: "desc", missing: "last" }] },
    },
  ];
  const { results } = await run.engine.query(named(name), queries, strong);
  const { kernel } = run.context;
  const twin = kernel.memoryUnit("twin", documents, EVERY_FIELD);
  const expected = await kernel.query(
    queries,
    { units: [twin], schema: EVERY_FIELD },
    { nowMs: run.world.nowMs },
  );
  for (const [at, result] of results.entries()) {
    // BM25 counts deleted rows too, until they are merged away: which documents match does not depend on it, their scores do.
    const isText = queries[at]?.legs[0]?.kind === "text";
    const shown = ({ hits, facets }: (typeof results)[number]) => ({
      hits: isText
        ? hits.map(({ id }) => `${id}`).sort()
        : hits.map(({ id, score }) => [id, score?.toFixed(6)]),
      facets,
    });
    expect(shown(result)).toEqual(shown(expected[at]!));
  }
}

/** A state of the past is what it was, or is refused because it is too old. */
async function comparePast(run: Run, name: string): Promise<void> {
  const namespace = run.model.get(name)!;
  const version = run.prng.pick([...namespace.history.keys()]);
  const at = { at: { kind: "version" as const, version } };
  const outcome = await exported(run, name, at).catch((error: SearchError) => error.code);
  if (outcome === "failed-precondition") return;
  expect(encoded(outcome as readonly Document[])).toEqual(encoded(run.live(namespace.history.get(version)!)));
  run.done.set("past", (run.done.get("past") ?? 0) + 1);
}

async function step(run: Run): Promise<void> {
  const { prng, world } = run;
  const known = [...run.model.keys()];
  const name = known.length === 0 ? undefined : prng.pick(known);
  const kind = prng.pick([
    "create",
    ...Array.from({ length: 8 }, () => "write"),
    "together",
    "flush",
    "flush",
    "flush",
    "merge",
    "merge",
    "branch",
    "branch",
    "past",
    "past",
    "restart",
    "trim",
    "wait",
    "delete",
  ]);
  run.done.set(kind, (run.done.get(kind) ?? 0) + 1);
  if (kind === "wait") world.replica.timeMs += prng.below(400_000);
  if (kind === "restart") run.restart();
  if (name === undefined || kind === "create") {
    const target = prng.pick(NAMES);
    const created = await run.engine.createNamespace(named(target), {
      schema: EVERY_FIELD,
      settings: { retentionSeconds: RETENTION_SECONDS },
    });
    expect(created.kind).toBe(run.model.has(target) ? "existing" : "created");
    if (created.kind === "created")
      run.model.set(target, { version: 0n, history: new Map([[0n, new Map()]]) });
    return;
  }
  const { id } = await run.engine.getNamespace(named(name));
  if (kind === "write") await write(run, name);
  if (kind === "together") await writeTogether(run, name);
  if (kind === "flush") await flushNamespace(run.context, run.engine.states, id);
  if (kind === "merge") await mergeNamespace(run.context, run.engine.states, id, (all) => all.slice(0, 3));
  if (kind === "branch") await branch(run, name);
  if (kind === "past") await comparePast(run, name);
  if (kind === "trim") await trimNamespace(run.context, run.context.store.view.namespace(id)!);
  if (kind === "delete" && prng.chance(0.3)) {
    await run.engine.deleteNamespace(named(name));
    run.model.delete(name);
    return;
  }
  await compare(run, name);
}

describe.each(SEEDS)("seed %s", { timeout: 180_000 }, (seed) => {
  test("a namespace is what was written to it, whatever flushes, merges, branches, restarts and trims there were", async () => {
    const run = new Run(seed);
    for (let at = 0; at < STEPS; at++) {
      await step(run);
      if (at % 10 === 0) for (const name of run.model.keys()) await compare(run, name);
    }
    for (const name of run.model.keys()) {
      await compare(run, name);
      expect((await run.engine.verify(named(name), {})).problems).toEqual([]);
    }
    expect(await run.world.replica.violations()).toEqual([]);
  });
});
