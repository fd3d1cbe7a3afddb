import { invalid } from "../errors.ts";
import { checkLimit } from "../model/limits.ts";
import { type Analyzer, analyzerOf } from "./analyzer/analyzer.ts";
import { segment, type Word } from "./analyzer/segment.ts";
import type { Expansion, PhraseToken, TextClause, TextQuery, TextQueryField } from "./query.ts";
import type { TextFieldSettings } from "./settings.ts";

export interface TextQueryRequest {
  readonly text: string;
  /** "any": the more words the better. "all": every word in some field. "phrase": the words in a row in one field. */
  readonly match: "any" | "all" | "phrase";
  /** Whether the last word also stands for every word that begins with it. */
  readonly lastAsPrefix?: boolean;
  /** Words also stand for words within this many edits, 0 to 2; short words for fewer: none below 3 characters, one below 6. */
  readonly fuzzyDistance?: number;
  /** How many places the words of a phrase may be moved in all. */
  readonly slop?: number;
  /** Whether `+must`, `-not`, `"a phrase"`, `"a phrase"~2`, `begin*` and `word~1` have their meaning. */
  readonly operators?: boolean;
}

export interface RequestedField {
  readonly name: string;
  readonly settings: TextFieldSettings;
  /** Absent: the settings'. */
  readonly weight?: number;
}

export const MAX_FUZZY_DISTANCE = 2;
const MAX_SLOP = 100;
const MAX_WEIGHT = 1_000;

/** Analyzes a query for fields of a schema. Refuses weights, distances and sizes out of their bounds. No word that counts: no clause. */
export function parseTextQuery(request: TextQueryRequest, fields: readonly RequestedField[]): TextQuery {
  checkLimit("queryTextBytes", request.text.length);
  checkRange("fuzzyDistance", request.fuzzyDistance ?? 0, MAX_FUZZY_DISTANCE);
  checkRange("slop", request.slop ?? 0, MAX_SLOP);
  for (const { name, settings, weight } of fields) {
    const given = weight ?? settings.weight;
    if (!(given > 0 && given <= MAX_WEIGHT))
      throw invalid(`the weight of "${name}" is above 0 and at most ${MAX_WEIGHT}, not ${given}`, {
        field: name,
      });
  }
  const analyzers = fields.map(({ settings }) => analyzerOf(settings));
  const pieces = request.operators === true ? piecesOf(request) : [pieceOf(request)];
  const clauses = mergeEqual(pieces.flatMap((piece) => clausesOf(piece, analyzers)));
  checkLimit("queryTerms", clauses.length * fields.length);
  return { fields: fields.map(queryField), clauses };
}

function queryField({ name, settings, weight }: RequestedField): TextQueryField {
  const { k1, b } = settings;
  return { name, analyzer: analyzerOf(settings).name, weight: weight ?? settings.weight, k1, b };
}

function checkRange(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw invalid(`${name} is a whole number from 0 to ${most}, not ${value}`);
}

/** A part of the query's text with what its operators say. */
interface Piece {
  readonly text: string;
  readonly occur: TextClause["occur"];
  readonly phrase: boolean;
  readonly slop: number;
  readonly lastAsPrefix: boolean;
  readonly fuzzyDistance: number;
}

function pieceOf(request: TextQueryRequest): Piece {
  return {
    text: request.text,
    occur: request.match === "all" ? "must" : "should",
    phrase: request.match === "phrase",
    slop: request.slop ?? 0,
    lastAsPrefix: request.lastAsPrefix ?? false,
    fuzzyDistance: request.fuzzyDistance ?? 0,
  };
}

const PIECE = /([+-]?)(?:"([^"]*)"(?:~(\d{1,3}))?|(\S+))/g;
const WORD_OPERATORS = /^(.*?)(\*)?(?:~([12]))?$/su;

function piecesOf(request: TextQueryRequest): readonly Piece[] {
  const plain = { ...pieceOf(request), lastAsPrefix: false };
  const pieces: Piece[] = [];
  for (const [, sign, quoted, slop, chunk = ""] of request.text.matchAll(PIECE)) {
    const occur = sign === "+" ? "must" : sign === "-" ? "must-not" : plain.occur;
    if (quoted !== undefined) {
      const moved = slop === undefined ? plain.slop : Number(slop);
      checkRange("slop", moved, MAX_SLOP);
      pieces.push({ ...plain, text: quoted, occur, phrase: true, slop: moved });
      continue;
    }
    const [, text = "", star, distance] = WORD_OPERATORS.exec(chunk) ?? [];
    const fuzzyDistance = distance === undefined ? plain.fuzzyDistance : Number(distance);
    // "-state-of-the-art" forbids the words in a row, not each of them.
    const phrase = plain.phrase || occur === "must-not";
    pieces.push({ ...plain, text, occur, phrase, lastAsPrefix: star !== undefined, fuzzyDistance });
  }
  const last = pieces.at(-1);
  const lastIsWord = request.lastAsPrefix === true && last !== undefined && !request.text.endsWith('"');
  return lastIsWord ? [...pieces.slice(0, -1), { ...last, lastAsPrefix: true }] : pieces;
}

function clausesOf(piece: Piece, analyzers: readonly Analyzer[]): readonly TextClause[] {
  const words = segment(piece.text).filter((word, i, all) => !isTailOfRun(word, all[i - 1]));
  if (piece.phrase && words.length > 1 && !piece.lastAsPrefix) return phraseClauses(piece, words, analyzers);
  return words.flatMap((word, i) => tokenClauses(piece, word, i === words.length - 1, analyzers));
}

/** The last character of a run stands in the gram before it already. */
function isTailOfRun(word: Word, before: Word | undefined): boolean {
  return word.kind === "last-of-run" && before?.kind === "gram";
}

function tokenClauses(
  piece: Piece,
  word: Word,
  isLast: boolean,
  analyzers: readonly Analyzer[],
): readonly TextClause[] {
  const terms = analyzers.map((analyzer) => analyzer.termOf(word));
  const expansion = expansionOf(piece, word, isLast, analyzers);
  if (expansion.kind !== "prefix" && terms.every((term) => term === undefined)) return [];
  // A word that some field leaves out cannot be asked of all documents.
  const optional = piece.occur === "must" && expansion.kind !== "prefix" && terms.includes(undefined);
  const occur = optional ? "should" : piece.occur;
  return [{ occur, count: 1, match: { kind: "token", terms, expansion } }];
}

function expansionOf(piece: Piece, word: Word, isLast: boolean, analyzers: readonly Analyzer[]): Expansion {
  // One character of a script without spaces begins the grams that it stands in.
  if ((piece.lastAsPrefix && isLast) || word.kind === "last-of-run")
    return { kind: "prefix", beginnings: analyzers.map((analyzer) => analyzer.plainOf(word)) };
  const characters = word.kind === "word" ? [...word.text].length : 0;
  const distance = Math.min(
    piece.fuzzyDistance,
    characters < 3 ? 0 : characters < 6 ? 1 : MAX_FUZZY_DISTANCE,
  );
  return distance === 0 ? { kind: "none" } : { kind: "fuzzy", distance };
}

function phraseClauses(
  piece: Piece,
  words: readonly Word[],
  analyzers: readonly Analyzer[],
): readonly TextClause[] {
  checkLimit("phraseWords", words.length);
  const tokens = analyzers.map((analyzer) => phraseTokens(words, analyzer));
  if (tokens.every((ofField) => ofField.length === 0)) return [];
  return [{ occur: piece.occur, count: 1, match: { kind: "phrase", tokens, slop: piece.slop } }];
}

function phraseTokens(words: readonly Word[], analyzer: Analyzer): readonly PhraseToken[] {
  return words.flatMap((word) => {
    const term = analyzer.termOf(word);
    return term === undefined ? [] : [{ term, position: word.position }];
  });
}

function mergeEqual(clauses: readonly TextClause[]): readonly TextClause[] {
  const merged = new Map<string, TextClause>();
  for (const clause of clauses) {
    const key = JSON.stringify([clause.occur, clause.match]);
    const before = merged.get(key);
    merged.set(key, before === undefined ? clause : { ...before, count: before.count + 1 });
  }
  return [...merged.values()];
}
