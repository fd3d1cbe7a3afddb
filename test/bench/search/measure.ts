/** What is measured of every system in the same way. */
import { percentile } from "../limits.ts";
import { NUMBERS, type Row, wordsOf } from "./data.ts";

export const TOP = 10;
/** Rows with a number below this pass: all, one in ten, in a hundred, in a thousand. */
export const FILTERS = [undefined, NUMBERS / 10, NUMBERS / 100, NUMBERS / 1000] as const;

/** Scores of 32-bit vectors differ by so much with the order of adding. */
const ROUNDING = 1e-5;

export interface Searcher {
  readonly name: string;
  /** Ids of the nearest by cosine; undefined: it has no such search. */
  readonly vector?: (query: Float32Array, below: number | undefined) => Promise<readonly number[]>;
  readonly text?: (words: string) => Promise<unknown>;
  /** What the queries since the last call cost, in words. */
  readonly cost?: () => string;
  /** Whether `vector` takes a filter. */
  readonly filters: boolean;
}

export interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** The rows that are nearest by the definition: every vector, one multiplication after the other. */
export class Truth {
  readonly #rows: readonly Row[];
  readonly #known = new Map<string, readonly number[]>();

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Which part of the best was found: rows as good as the worst of them count, whichever they are. */
  recall(query: Row, below: number | undefined, ids: readonly number[]): number {
    const best = this.#best(query, below);
    if (best.length === 0) return 1;
    const worst = best[0]! - ROUNDING;
    const first = this.#rows[0]!.id;
    const good = ids.filter((id) => dot(this.#rows[id - first]!.vector, query.vector) >= worst);
    return Math.min(1, good.length / best.length);
  }

  /** Scores of the best, the worst of them first. */
  #best(query: Row, below: number | undefined): readonly number[] {
    const key = `${query.id}/${below}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const scores: number[] = [];
    for (const { vector, number } of this.#rows)
      if (below === undefined || number < below) scores.push(dot(vector, query.vector));
    const best = Array.from(Float64Array.from(scores).sort().slice(-TOP));
    this.#known.set(key, best);
    return best;
  }
}

/** Prints what a system does with vectors, filters and words. Each query once before, for what the first one loads and compiles. */
export async function measure(searcher: Searcher, queries: readonly Row[], truth: Truth): Promise<void> {
  const { name, vector, text, filters, cost = () => "" } = searcher;
  for (const below of vector === undefined ? [] : filters ? FILTERS : [undefined]) {
    const found: (readonly number[])[] = [];
    for (const query of queries) await vector?.(query.vector, below);
    cost();
    const times = await timed(queries, async (query) => {
      found.push((await vector?.(query.vector, below)) ?? []);
    });
    const recalls = queries.map((query, at) => truth.recall(query, below, found[at]!));
    const recall = recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
    const part = below === undefined ? "no filter" : `${(100 * below) / NUMBERS} %`;
    line(name, `vector, ${part}`, `recall@${TOP} ${recall.toFixed(3)}  ${spelled(times)}  ${cost()}`);
  }
  if (text === undefined) return;
  for (const query of queries) await text(wordsOf(query));
  cost();
  const times = await timed(queries, (query) => text(wordsOf(query)));
  line(name, "text", `${spelled(times)}  ${cost()}`);
}

export async function timed(queries: readonly Row[], run: (query: Row) => Promise<unknown>): Promise<Times> {
  const times: number[] = [];
  for (const query of queries) {
    const from = performance.now();
    await run(query);
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

export function line(name: string, what: string, figures: string): void {
  console.log(`  ${name.padEnd(26)} ${what.padEnd(22)} ${figures}`);
}

export function spelled({ p50, p99 }: Times): string {
  return `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
}

/** Of what `run` took: on the clock, and of this process's processors. */
export async function loading<T>(name: string, count: number, run: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  const result = await run();
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  line(
    name,
    "loaded and indexed",
    `${rate(count / seconds)} documents/s, ${rate((count * 1e6) / (user + system))} for each second of CPU here`,
  );
  return result;
}

function rate(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
