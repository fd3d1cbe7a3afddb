/**
 * Block-max MAXSCORE over windows of rows (Turtle and Flood, "Query evaluation: strategies and optimizations", 1995; Ding and Suel, "Faster top-k
 * document retrieval using block-max indexes", 2011). Per window, terms are ordered by the most that they can add there. Those whose bounds add up
 * to no more than the k-th best score so far cannot bring a row into the answer alone: only the others' postings are added up, and of the rows
 * found, only those that can still enter the answer are looked up in the rest, as long as they can.
 */

import type { RowSet } from "../rows/row-set.ts";
import { BestRows } from "./best-rows.ts";
import { contribution, SCORE_STEP } from "./bm25.ts";
import type { TextHit } from "./ports.ts";
import { PostingCursor } from "./posting-cursor.ts";
import type { PostingList } from "./posting-list.ts";

const WINDOW_ROWS = 2_048;
/** Rows between two slices of work: a few milliseconds when all of them have many terms. */
const SLICE_ROWS = 16 * WINDOW_ROWS;
/** The bound of a term that has no row in the window: below all others, since even a bound of 0 may bring a row in. */
const NOT_IN_WINDOW = -1;

/** A term of the query in a field. */
export interface Scorer {
  readonly list: PostingList;
  /** All factors that do not depend on the row. */
  readonly weight: number;
  /** Of the field: by row. */
  readonly lengthCodes: Uint8Array;
  /** Of the field: by length code. */
  readonly inverseNorms: Float64Array;
}

export interface RankRequest {
  readonly scorers: readonly Scorer[];
  readonly k: number;
  readonly allowed: RowSet;
  readonly leastScore: number;
  readonly pass: (() => Promise<void>) | undefined;
}

export interface Ranking {
  readonly hits: readonly TextHit[];
  readonly scoredPostings: number;
}

/** The best `k` rows that any scorer has, by the sum of what the scorers add, ties by row. */
export function rankRows(request: RankRequest): Promise<Ranking> {
  return new Ranker(request).run();
}

class Ranker {
  readonly #allowed: RowSet;
  readonly #best: BestRows;
  /** By rising bound in the window. */
  readonly #terms: Term[];
  /** By row of the window; zero wherever no row was touched. */
  readonly #sums = new Float64Array(WINDOW_ROWS);
  readonly #touched = new Uint32Array(WINDOW_ROWS / 32);
  /** Rows of the window that may still enter the answer. */
  readonly #candidates = new Uint32Array(WINDOW_ROWS);
  /** What the first i terms can add together. */
  readonly #bounds: Float64Array;
  readonly #pass: RankRequest["pass"];
  #scoredPostings = 0;

  constructor({ scorers, k, allowed, leastScore, pass }: RankRequest) {
    this.#pass = pass;
    this.#allowed = allowed;
    this.#best = new BestRows(k, leastScore - SCORE_STEP);
    this.#terms = scorers.map((scorer) => new Term(scorer));
    this.#bounds = new Float64Array(scorers.length + 1);
  }

  async run(): Promise<Ranking> {
    for (let start = 0; start < this.#allowed.size; start += WINDOW_ROWS) {
      if (start % SLICE_ROWS === 0) await this.#pass?.();
      const end = Math.min(start + WINDOW_ROWS, this.#allowed.size);
      if (!anyRow(this.#allowed, start, end)) continue;
      const firstEssential = this.#enterWindow(start, end);
      if (firstEssential === this.#terms.length) continue;
      for (let i = firstEssential; i < this.#terms.length; i++) this.#addAll(this.#terms[i]!, start, end);
      let count = this.#collectCandidates();
      for (let i = firstEssential - 1; i >= 0 && count > 0; i--)
        count = this.#addToCandidates(i, start, count);
      this.#offerCandidates(start, count);
    }
    return { hits: this.#best.hits(), scoredPostings: this.#scoredPostings };
  }

  /** Orders the terms by their bounds in the window and says which is the first that can bring a row into the answer. */
  #enterWindow(start: number, end: number): number {
    const terms = this.#terms;
    for (const term of terms) term.enterWindow(start, end);
    // They are nearly in order from the window before.
    for (let i = 1; i < terms.length; i++) {
      const term = terms[i]!;
      let at = i;
      for (; at > 0 && terms[at - 1]!.bound > term.bound; at--) terms[at] = terms[at - 1]!;
      terms[at] = term;
    }
    const threshold = this.#best.threshold;
    let firstEssential = 0;
    for (const [i, term] of terms.entries()) {
      const sum = this.#bounds[i]! + Math.max(term.bound, 0);
      this.#bounds[i + 1] = sum;
      if (sum <= threshold || term.bound === NOT_IN_WINDOW) firstEssential = i + 1;
    }
    return firstEssential;
  }

  #addAll(term: Term, start: number, end: number): void {
    const { cursor, scorer } = term;
    const { rows, frequencies } = cursor;
    const { weight, lengthCodes, inverseNorms } = scorer;
    const allowed = this.#allowed.words;
    for (let from = start; from < end && cursor.openBlockOf(from); ) {
      let i = cursor.index;
      while (i < cursor.count && rows[i]! < from) i++;
      for (; i < cursor.count; i++) {
        const row = rows[i]!;
        if (row >= end) break;
        if (((allowed[row >>> 5]! >>> (row & 31)) & 1) === 0) continue;
        const at = row - start;
        this.#sums[at]! += contribution(weight, frequencies[i]!, inverseNorms[lengthCodes[row]!]!);
        this.#touched[at >>> 5]! |= 1 << (at & 31);
        this.#scoredPostings++;
      }
      cursor.index = i;
      if (i < cursor.count) return;
      from = rows[cursor.count - 1]! + 1;
    }
  }

  #collectCandidates(): number {
    let count = 0;
    for (let i = 0; i < this.#touched.length; i++) {
      let word = this.#touched[i]!;
      while (word !== 0) {
        this.#candidates[count++] = i * 32 + (31 - Math.clz32(word & -word));
        word &= word - 1;
      }
      this.#touched[i] = 0;
    }
    return count;
  }

  /** Adds what term `i` adds to the candidates that can still enter the answer, and forgets the others. Returns how many are left. */
  #addToCandidates(i: number, start: number, count: number): number {
    const { cursor, scorer } = this.#terms[i]!;
    const { weight, lengthCodes, inverseNorms } = scorer;
    const threshold = this.#best.threshold;
    let kept = 0;
    for (let c = 0; c < count; c++) {
      const at = this.#candidates[c]!;
      if (this.#sums[at]! + this.#bounds[i + 1]! <= threshold) {
        this.#sums[at] = 0;
        continue;
      }
      this.#candidates[kept++] = at;
      const row = start + at;
      if (cursor.seek(row) !== row) continue;
      this.#sums[at]! += contribution(weight, cursor.frequency, inverseNorms[lengthCodes[row]!]!);
      this.#scoredPostings++;
    }
    return kept;
  }

  #offerCandidates(start: number, count: number): void {
    for (let c = 0; c < count; c++) {
      const at = this.#candidates[c]!;
      this.#best.offer(start + at, this.#sums[at]!);
      this.#sums[at] = 0;
    }
  }
}

/** A scorer with its place in the walk over the windows. */
class Term {
  readonly scorer: Scorer;
  readonly cursor: PostingCursor;
  /** The most that it adds to a row of the window. */
  bound = NOT_IN_WINDOW;
  /** By block. */
  readonly #blockBounds: Float64Array;
  #block = 0;

  constructor(scorer: Scorer) {
    this.scorer = scorer;
    this.cursor = new PostingCursor(scorer.list);
    this.#blockBounds = blockBounds(scorer);
  }

  enterWindow(start: number, end: number): void {
    const { lastRows, blockCount } = this.scorer.list;
    while (this.#block < blockCount && lastRows[this.#block]! < start) this.#block++;
    this.bound = NOT_IN_WINDOW;
    for (let block = this.#block; block < blockCount; block++) {
      if (block > this.#block && lastRows[block - 1]! + 1 >= end) break;
      this.bound = Math.max(this.bound, this.#blockBounds[block]!);
    }
  }
}

function blockBounds({ list, weight, inverseNorms }: Scorer): Float64Array {
  const bounds = new Float64Array(list.blockCount);
  for (let block = 0; block < bounds.length; block++) {
    const { frequencies, codes } = list.impactsOf(block);
    let bound = 0;
    for (let i = 0; i < codes.length; i++)
      bound = Math.max(bound, contribution(weight, frequencies[i]!, inverseNorms[codes[i]!]!));
    bounds[block] = bound;
  }
  return bounds;
}

/** Whether the set has a row in [start, end); `start` is a multiple of 32. */
function anyRow(rows: RowSet, start: number, end: number): boolean {
  for (let word = start >>> 5; word < Math.ceil(end / 32); word++) if (rows.words[word] !== 0) return true;
  return false;
}
