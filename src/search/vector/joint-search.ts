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

/** Whether to look further is asked of so many times as many as are wanted: what is true of ten alone is chance. */
export const ESTIMATED_FACTOR = 2;

/** One index's part of it. The steps are taken in the order in which they stand here, `look` more than once. */
export interface VectorSteps {
  /** Looks at the nearest of the allowed vectors, each time at more. At most one wave. */
  look(): Promise<void>;
  /** The keys, as far as they are known, of the best ESTIMATED_FACTOR * `k`, ascending. */
  estimates(): Float32Array;
  /** Whether it should look again, where the last of these of all indexes is this one. */
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
  for (let looking = parts; looking.length > 0; ) {
    await Promise.all(looking.map((part) => part.look()));
    const estimate = lastOf(
      ESTIMATED_FACTOR * k,
      parts.map((part) => part.estimates()),
    );
    looking = looking.filter((part) => part.wantsMore(estimate));
  }
  const byCodes = lastOf(
    k,
    parts.map((part) => part.bounds()),
  );
  await Promise.all(parts.map((part) => part.narrow(byCodes)));
  const byBytes = lastOf(
    k,
    parts.map((part) => part.bounds()),
  );
  const bound = Math.min(byCodes, byBytes);
  return await Promise.all(parts.map((part) => part.finish(bound)));
}

/** The k-th smallest of the numbers; infinity when there are fewer. */
function lastOf(k: number, lists: readonly Float32Array[]): number {
  return smallest(k, lists)[k - 1] ?? Number.POSITIVE_INFINITY;
}

/** What a sum in f32 may lose of the numbers that go into it. */
const ROUNDING = 2e-4;

/** A part that compares everything with its first look. */
export class ExactSteps implements VectorSteps {
  readonly #search: () => Promise<VectorAnswer>;
  readonly #keyOf: (score: number) => number;
  #answer: VectorAnswer | undefined;

  constructor(
    { metric, query }: { readonly metric: Metric; readonly query: Float32Array },
    search: () => Promise<VectorAnswer>,
  ) {
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
