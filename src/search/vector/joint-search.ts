/**
 * A search of several indexes for the best `k` of all of them. Each goes step by step, and what one has found bounds what the others still look at: so the cost
 * follows the vectors of a namespace, and not the number of its segments.
 *
 * Steps are compared by *keys*: |o - q|² for cosine (of the directions) and the euclidean distance, |q|² - 2 o·q for the dot product; smaller is better. Keys of
 * all indexes of a field are of one scale.
 */

import type { Metric } from "../model/schema.ts";
import { smallest } from "./smallest.ts";
import type { VectorAnswer } from "./vector-index.ts";

/** One index's part of it. The steps are taken in the order in which they stand here, `look` more than once. */
export interface VectorSteps {
  /** Allowed vectors. */
  readonly matching: number;
  /** Looks at the nearest of them, each time at more; all indexes have `matchingInAll`. At most one wave. */
  look(matchingInAll: number): Promise<void>;
  /** The keys, as far as they are known, of at most the best `k`, ascending. */
  estimates(): Float32Array;
  /** Whether it should look again, where the k-th smallest of all estimates is this one. */
  wantsMore(estimate: number): boolean;
  /** What the keys of the best `k` are at most, ascending. */
  bounds(): Float32Array;
  /** Compares those again whose keys may be as small as `bound`. At most one wave. */
  narrow(bound: number): Promise<void>;
  /** Compares those in full whose keys may be as small as `bound`: the best `k` of them. */
  finish(bound: number): Promise<VectorAnswer>;
}

/** In the order of the parts. Together their hits are the best `k`, and some more. */
export async function searchTogether(
  parts: readonly VectorSteps[],
  k: number,
): Promise<readonly VectorAnswer[]> {
  const matching = parts.reduce((sum, part) => sum + part.matching, 0);
  for (let looking = parts; looking.length > 0; ) {
    await Promise.all(looking.map((part) => part.look(matching)));
    const estimate = kthOf(parts.map((part) => part.estimates()));
    looking = looking.filter((part) => part.wantsMore(estimate));
  }
  const byCodes = kthOf(parts.map((part) => part.bounds()));
  await Promise.all(parts.map((part) => part.narrow(byCodes)));
  const byBytes = kthOf(parts.map((part) => part.bounds()));
  const bound = Math.min(byCodes, byBytes);
  return await Promise.all(parts.map((part) => part.finish(bound)));

  function kthOf(lists: readonly Float32Array[]): number {
    const all = smallest(k, lists);
    return all.length < k ? Number.POSITIVE_INFINITY : (all[k - 1] ?? Number.POSITIVE_INFINITY);
  }
}

/** What a sum in f32 may lose of the numbers that go into it. */
const ROUNDING = 2e-4;

/** A part that compares everything with its first look. */
export class ExactSteps implements VectorSteps {
  readonly matching: number;
  readonly #search: () => Promise<VectorAnswer>;
  readonly #keyOf: (score: number) => number;
  #answer: VectorAnswer | undefined;

  constructor(
    matching: number,
    { metric, query }: { readonly metric: Metric; readonly query: Float32Array },
    search: () => Promise<VectorAnswer>,
  ) {
    this.matching = matching;
    this.#search = search;
    const squaredNorm = metric === "dot" ? query.reduce((sum, value) => sum + value * value, 0) : 1;
    this.#keyOf = (score) => keyOfScore(metric, score, squaredNorm);
  }

  async look(): Promise<void> {
    this.#answer = await this.#search();
  }

  estimates(): Float32Array {
    return Float32Array.from(this.#answer?.hits ?? [], ({ score }) => this.#keyOf(score));
  }

  wantsMore(): boolean {
    return false;
  }

  bounds(): Float32Array {
    return this.estimates();
  }

  narrow(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<VectorAnswer> {
    return this.#answer ?? (await this.#search());
  }
}

/** Not below what an index may make of the same vector. */
function keyOfScore(metric: Metric, score: number, squaredNorm: number): number {
  const rounding = ROUNDING * (Math.abs(score) + squaredNorm);
  switch (metric) {
    case "cosine":
      return 2 - 2 * score + rounding;
    case "dot":
      return squaredNorm - 2 * score + rounding;
    case "euclidean":
      return -score + rounding;
  }
}
