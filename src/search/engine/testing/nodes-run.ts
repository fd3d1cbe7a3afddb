/** Clients of several nodes that fail and crash, and the plain history that everything they saw must fit. */

import { createPrng, type Prng } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";
import type { Document, DocumentId } from "../../model/document.ts";
import type { Schema } from "../../model/schema.ts";
import type { WriteBatch } from "../../model/write-batch.ts";
import type { Query } from "../../query/query.ts";
import type { QueryResult } from "../../query/result.ts";
import type { Consistency, WriteResult } from "../../service.ts";
import { EVERY_FIELD, randomVector } from "../../testing/random-documents.ts";
import { flushNamespace } from "../flush.ts";
import { mergeNamespace } from "../merge.ts";
import { trimNamespace } from "../trim.ts";
import { NodeWorld, type WorldNode } from "./node-world.ts";
import { applied, type Documents, randomBatch, randomFilter, randomIds } from "./plain-batches.ts";
import { Turns } from "./turns.ts";

const NAMES = ["main", "feature", "experiment"];
const CLIENTS = 4;
const MAX_ATTEMPTS = 500;
const RETENTION_SECONDS = 600;
/** Refusals after which the same may be asked again. Time jumps here, so that deadlines pass. */
const FOR_NOW: ReadonlySet<string> = new Set(["unavailable", "overloaded", "deadline-exceeded"]);
const GROWING = ["extra-0", "extra-1", "extra-2"];

/** What documents may come to have: the fields that writes bring are added while they run, by several nodes at once. */
export const GROWN_SCHEMA: Schema = {
  ...EVERY_FIELD,
  attributes: new Map([
    ...EVERY_FIELD.attributes,
    ...GROWING.map((name) => [name, { type: "int", array: false, filterable: true }] as const),
  ]),
};

/** A namespace from when it was made until it was deleted; a name may have several of them, one after the other. */
export interface Life {
  readonly name: string;
  readonly parent: { readonly life: Life; readonly version: bigint } | undefined;
  /** What got a version, by it. */
  readonly writes: Map<bigint, WriteBatch>;
  /** Greatest version that a client was told. */
  acknowledged: bigint;
  /** Calls under way; it is deleted when there are none. */
  busy: number;
}

/** What a read showed, to be compared when the history is known. */
export type Seen = { readonly life: Life; readonly version: bigint } & (
  | { readonly kind: "all"; readonly documents: readonly Document[] }
  | {
      readonly kind: "some";
      readonly ids: readonly DocumentId[];
      readonly documents: readonly (Document | undefined)[];
    }
  | { readonly kind: "query"; readonly queries: readonly Query[]; readonly results: readonly QueryResult[] }
);

export class NodesRun {
  readonly prng: Prng;
  readonly world: NodeWorld;
  readonly live = new Map<string, Life>();
  readonly lives: Life[] = [];
  readonly seen: Seen[] = [];
  /** How often what was done: a run that did nothing proves nothing. */
  readonly counts = new Map<string, number>();
  readonly #turns: Turns;
  readonly #taken = new Set<string>();
  #keys = 0;
  #clients = CLIENTS;

  constructor(seed: string) {
    this.prng = createPrng(seed);
    this.#turns = new Turns(this.prng.fork("turns"));
    this.world = new NodeWorld({
      prng: this.prng.fork("world"),
      turns: this.#turns,
      nodes: 3,
      failureChance: this.prng.pick([0, 0.02, 0.1]),
    });
  }

  async run(steps: number): Promise<void> {
    const clients = Array.from({ length: CLIENTS }, () => this.#client(Math.ceil(steps / CLIENTS)));
    await this.#turns.run([...clients, this.#upkeep(), this.#trouble()]);
    this.world.heal();
    await this.#turns.run([this.#settle()]);
  }

  /** Everything once more, from every node. */
  async #settle(): Promise<void> {
    for (const life of this.live.values())
      for (const node of this.world.nodes) await this.#readAll(life, "strong", () => node);
  }

  /** Runs `work` to its end with turns. */
  async withTurns<T>(work: Promise<T>): Promise<T> {
    await this.#turns.run([work]);
    return work;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  #node = (): WorldNode => this.prng.pick(this.world.nodes);

  async #client(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) await this.#step();
    this.#clients--;
  }

  async #step(): Promise<void> {
    const { prng } = this;
    const life = this.live.size === 0 ? undefined : prng.pick([...this.live.values()]);
    if (life === undefined || prng.chance(0.05)) return this.#create();
    const kind = prng.pick(["write", "write", "write", "twice", "read", "read", "branch", "past", "delete"]);
    if (kind === "branch") return this.#branch(life);
    if (kind === "delete") return prng.chance(0.2) ? this.#delete(life) : undefined;
    life.busy++;
    if (kind === "write") await this.#write(life);
    if (kind === "twice") await this.#writeTwice(life);
    if (kind === "read") await this.#read(life);
    if (kind === "past") await this.#readPast(life);
    life.busy--;
  }

  /** Until there is an answer, through any node. `isAnswer`: refusals that are one. */
  async #retry<T>(
    call: (node: WorldNode) => Promise<T>,
    isAnswer: (code: string, isFirst: boolean) => boolean = () => false,
    node: () => WorldNode = this.#node,
  ): Promise<T | SearchError> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        return await call(node());
      } catch (error) {
        if (!(error instanceof SearchError)) throw error;
        if (isAnswer(error.code, attempt === 1)) return error;
        if (!FOR_NOW.has(error.code)) throw error;
        this.#count(error.code);
        await this.#turns.next();
      }
    }
    throw new Error("there is no answer to be had");
  }

  // Namespaces

  #begin(name: string, parent: Life["parent"]): void {
    const acknowledged = parent?.version ?? 0n;
    const life: Life = { name, parent, writes: new Map(), acknowledged, busy: 0 };
    this.live.set(name, life);
    this.lives.push(life);
    this.#taken.delete(name);
  }

  /** A name that nobody has or is about to have. */
  #free(): string | undefined {
    const free = NAMES.filter((name) => !this.live.has(name) && !this.#taken.has(name));
    if (free.length === 0) return undefined;
    const name = this.prng.pick(free);
    this.#taken.add(name);
    return name;
  }

  async #create(): Promise<void> {
    const name = this.#free();
    if (name === undefined) return;
    const settings = { retentionSeconds: RETENTION_SECONDS };
    await this.#retry(({ engine }) => engine.createNamespace(named(name), { schema: EVERY_FIELD, settings }));
    this.#count("create");
    this.#begin(name, undefined);
  }

  async #branch(life: Life): Promise<void> {
    const name = this.#free();
    if (name === undefined) return;
    life.busy++;
    const before = life.acknowledged;
    // After an attempt without an answer it may be there already.
    await this.#retry(
      ({ engine }) => engine.branch(named(life.name), named(name), {}),
      (code, isFirst) => code === "already-exists" && !isFirst,
    );
    const made = await this.#retry(({ engine }) => engine.getNamespace(named(name)));
    life.busy--;
    if (made instanceof SearchError || made.parent === undefined) throw new Error("a branch has a parent");
    if (made.parent.version < before) throw new Error("a branch lacks what was acknowledged before it");
    this.#count("branch");
    this.#begin(name, { life, version: made.parent.version });
  }

  async #delete(life: Life): Promise<void> {
    if (life.busy > 0) return;
    this.live.delete(life.name);
    this.#taken.add(life.name);
    await this.#retry(
      ({ engine }) => engine.deleteNamespace(named(life.name)),
      (code, isFirst) => code === "not-found" && !isFirst,
    );
    this.#count("delete");
    this.#taken.delete(life.name);
  }

  // Writes

  #batch(life: Life): WriteBatch {
    const { prng } = this;
    const batch = randomBatch(prng, 0);
    const upserts = batch.upserts.map(({ expiresAtMs: _, ...document }) => ({
      ...document,
      attributes: prng.chance(0.1)
        ? new Map([...document.attributes, [prng.pick(GROWING), BigInt(prng.below(9))] as const])
        : document.attributes,
    }));
    return { ...batch, upserts, ...(prng.chance(0.1) && { ifVersion: life.acknowledged }) };
  }

  async #write(life: Life): Promise<void> {
    const batch = this.#batch(life);
    const idempotencyKey = `key-${this.#keys++}`;
    const result = await this.#retry(
      ({ engine }) => engine.write(named(life.name), batch, { idempotencyKey }),
      (code) => code === "version-conflict",
    );
    if (result instanceof SearchError) {
      if (batch.ifVersion === undefined) throw result;
      return this.#count("conflict");
    }
    this.#acknowledge(life, batch, result);
  }

  /** The same write through two nodes at once: done once, and both are told so. */
  async #writeTwice(life: Life): Promise<void> {
    const { ifVersion: _, ...batch } = this.#batch(life);
    const idempotencyKey = `key-${this.#keys++}`;
    const write = () =>
      this.#retry(({ engine }) => engine.write(named(life.name), batch, { idempotencyKey }));
    const [one, two] = await Promise.all([write(), write()]);
    if (one instanceof SearchError || two instanceof SearchError) throw new Error("a write was refused");
    if (one.version !== two.version) throw new Error(`one key, versions ${one.version} and ${two.version}`);
    if (!one.repeated && !two.repeated) throw new Error("nobody was told that it was a repetition");
    this.#count("twice");
    this.#acknowledge(life, batch, one);
  }

  #acknowledge(life: Life, batch: WriteBatch, { version }: WriteResult): void {
    if (life.writes.has(version)) throw new Error(`two writes of ${life.name} have version ${version}`);
    life.writes.set(version, batch);
    if (version > life.acknowledged) life.acknowledged = version;
    this.#count("write");
  }

  // Reads

  async #read(life: Life): Promise<void> {
    const { prng } = this;
    const consistency = prng.chance(0.8) ? "strong" : "eventual";
    const kind = prng.pick(["all", "some", "query"]);
    if (kind === "all") return this.#readAll(life, consistency, this.#node);
    const before = life.acknowledged;
    const name = named(life.name);
    // What a node that lags behind does not know yet it need not show.
    const mayBeMissing = (code: string) => code === "not-found" && consistency === "eventual";
    if (kind === "some") {
      const ids = randomIds(prng, 8);
      const found = await this.#retry(({ engine }) => engine.fetch(name, ids, { consistency }), mayBeMissing);
      if (found instanceof SearchError) return;
      this.#judgeVersion(consistency, { before, version: found.version });
      if (this.#mayBeOther(life, consistency)) return;
      this.seen.push({ kind, life, version: found.version, ids, documents: found.documents });
    } else {
      const queries = randomQueries(prng);
      const found = await this.#retry(
        ({ engine }) => engine.query(name, queries, { consistency }),
        mayBeMissing,
      );
      if (found instanceof SearchError) return;
      this.#judgeVersion(consistency, { before, version: found.version });
      if (this.#mayBeOther(life, consistency)) return;
      this.seen.push({ kind: "query", life, version: found.version, queries, results: found.results });
    }
    this.#count(`${consistency} ${kind}`);
  }

  /** Page by page, each from any node. */
  async #readAll(life: Life, consistency: Consistency, node: () => WorldNode): Promise<void> {
    const before = life.acknowledged;
    const documents: Document[] = [];
    let version: bigint | undefined;
    for (let cursor: string | undefined; ; ) {
      const options = { consistency: "strong" as const, limit: 7, ...(cursor !== undefined && { cursor }) };
      const page = await this.#retry(
        ({ engine }) => engine.exportPage(named(life.name), options),
        // The export took so long that its state is given up.
        (code) => code === "failed-precondition" && cursor !== undefined,
        node,
      );
      if (page instanceof SearchError) return this.#count("too late");
      if (page.version !== (version ?? page.version)) throw new Error("an export went on in another state");
      version = page.version;
      documents.push(...page.documents);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    this.#judgeVersion(consistency, { before, version });
    this.seen.push({ kind: "all", life, version, documents });
    this.#count("export");
  }

  async #readPast(life: Life): Promise<void> {
    const first = life.parent?.version ?? 0n;
    const version = first + BigInt(this.prng.below(Number(life.acknowledged - first) + 1));
    const ids = randomIds(this.prng, 8);
    const options = { consistency: "strong", at: { kind: "version", version } } as const;
    const found = await this.#retry(
      ({ engine }) => engine.fetch(named(life.name), ids, options),
      (code) => code === "failed-precondition",
    );
    if (found instanceof SearchError) return this.#count("too old");
    if (found.version !== version) throw new Error(`asked for version ${version}, got ${found.version}`);
    this.seen.push({ kind: "some", life, version, ids, documents: found.documents });
    this.#count("past");
  }

  #judgeVersion(
    consistency: Consistency,
    { before, version }: { readonly before: bigint; readonly version: bigint },
  ): void {
    if (consistency === "strong" && version < before)
      throw new Error(
        `version ${before} was acknowledged, a strong read began after it and showed ${version}`,
      );
  }

  /** A node that lags behind may still show the namespace that had the name before. */
  #mayBeOther(life: Life, consistency: Consistency): boolean {
    return (
      consistency === "eventual" && this.lives.some((other) => other !== life && other.name === life.name)
    );
  }

  // What happens meanwhile

  async #upkeep(): Promise<void> {
    while (this.#clients > 0) {
      const { context, engine } = this.#node();
      const life = this.live.size === 0 ? undefined : this.prng.pick([...this.live.values()]);
      await this.#turns.next();
      if (life === undefined) continue;
      try {
        const { id } = await engine.getNamespace(named(life.name));
        const kind = this.prng.pick(["flush", "flush", "merge", "trim"]);
        if (kind === "flush") {
          const flushing = flushNamespace(context, engine.states, id);
          await this.#counted(
            kind,
            flushing.then((outcome) => outcome === "flushed"),
          );
        }
        if (kind === "merge") {
          const plan = <T>(all: readonly T[]) => all.slice(0, 3);
          await this.#counted(kind, mergeNamespace(context, engine.states, id, plan));
        }
        const row = context.store.view.namespace(id);
        if (kind === "trim" && row !== undefined) await this.#counted(kind, trimNamespace(context, row));
      } catch (error) {
        if (!(error instanceof SearchError)) throw error;
      }
    }
  }

  async #counted(what: string, work: Promise<boolean>): Promise<void> {
    if (await work) this.#count(what);
  }

  async #trouble(): Promise<void> {
    while (this.#clients > 0) {
      await this.#turns.next();
      const node = this.#node();
      if (this.prng.chance(0.2)) node.catchUp();
      if (this.prng.chance(0.02)) {
        node.crash();
        this.#count("crash");
      }
      // Leases last for 60 s of the leader's time.
      if (this.prng.chance(0.05)) this.world.committed.timeMs += this.prng.below(100_000);
    }
  }
}

export const named = (name: string) => ({ org: "org", project: "project", name });

function randomQueries(prng: Prng): readonly Query[] {
  const common = {
    projection: { kind: "all" },
    explain: false,
    facets: [{ field: "color", limit: 5 }],
  } as const;
  return [
    {
      ...common,
      topK: 5,
      filter: randomFilter(prng),
      legs: [{ kind: "vector", field: "vector", vector: randomVector(prng, 4), exact: true, weight: 1 }],
      ranking: { kind: "rrf", k: 60 },
    },
    {
      ...common,
      topK: 8,
      legs: [],
      ranking: { kind: "order", keys: [{ field: "year", direction: "desc", missing: "last" }] },
    },
  ];
}

/** The documents of every version, from the writes alone. Throws where a version has no write: something was done that nobody asked for, or twice. */
export function historyOf(
  life: Life,
  known: Map<Life, ReadonlyMap<bigint, Documents>>,
): ReadonlyMap<bigint, Documents> {
  const before = known.get(life);
  if (before !== undefined) return before;
  const { parent } = life;
  const first = parent?.version ?? 0n;
  let documents: Documents = parent === undefined ? new Map() : historyOf(parent.life, known).get(first)!;
  const history = new Map([[first, documents]]);
  for (let version = first + 1n; version <= life.acknowledged; version++) {
    const batch = life.writes.get(version);
    if (batch === undefined) throw new Error(`nobody wrote version ${version} of ${life.name}`);
    documents = applied(documents, batch, 0);
    history.set(version, documents);
  }
  known.set(life, history);
  return history;
}
