/**
 * Writers and readers of namespaces through all nodes, and a plain history that everything they saw must fit: each acknowledged batch has one version, each version one batch,
 * and every answer is exactly what a list of the documents at its version gives.
 */
import {
  type Document,
  eq,
  type Namespace,
  type SkerryClient,
  SkerryError,
  type WriteBatch,
} from "../../src/client/index.ts";
import { pause } from "./seeded.ts";

const IDS = 40;
const COLORS = ["red", "green", "blue"];
const DIMENSIONS = 4;
const MAX_BRANCHES = 6;
const ATTEMPT_PAUSE_MS = 100;
/** Nothing is down for longer than this, so that whoever is not answered until then has found a bug. */
const PATIENCE_MS = 120_000;
/** Codes of refusals after which the same is asked again, through another node. */
const FOR_NOW: ReadonlySet<string> = new Set([
  "unavailable",
  "overloaded",
  "resource_exhausted",
  "unreachable",
  "timeout",
]);

export interface NamespaceWorkloadOptions {
  /** A client for each node, each of one attempt. */
  readonly clients: readonly SkerryClient[];
  /** Numbers from 0 to 1. */
  readonly random: () => number;
  /** "org/project" for its namespaces. */
  readonly project: string;
  readonly writers: number;
  readonly readers: number;
}

type Documents = ReadonlyMap<number, Document>;

interface Line {
  readonly name: string;
  readonly parent: { readonly line: Line; readonly version: number } | undefined;
  readonly batches: Map<number, WriteBatch>;
  acknowledged: number;
}

type Seen = { readonly line: Line; readonly version: number; readonly by: string } & (
  | { readonly kind: "documents"; readonly ids: readonly number[]; readonly found: readonly Document[] }
  | {
      readonly kind: "nearest";
      readonly vector: readonly number[];
      readonly color: string;
      readonly hits: readonly (readonly [number, number])[];
    }
  | { readonly kind: "count"; readonly counts: Readonly<Record<string, number>> }
);

export class NamespaceWorkload {
  readonly #options: NamespaceWorkloadOptions;
  readonly #lines: Line[] = [];
  readonly #seen: Seen[] = [];
  readonly #violations: string[] = [];
  readonly #counts = new Map<string, number>();
  #stopping = false;
  #keys = 0;
  #running: Promise<void>[] = [];

  constructor(options: NamespaceWorkloadOptions) {
    this.#options = options;
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }

  async start(): Promise<void> {
    const trunk: Line = { name: "trunk", parent: undefined, batches: new Map(), acknowledged: 0 };
    const schema = {
      vectors: { vector: { dimensions: DIMENSIONS, metric: "dot" } },
      attributes: { color: "string", number: "int" },
    } as const;
    await this.#answered((node) => this.#at(node, trunk).create({ schema }));
    this.#lines.push(trunk);
    const { writers, readers } = this.#options;
    this.#running = [
      ...Array.from({ length: writers }, () => this.#loop(() => this.#write())),
      ...Array.from({ length: readers }, () => this.#loop(() => this.#read(this.#line()))),
      this.#loop(() => this.#branch()),
    ];
  }

  /** Every loop ends with what it does; then every namespace is read whole through every node. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
    const nodes = this.#options.clients.keys();
    for (const node of nodes) for (const line of this.#lines) await this.#read(line, node);
  }

  /** Until nothing waits to be indexed any more, whoever held the leases for it. Rejects when it takes too long. */
  async indexed(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (const line of this.#lines) {
      for (;;) {
        const { statistics } = await this.#answered((node) => this.#at(node, line).info());
        if (statistics["unindexed_batches"] === 0) break;
        if (Date.now() > deadline)
          throw new Error(`${line.name} is not indexed: ${JSON.stringify(statistics)}`);
        await pause(5 * ATTEMPT_PAUSE_MS);
      }
    }
  }

  /** Each a sentence; empty: everything fits one history. */
  violations(): readonly string[] {
    const histories = new Map<Line, ReadonlyMap<number, Documents>>();
    const wrong = [...this.#violations];
    for (const line of this.#lines) wrong.push(...this.#replay(line, histories));
    for (const seen of this.#seen) {
      const documents = histories.get(seen.line)?.get(seen.version);
      const problem = documents === undefined ? "no such version" : judge(seen, documents);
      if (problem !== undefined)
        wrong.push(`${seen.line.name} at version ${seen.version}, ${seen.kind} ${seen.by}: ${problem}`);
    }
    return wrong;
  }

  #replay(line: Line, histories: Map<Line, ReadonlyMap<number, Documents>>): string[] {
    const first = line.parent?.version ?? 0;
    let documents: Documents = new Map();
    if (line.parent !== undefined) documents = histories.get(line.parent.line)?.get(first) ?? new Map();
    const history = new Map([[first, documents]]);
    histories.set(line, history);
    const wrong: string[] = [];
    for (let version = first + 1; version <= line.acknowledged; version++) {
      const batch = line.batches.get(version);
      if (batch === undefined) wrong.push(`nobody wrote version ${version} of ${line.name}`);
      else documents = applied(documents, batch);
      history.set(version, documents);
    }
    return wrong;
  }

  // Calls

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #below(bound: number): number {
    return Math.floor(this.#options.random() * bound);
  }

  #at(node: number, { name }: Pick<Line, "name">): Namespace {
    return this.#options.clients[node]!.namespace(`${this.#options.project}/${name}`);
  }

  #line(): Line {
    return this.#lines[this.#below(this.#lines.length)]!;
  }

  async #loop(step: () => Promise<void>): Promise<void> {
    while (!this.#stopping) {
      try {
        await step();
      } catch (error) {
        this.#violations.push(String(error));
        return;
      }
    }
  }

  /** Asks until there is an answer, each time through any node, or always through one. */
  async #answered<T>(call: (node: number) => Promise<T>, through?: number): Promise<T> {
    for (const deadline = Date.now() + PATIENCE_MS; ; ) {
      const node = through ?? this.#below(this.#options.clients.length);
      try {
        return await call(node);
      } catch (error) {
        if (!(error instanceof SkerryError) || !FOR_NOW.has(error.code) || Date.now() > deadline) throw error;
        this.#count(`not answered: ${error.code}`);
        await pause(ATTEMPT_PAUSE_MS * (0.5 + this.#options.random()));
      }
    }
  }

  // What the clients do

  #drawBatch(): WriteBatch {
    const chosen = new Set(Array.from({ length: 1 + this.#below(6) }, () => this.#below(IDS)));
    const [first, ...others] = chosen;
    const document = (id: number): Document => ({
      id,
      vector: Array.from({ length: DIMENSIONS }, () => this.#below(7) - 3),
      attributes: { color: COLORS[this.#below(COLORS.length)]!, number: this.#keys },
    });
    switch (this.#below(8)) {
      case 0:
        return { patches: [...chosen].map((id) => ({ id, attributes: { number: this.#keys } })) };
      case 1:
        return { delete_by_filter: eq("color", COLORS[this.#below(COLORS.length)]!) };
      default:
        return { upserts: others.map(document), deletes: [first!] };
    }
  }

  async #write(): Promise<void> {
    const line = this.#line();
    const idempotencyKey = `${this.#options.project}-${this.#keys++}`;
    const batch = this.#drawBatch();
    const write = () => this.#answered((node) => this.#at(node, line).write(batch, { idempotencyKey }));
    // At times the same through two nodes at once: it is done once.
    const results = await Promise.all(this.#below(8) === 0 ? [write(), write()] : [write()]);
    const [version, ...more] = new Set(results.map((result) => result.version));
    if (version === undefined || more.length > 0)
      this.#violations.push(`${idempotencyKey} was written as versions ${version} and ${more}`);
    else if (line.batches.has(version))
      this.#violations.push(`version ${version} of ${line.name} was given to two batches`);
    else {
      line.batches.set(version, batch);
      line.acknowledged = Math.max(line.acknowledged, version);
    }
    this.#count("batches");
    if (results.some(({ repeated }) => repeated)) this.#count("repetitions");
    if (this.#below(2) === 0) await this.#read(line);
  }

  async #read(line: Line, through?: number): Promise<void> {
    const before = line.acknowledged;
    const by = through === undefined ? "" : `through node ${through + 1}`;
    const ask = this.#below(3);
    if (through !== undefined || ask === 0) {
      const ids =
        through === undefined ? [1, 2, 3, 4, 5].map(() => this.#below(IDS)) : [...Array(IDS).keys()];
      const { results, version } = await this.#answered(
        (node) =>
          this.#at(node, line).query({
            top_k: IDS,
            include: ["vector", "color", "number"],
            filter: ["id", "In", ids],
          }),
        through,
      );
      this.#note(before, {
        kind: "documents",
        line,
        version,
        by,
        ids,
        found: results as readonly Document[],
      });
    } else if (ask === 1) {
      const vector = Array.from({ length: DIMENSIONS }, () => this.#below(7) - 3);
      const color = COLORS[this.#below(COLORS.length)]!;
      const { results, version } = await this.#answered((node) =>
        this.#at(node, line).query({
          top_k: 5,
          vector: { value: vector, field: "vector", exact: true },
          filter: eq("color", color),
          include: false,
        }),
      );
      const hits = results.map(({ id, score }) => [Number(id), score ?? Number.NaN] as const);
      this.#note(before, { kind: "nearest", line, version, by, vector, color, hits });
    } else {
      const { facets = {}, version } = await this.#answered((node) =>
        this.#at(node, line).query({ top_k: 0, facets: ["color"] }),
      );
      const counts = Object.fromEntries(
        (facets["color"] ?? []).map(({ value, count }) => [String(value), count]),
      );
      this.#note(before, { kind: "count", line, version, by, counts });
    }
  }

  #note(before: number, seen: Seen): void {
    this.#count("strong reads");
    if (seen.version < before)
      this.#violations.push(
        `version ${before} of ${seen.line.name} was acknowledged, and a strong read that began after it showed ${seen.version}`,
      );
    this.#seen.push(seen);
  }

  async #branch(): Promise<void> {
    await pause(1000 + 2000 * this.#options.random());
    if (this.#stopping || this.#lines.length > MAX_BRANCHES) return;
    const source = this.#line();
    const name = `branch-${this.#lines.length}`;
    const before = source.acknowledged;
    const made = await this.#answered(async (node) => {
      try {
        return await this.#at(node, source).branch(name);
      } catch (error) {
        // An attempt before this one was not answered, and did it.
        if (error instanceof SkerryError && error.code === "already_exists")
          return this.#at(node, { name }).info();
        throw error;
      }
    });
    const version = made.branched_from?.version ?? -1;
    if (version < before)
      this.#violations.push(`${name} begins at version ${version}, when ${before} was acknowledged before`);
    this.#count("branches");
    this.#lines.push({ name, parent: { line: source, version }, batches: new Map(), acknowledged: version });
  }
}

/** By the definition of a batch. */
function applied(before: Documents, batch: WriteBatch): Documents {
  const documents = new Map(before);
  const [, , color] = batch.delete_by_filter ?? [];
  if (color !== undefined)
    for (const [id, { attributes }] of before) if (attributes?.["color"] === color) documents.delete(id);
  for (const document of batch.upserts ?? []) documents.set(Number(document.id), document);
  for (const { id, attributes } of batch.patches ?? []) {
    const old = before.get(Number(id));
    if (old !== undefined)
      documents.set(Number(id), {
        ...old,
        attributes: { ...old.attributes, number: Number(attributes?.["number"]) },
      });
  }
  for (const id of batch.deletes ?? []) documents.delete(Number(id));
  return documents;
}

/** What is wrong with it. */
function judge(seen: Seen, documents: Documents): string | undefined {
  switch (seen.kind) {
    case "documents": {
      const wanted = [...new Set(seen.ids)].sort((a, b) => a - b).flatMap((id) => documents.get(id) ?? []);
      const found = [...seen.found].sort((a, b) => Number(a.id) - Number(b.id));
      return difference(found.map(plain), wanted.map(plain));
    }
    case "nearest": {
      const wanted = [...documents]
        .filter(([, { attributes }]) => attributes?.["color"] === seen.color)
        .map(
          ([id, { vector = [] }]) =>
            [id, Array.from(vector).reduce((sum, value, at) => sum + value * seen.vector[at]!, 0)] as const,
        )
        .sort(([idA, a], [idB, b]) => b - a || idA - idB)
        .slice(0, 5);
      return difference(seen.hits, wanted);
    }
    case "count": {
      const wanted = COLORS.map((color) => [
        color,
        [...documents.values()].filter(({ attributes }) => attributes?.["color"] === color).length,
      ]);
      return difference(
        COLORS.map((color) => [color, seen.counts[color] ?? 0]),
        wanted,
      );
    }
  }
}

function plain(document: Document): unknown {
  const { id, attributes = {} } = document;
  const { vector = document.vectors?.["vector"] } = document;
  return [id, vector, attributes["color"], attributes["number"]];
}

function difference(found: unknown, wanted: unknown): string | undefined {
  const [got, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  return got === should ? undefined : `found ${got}, not ${should}`;
}
