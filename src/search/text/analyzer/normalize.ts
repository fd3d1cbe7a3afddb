/** A text in NFKC, and where each part of it came from. */
export interface NormalizedText {
  readonly text: string;
  /** Where the cluster that a unit (UTF-16) of `text` belongs to begins in the original, with the original's length at the end. Absent: at the same place. */
  readonly starts?: Uint32Array;
}

const NON_ASCII = /\P{ASCII}/u;
/**
 * Marks in a row that are normalized together: more of them are normalized as several clusters. Putting marks in order takes time in proportion
 * to the square of their number; no text in use has as many (Unicode Standard Annex 15, 13: stream-safe text format).
 */
const MAX_MARKS = 30;
const MARK = "[\\p{M}\\uff9e\\uff9f]";
const TOO_MANY_MARKS = new RegExp(`${MARK}{${MAX_MARKS + 1}}`, "u");
const MARK_OR_HALF = /[\p{M}\p{Cs}\uff9e\uff9f]/u;
/** What is normalized by itself: a character with its marks (and half-width kana with theirs), or Hangul letters that make a syllable together. */
const CLUSTER = new RegExp(
  `[\\u1100-\\u11ff\\ua960-\\ua97c\\ud7b0-\\ud7fb]+|\\P{M}${MARK}{0,${MAX_MARKS}}|\\p{M}{1,${MAX_MARKS}}`,
  "gu",
);

/** NFKC, cluster by cluster, so that every part of the result has a place in the original. Takes time in proportion to the text. */
export function normalizeText(text: string): NormalizedText {
  if (!NON_ASCII.test(text)) return { text };
  if (!hasTooManyMarks(text) && text.normalize("NFKC") === text) return { text };
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

/** So many marks in a row lie on every 31st unit: where no such unit is one, nothing else is looked at. */
function hasTooManyMarks(text: string): boolean {
  for (let at = MAX_MARKS; at < text.length; at += MAX_MARKS + 1)
    if (MARK_OR_HALF.test(text[at]!)) return TOO_MANY_MARKS.test(text);
  return false;
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
