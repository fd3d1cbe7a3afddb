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

/** The rows in which the phrase stands, with how often. */
export function phrasePostings(parts: readonly PhrasePart[], slop: number): PostingArrays {
  const lists = [...new Set(parts.map(({ list }) => list))].sort((left, right) => left.count - right.count);
  const cursors = lists.map((list) => new PostingCursor(list));
  const tokens = parts.map(({ position, list }) => ({ position, cursor: lists.indexOf(list) }));
  const rows: number[] = [];
  const frequencies: number[] = [];
  for (let row = alignedRow(cursors, 0); row !== NO_ROW; row = alignedRow(cursors, row + 1)) {
    const positions = cursors.map((cursor) => cursor.positions());
    const occurrences = tokens.map(({ position, cursor }) => ({ position, places: positions[cursor]! }));
    const frequency = countPhrases(occurrences, slop);
    if (frequency === 0) continue;
    rows.push(row);
    frequencies.push(frequency);
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

/** A token of a phrase and where its term stands in a text, ascending. */
export interface TokenPlaces {
  readonly position: PhraseToken["position"];
  readonly places: ArrayLike<number>;
}

/**
 * How often a phrase stands in a text. It stands at `start` when each token can be given a place of its own in [start + position, start + position +
 * slop] and the first choice puts one of them at the very beginning of its range. Without slop: the places where the tokens follow each other as
 * in the phrase.
 */
export function countPhrases(tokens: readonly TokenPlaces[], slop: number): number {
  const starts = new Set<number>();
  const anchors = slop === 0 ? [shortest(tokens)] : tokens;
  for (const { position, places } of anchors)
    for (let i = 0; i < places.length; i++) starts.add(places[i]! - position);
  let count = 0;
  for (const start of starts) if (standsAt(tokens, start, slop)) count++;
  return count;
}

function shortest(tokens: readonly TokenPlaces[]): TokenPlaces {
  return tokens.reduce((least, token) => (token.places.length < least.places.length ? token : least));
}

/** The earliest free place for each token in turn: since ranges of equal terms lie in the order of the tokens, this finds places if there are any. */
function standsAt(tokens: readonly TokenPlaces[], start: number, slop: number): boolean {
  const taken = new Map<ArrayLike<number>, number>();
  let atStart = false;
  for (const { position, places } of tokens) {
    const least = Math.max(start + position, (taken.get(places) ?? -1) + 1);
    const place = firstAtLeast(places, least);
    if (place === undefined || place > start + position + slop) return false;
    if (place === start + position) atStart = true;
    taken.set(places, place);
  }
  return atStart;
}

function firstAtLeast(sorted: ArrayLike<number>, least: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}
