/**
 * The best rows by dot product, by block-max MAXSCORE as in `text/rank`. Sums of floating-point numbers depend on the order of adding, so what is
 * added up while skipping only chooses the rows that can be among the best, with room for all rounding errors; these are then added up anew
 * in the order of the indices, as one would without an index.
 */

import type { RowSet } from "../rows/row-set.ts";
import { SparseCursor } from "./cursor.ts";
import type { SparseHit } from "./ports.ts";
import type { SparseList } from "./postings.ts";

/** Rows between two slices of work. */
const SLICE_ROWS = 32_768;
const WINDOW_ROWS = 2_048;
/** More than the relative rounding error of a sum of 4,096 products. */
const RELATIVE_ERROR = 2 ** -40;

/** A dimension of the query that the index has. */
export interface SparseTerm {
  /** Of the query. */
  readonly value: number;
  readonly list: SparseList;
}

export interface SparseRanking {
  readonly hits: readonly SparseHit[];
  readonly scoredPostings: number;
}

export interface SparseRankRequest {
  readonly k: number;
  readonly allowed: RowSet;
  readonly pass: (() => Promise<void>) | undefined;
}

/** `terms` in the order of their indices. */
export async function rankSparse(
  terms: readonly SparseTerm[],
  { k, allowed, pass }: SparseRankRequest,
): Promise<SparseRanking> {
  const walk = new Walk(terms, k, allowed);
  const rows = await walk.run(pass);
  const hits = exactScores(terms, rows);
  hits.sort((left, right) => right.score - left.score || left.row - right.row);
  return { hits: hits.slice(0, k), scoredPostings: walk.scoredPostings };
}

/** Of rows in ascending order. */
function exactScores(terms: readonly SparseTerm[], rows: Uint32Array): SparseHit[] {
  const scores = new Float64Array(rows.length);
  for (const { value, list } of terms) {
    const cursor = new SparseCursor(list);
    for (const [i, row] of rows.entries()) {
      const its = cursor.valueAt(row);
      if (its !== undefined) scores[i]! += value * its;
    }
  }
  return Array.from(rows, (row, i) => ({ row, score: scores[i]! }));
}

class Walk {
  scoredPostings = 0;
  readonly #allowed: RowSet;
  readonly #k: number;
  /** By rising bound in the window. */
  readonly #terms: Term[];
  /** What the first i terms can add together. */
  readonly #bounds: Float64Array;
  readonly #sums = new Float64Array(WINDOW_ROWS);
  readonly #touched = new Uint8Array(WINDOW_ROWS);
  /** How far two sums of the same products may lie apart. */
  readonly #slack: number;
  /** The k best sums so far, the least first. */
  readonly #best: number[] = [];
  readonly #rows: number[] = [];
  readonly #rowSums: number[] = [];

  constructor(terms: readonly SparseTerm[], k: number, allowed: RowSet) {
    this.#allowed = allowed;
    this.#k = k;
    this.#terms = terms.map((term) => new Term(term));
    this.#bounds = new Float64Array(terms.length + 1);
    this.#slack = 2 * RELATIVE_ERROR * this.#terms.reduce((sum, { size }) => sum + size, 0);
  }

  /** The rows that can be among the best, ascending. */
  async run(pass: SparseRankRequest["pass"]): Promise<Uint32Array> {
    for (let start = 0; start < this.#allowed.size; start += WINDOW_ROWS) {
      if (start % SLICE_ROWS === 0) await pass?.();
      const end = Math.min(start + WINDOW_ROWS, this.#allowed.size);
      const firstEssential = this.#enterWindow(start, end);
      if (firstEssential === this.#terms.length) continue;
      for (let i = firstEssential; i < this.#terms.length; i++) this.#addAll(this.#terms[i]!, start, end);
      for (let at = 0; at < end - start; at++) {
        if (this.#touched[at] === 1) this.#complete(start, at, firstEssential);
        this.#touched[at] = 0;
        this.#sums[at] = 0;
      }
    }
    const least = this.#threshold();
    return Uint32Array.from(this.#rows.filter((_, i) => this.#rowSums[i]! >= least));
  }

  /** A row whose sum is below this is not among the best. */
  #threshold(): number {
    return this.#best.length < this.#k ? Number.NEGATIVE_INFINITY : this.#best[0]! - this.#slack;
  }

  #enterWindow(start: number, end: number): number {
    const terms = this.#terms;
    for (const term of terms) term.enterWindow(start, end);
    terms.sort((left, right) => left.bound - right.bound);
    const threshold = this.#threshold();
    let firstEssential = 0;
    for (const [i, { bound }] of terms.entries()) {
      const sum = this.#bounds[i]! + Math.max(bound, 0);
      this.#bounds[i + 1] = sum;
      if (sum < threshold || bound === NOT_IN_WINDOW) firstEssential = i + 1;
    }
    return firstEssential;
  }

  #addAll({ cursor, term }: Term, start: number, end: number): void {
    const { rows, values } = cursor;
    for (let from = start; from < end && cursor.seek(from); ) {
      for (; cursor.index < cursor.count; cursor.index++) {
        const row = rows[cursor.index]!;
        if (row >= end) return;
        if (!this.#allowed.has(row)) continue;
        this.#sums[row - start]! += term.value * values[cursor.index]!;
        this.#touched[row - start] = 1;
        this.scoredPostings++;
      }
      from = rows[cursor.count - 1]! + 1;
      cursor.index = cursor.count - 1;
    }
  }

  /** Looks a row up in the other terms as long as it can be among the best. */
  #complete(start: number, at: number, firstEssential: number): void {
    const threshold = this.#threshold();
    let sum = this.#sums[at]!;
    for (let i = firstEssential - 1; i >= 0; i--) {
      if (sum + this.#bounds[i + 1]! < threshold) return;
      const { cursor, term } = this.#terms[i]!;
      const value = cursor.valueAt(start + at);
      if (value === undefined) continue;
      sum += term.value * value;
      this.scoredPostings++;
    }
    if (sum < threshold) return;
    this.#rows.push(start + at);
    this.#rowSums.push(sum);
    this.#keepBest(sum);
  }

  #keepBest(sum: number): void {
    if (this.#best.length === this.#k) {
      if (sum <= this.#best[0]!) return;
      this.#best.shift();
    }
    let [low, high] = [0, this.#best.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#best[middle]! < sum) low = middle + 1;
      else high = middle;
    }
    this.#best.splice(low, 0, sum);
  }
}

/** The bound of a term that has no row in the window: below all others, since even a bound of 0 may bring a row in. */
const NOT_IN_WINDOW = -1;

class Term {
  readonly term: SparseTerm;
  readonly cursor: SparseCursor;
  /** The most that it adds to a row of the window, at least 0: a row may lack it. */
  bound = NOT_IN_WINDOW;
  /** The greatest product by its size. */
  readonly size: number;
  /** By block. */
  readonly #bounds: Float64Array;
  #block = 0;

  constructor(term: SparseTerm) {
    this.term = term;
    this.cursor = new SparseCursor(term.list);
    const { value, list } = term;
    this.#bounds = Float64Array.from({ length: list.blockCount }, (_, block) =>
      Math.max(0, value * list.least[block]!, value * list.greatest[block]!),
    );
    let size = 0;
    for (let block = 0; block < list.blockCount; block++)
      size = Math.max(size, Math.abs(value * list.least[block]!), Math.abs(value * list.greatest[block]!));
    this.size = size;
  }

  enterWindow(start: number, end: number): void {
    const { lastRows, blockCount } = this.term.list;
    while (this.#block < blockCount && lastRows[this.#block]! < start) this.#block++;
    this.bound = NOT_IN_WINDOW;
    for (let block = this.#block; block < blockCount; block++) {
      if (block > this.#block && lastRows[block - 1]! + 1 >= end) break;
      this.bound = Math.max(this.bound, this.#bounds[block]!);
    }
  }
}
