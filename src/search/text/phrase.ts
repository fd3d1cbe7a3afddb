import type { PostingArrays } from "./array-postings.ts";
import { NO_ROW, PostingCursor } from "./posting-cursor.ts";
import type { PostingList } from "./posting-list.ts";
import type { PhraseToken } from "./query.ts";

export interface PhrasePart {
  /** In the phrase. */
  readonly position: number;
  /** Parts with the same term have the same list. */
  readonly list: PostingList;
}

/** Looks at tokens between two slices of work: about a millisecond. */
const SLICE_LOOKS = 65_536;

/** The rows in which the phrase stands, with how often. `pass` is awaited between slices of work. */
export async function phrasePostings(
  parts: readonly PhrasePart[],
  slop: number,
  pass?: () => Promise<void>,
): Promise<PostingArrays> {
  const lists = [...new Set(parts.map(({ list }) => list))].sort((left, right) => left.count - right.count);
  const cursors = lists.map((list) => new PostingCursor(list));
  const tokens = parts.map(({ position, list }) => ({ position, term: lists.indexOf(list) }));
  const rows: number[] = [];
  const frequencies: number[] = [];
  let left = SLICE_LOOKS;
  for (let row = alignedRow(cursors, 0); row !== NO_ROW; row = alignedRow(cursors, row + 1)) {
    const places = cursors.map((cursor) => cursor.positions());
    left -= places.reduce((sum, { length }) => sum + length, tokens.length);
    const occurrences = new PhraseCounter(tokens, places, slop);
    for (;;) {
      left -= occurrences.look(left);
      if (left <= 0) {
        await pass?.();
        left = SLICE_LOOKS;
      }
      if (occurrences.isDone) break;
    }
    if (occurrences.count === 0) continue;
    rows.push(row);
    frequencies.push(occurrences.count);
  }
  return { rows, frequencies };
}

/** The first row at or after `from` that all cursors have; they stand on it. */
function alignedRow(cursors: readonly PostingCursor[], from: number): number {
  let row = from;
  for (let i = 0; i < cursors.length; ) {
    const found = cursors[i]!.seek(row);
    if (found === NO_ROW) return NO_ROW;
    if (found === row) i++;
    else {
      row = found;
      i = 0;
    }
  }
  return cursors.length === 0 ? NO_ROW : row;
}

/** A token of a phrase: which of its terms it is. */
export interface PhraseCounterToken {
  readonly position: PhraseToken["position"];
  readonly term: number;
}

/**
 * Counts how often a phrase stands in a text, a slice at a time. It stands at `start` when each token can be given a place of its own in [start + position,
 * start + position + slop] and the first choice puts one of them at the very beginning of its range. Without slop: the places where the tokens follow
 * each other as in the phrase.
 *
 * The first choice is the earliest free place for each token in turn: since ranges of equal terms lie in the order of the tokens, this finds places if
 * there are any. As `start` grows, the places that are chosen only move forwards: no place is looked at again, and a start that fails says which
 * is the next that need not.
 */
export class PhraseCounter {
  count = 0;
  isDone = false;
  readonly #tokens: readonly PhraseCounterToken[];
  /** By term: where it stands in the text, ascending. */
  readonly #places: readonly ArrayLike<number>[];
  readonly #slop: number;
  /** By token: its first place that is in its range or behind it. */
  readonly #next: Uint32Array;
  /** By term: after the place that a token has taken. */
  readonly #free: Uint32Array;
  #start: number;

  constructor(tokens: readonly PhraseCounterToken[], places: readonly ArrayLike<number>[], slop: number) {
    this.#tokens = tokens;
    this.#places = places;
    this.#slop = slop;
    this.#next = new Uint32Array(tokens.length);
    this.#free = new Uint32Array(places.length);
    this.#start = -slop - Math.max(0, ...tokens.map(({ position }) => position));
  }

  /** Looks at tokens until it is done or has looked at `most`, and says at how many; it may be some more. */
  look(most: number): number {
    let looks = 0;
    while (!this.isDone && looks < most) looks += this.#lookAtStart();
    return looks;
  }

  /** Counts the start and goes on to the next that the phrase may stand at. */
  #lookAtStart(): number {
    const start = this.#start;
    this.#free.fill(0);
    let nearest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#tokens.length; i++) {
      const { position, term } = this.#tokens[i]!;
      const places = this.#places[term]!;
      const first = firstAtLeast(places, start + position, this.#next[i]!);
      this.#next[i] = first;
      const chosen = Math.max(first, this.#free[term]!);
      if (chosen >= places.length) {
        this.isDone = true;
        return i + 1;
      }
      const begin = places[chosen]! - position;
      if (begin > start + this.#slop) {
        this.#start = begin - this.#slop;
        return i + 1;
      }
      this.#free[term] = chosen + 1;
      nearest = Math.min(nearest, begin);
    }
    if (nearest === start) this.count++;
    this.#start = Math.max(start + 1, nearest);
    return this.#tokens.length;
  }
}

/** From `from` on, by steps that double: where it is near, it is found at once. */
function firstAtLeast(sorted: ArrayLike<number>, least: number, from: number): number {
  let step = 1;
  let low = from;
  while (low + step <= sorted.length && sorted[low + step - 1]! < least) {
    low += step;
    step *= 2;
  }
  let high = Math.min(sorted.length, low + step - 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
