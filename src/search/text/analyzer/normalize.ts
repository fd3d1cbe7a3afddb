/** A text in NFKC, and where each part of it came from. */
export interface NormalizedText {
  readonly text: string;
  /** Where the cluster that a unit (UTF-16) of `text` belongs to begins in the original, with the original's length at the end. Absent: at the same place. */
  readonly starts?: Uint32Array;
}

const NON_ASCII = /\P{ASCII}/u;
/** What is normalized by itself: a character with its marks (and half-width kana with theirs), or Hangul letters that make a syllable together. */
const CLUSTER = /[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]+|\P{M}[\p{M}\uff9e\uff9f]*|\p{M}+/gu;

/** NFKC, cluster by cluster, so that every part of the result has a place in the original. */
export function normalizeText(text: string): NormalizedText {
  if (!NON_ASCII.test(text) || text.normalize("NFKC") === text) return { text };
  let normalized = "";
  const starts: number[] = [];
  for (const match of text.matchAll(CLUSTER)) {
    const cluster = match[0].normalize("NFKC");
    normalized += cluster;
    for (let i = 0; i < cluster.length; i++) starts.push(match.index);
  }
  starts.push(text.length);
  return { text: normalized, starts: Uint32Array.from(starts) };
}

/** The part of the original that the units [start, end) of a normalized text came from, in whole clusters. */
export function originalRange(
  { starts }: NormalizedText,
  start: number,
  end: number,
): { readonly start: number; readonly end: number } {
  if (starts === undefined) return { start, end };
  const last = starts[end - 1] ?? 0;
  let after = end;
  while (after < starts.length - 1 && starts[after] === last) after++;
  return { start: starts[start] ?? 0, end: starts[after] ?? 0 };
}
