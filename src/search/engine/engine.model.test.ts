import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import type { DirectoryStore } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import type { Query } from "../query/query.ts";
import { MemoryOutsideStore } from "../testing/memory-outside-store.ts";
import { EVERY_FIELD, randomVector } from "../testing/random-documents.ts";
import type { EngineContext } from "./context.ts";
import type { SearchEngine } from "./engine.ts";
import { flushNamespace } from "./flush.ts";
import { mergeNamespace } from "./merge.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import {
  applied,
  type Documents,
  encoded,
  live,
  randomBatch,
  randomFilter,
  randomIds,
} from "./testing/plain-batches.ts";
import { trimNamespace } from "./trim.ts";

/** A namespace as simply as it can be said: the documents at each of its versions. */
interface ModelNamespace {
  version: bigint;
  readonly history: Map<bigint, Documents>;
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
    const stores = new Map([
      ["/one", new MemoryOutsideStore()],
      ["/two", new MemoryOutsideStore()],
    ]);
    this.world.openStore = ({ value }) => stores.get((value as DirectoryStore).path)!;
    this.restart();
  }

  /** Another node, which has nothing in memory. */
  restart(): void {
    const { engine, context } = this.world.engine({ memtableBytes: this.prng.pick([1, 100_000_000]) });
    this.engine = engine;
    this.context = context;
  }

  live(documents: Documents): Document[] {
    return live(documents, this.world.nowMs);
  }

  now(name: string): Documents {
    const namespace = this.model.get(name)!;
    return namespace.history.get(namespace.version)!;
  }
}

const named = (name: string) => ({ org: "org", project: "project", name });
const strong = { consistency: "strong" as const };
async function write(run: Run, name: string): Promise<void> {
  const batch = randomBatch(run.prng, run.world.nowMs);
  const namespace = run.model.get(name)!;
  const after = applied(run.now(name), batch, run.world.nowMs);
  const result = await run.engine.write(named(name), batch);
  namespace.version++;
  namespace.history.set(namespace.version, after);
  expect(result.version).toBe(namespace.version);
}

/** Several writers at once: whatever the order, it is that of their versions. */
async function writeTogether(run: Run, name: string): Promise<void> {
  const namespace = run.model.get(name)!;
  const batches = Array.from({ length: run.prng.between(2, 5) }, () =>
    randomBatch(run.prng, run.world.nowMs),
  );
  const plain = batches.filter(
    (batch) => batch.condition === undefined && batch.deleteByFilter === undefined,
  );
  const results = await Promise.all(plain.map((batch) => run.engine.write(named(name), batch)));
  const ordered = plain
    .map((batch, at) => ({ batch, version: results[at]!.version }))
    .sort((a, b) => Number(a.version - b.version));
  for (const { batch, version } of ordered) {
    const after = applied(run.now(name), batch, run.world.nowMs);
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
    // A version that is over may be found out first.
    expect(["already-exists", ...("at" in at ? ["failed-precondition"] : [])]).toContain(outcome);
    return;
  }
  if (outcome === "failed-precondition") return;
  expect(outcome).toMatchObject({ version: wanted, parent: { version: wanted } });
  const documents = namespace.history.get(wanted)!;
  run.model.set(target, { version: wanted, history: new Map([[wanted, documents]]) });
}

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
  const asked = randomIds(run.prng, 10);
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
    "store",
    "collect",
  ]);
  run.done.set(kind, (run.done.get(kind) ?? 0) + 1);
  if (kind === "wait") world.replica.timeMs += prng.below(400_000);
  if (kind === "restart") run.restart();
  if (kind === "store") world.setStore(prng.pick(["/one", "/two", undefined]));
  if (kind === "collect") await world.collect();
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
    // Outside is what the metadata have there, and, once nothing can be committed late any more, nothing else.
    const recorded = await run.world.recorded();
    expect(await run.world.stored()).toEqual(expect.arrayContaining([...recorded]));
    run.world.replica.timeMs += 49 * 60 * 60 * 1000;
    const stored = await run.world.collect();
    expect(stored).toEqual(await run.world.recorded());
    expect(await run.world.replica.violations()).toEqual([]);
  });
});
