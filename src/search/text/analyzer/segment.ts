import { normalizeText, originalRange } from "./normalize.ts";

/**
 * A word of a text, before anything is made of it. In scripts that write no spaces it is a gram: two neighbouring characters, or the last
 * one of its run alone.
 */
export interface Word {
  /** In NFKC, not lower-cased. */
  readonly text: string;
  readonly kind: "word" | "gram" | "last-of-run";
  /** In words, from 0. */
  readonly position: number;
  /** In the original, UTF-16 units, whole clusters. */
  readonly start: number;
  readonly end: number;
}

/** A longer word is cut here, between characters. */
export const MAX_WORD_UNITS = 128;

/** Invisible characters inside a word (soft hyphen, joiners) belong to it, but not to its text. An apostrophe joins letters. */
const WORD =
  /[\p{L}\p{N}][\p{L}\p{N}\p{M}\u00ad\u200c\u200d]*(?:['’]\p{L}[\p{L}\p{N}\p{M}\u00ad\u200c\u200d]*)*/gu;
const INVISIBLE = /[\u00ad\u200c\u200d]/g;
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
const RUNS =
  /(?:[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]\p{M}*)+|(?:[^\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]\p{M}*)+/gu;
const CHARACTER = /\P{M}\p{M}*|\p{M}+/gu;
const LETTER = /[\p{L}\p{N}]/u;
const NON_ASCII = /\P{ASCII}/u;

/** The words of a text in their order. */
export function segment(text: string): readonly Word[] {
  return NON_ASCII.test(text) ? segmentUnicode(text) : segmentAscii(text);
}

function segmentUnicode(text: string): readonly Word[] {
  const normalized = normalizeText(text);
  const words: Word[] = [];
  let position = 0;
  for (const match of normalized.text.matchAll(WORD)) {
    const pieces = UNSPACED.test(match[0]) ? runsOf(match[0], match.index) : [wordAt(match[0], match.index)];
    for (const { text: piece, kind, start, end } of pieces) {
      words.push({ text: piece, kind, position: position++, ...originalRange(normalized, start, end) });
    }
  }
  return words;
}

type Piece = Omit<Word, "position">;

function wordAt(raw: string, start: number): Piece {
  const text = cutWord(raw.replace(INVISIBLE, "").replaceAll("’", "'"));
  return { text, kind: "word", start, end: start + raw.length };
}

/** Parts of a word by how their scripts are written: "iPhone用" is a word and a run. */
function* runsOf(raw: string, offset: number): Generator<Piece> {
  for (const { 0: run, index } of raw.matchAll(RUNS)) {
    if (!LETTER.test(run)) continue;
    if (!UNSPACED.test(run)) yield wordAt(run, offset + index);
    else yield* gramsOf(run, offset + index);
  }
}

function* gramsOf(run: string, offset: number): Generator<Piece> {
  const characters = [...run.matchAll(CHARACTER)].filter(({ 0: text }) => text.replace(INVISIBLE, "") !== "");
  for (const [i, { 0: character, index }] of characters.entries()) {
    const next = characters[i + 1];
    const text = cutWord((character + (next?.[0] ?? "")).replace(INVISIBLE, ""));
    const end = next === undefined ? index + character.length : next.index + next[0].length;
    yield {
      text,
      kind: next === undefined ? "last-of-run" : "gram",
      start: offset + index,
      end: offset + end,
    };
  }
}

function cutWord(word: string): string {
  if (word.length <= MAX_WORD_UNITS) return word;
  const last = word.charCodeAt(MAX_WORD_UNITS - 1);
  const splitsPair = last >= 0xd800 && last < 0xdc00;
  return word.slice(0, splitsPair ? MAX_WORD_UNITS - 1 : MAX_WORD_UNITS);
}

const APOSTROPHE = 0x27;

/** The same as `segmentUnicode` on such a text, without regular expressions. */
function segmentAscii(text: string): readonly Word[] {
  const words: Word[] = [];
  for (let i = 0; i < text.length; ) {
    if (!isWordCode(text.charCodeAt(i))) {
      i++;
      continue;
    }
    const start = i;
    do i++;
    while (
      isWordCode(text.charCodeAt(i)) ||
      (text.charCodeAt(i) === APOSTROPHE && isLetterCode(text.charCodeAt(i + 1)))
    );
    words.push({ text: cutWord(text.slice(start, i)), kind: "word", position: words.length, start, end: i });
  }
  return words;
}

function isLetterCode(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isWordCode(code: number): boolean {
  return isLetterCode(code) || (code >= 0x30 && code <= 0x39);
}
