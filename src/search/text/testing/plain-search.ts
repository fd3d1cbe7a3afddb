/** What a search must answer, straight from the texts: no index, no blocks, nothing skipped. */

import { compareKeys } from "../../../base/index.ts";
import { analyzerOf, type Token } from "../analyzer/analyzer.ts";
import { codeOfLength, lengthOfCode } from "../length-codes.ts";
import type { TextHit } from "../ports.ts";
import type { PhraseToken, TextClause, TextQuery } from "../query.ts";
import type { AnalyzerSettings } from "../settings.ts";

export interface PlainField {
  readonly name: string;
  readonly settings: AnalyzerSettings;
}

interface PlainPart {
  readonly idf: number;
  readonly nearness: number;
  readonly frequencyIn: (row: number) => number;
}

const STEP = 2 ** -22;
const MOST_EXPANSIONS = 64;

export class PlainCorpus {
  readonly #fields = new Map<string, readonly (readonly Token[])[]>();
  readonly rowCount: number;
  readonly #known = new Map<string, readonly PlainPart[]>();

  constructor(fields: readonly PlainField[], rows: readonly ReadonlyMap<string, string>[]) {
    this.rowCount = rows.length;
    for (const { name, settings } of fields)
      this.#fields.set(
        name,
        rows.map((texts) => analyzerOf(settings).analyze(texts.get(name) ?? "")),
      );
  }

  /** All matching rows, best first, ties by row. */
  search(query: TextQuery): readonly TextHit[] {
    const hits: TextHit[] = [];
    for (let row = 0; row < this.rowCount; row++)
      if (this.matches(query, row)) hits.push({ row, score: this.#score(query, row) });
    return hits.sort((left, right) => right.score - left.score || left.row - right.row);
  }

  matches({ clauses, fields }: TextQuery, row: number): boolean {
    const holds = (clause: TextClause) =>
      fields.some((_, field) =>
        this.#parts(clause, fields, field, Number.POSITIVE_INFINITY).some(
          ({ frequencyIn }) => frequencyIn(row) > 0,
        ),
      );
    const required = clauses.filter(({ occur }) => occur === "must");
    const optional = clauses.filter(({ occur }) => occur === "should");
    if (clauses.some((clause) => clause.occur === "must-not" && holds(clause))) return false;
    return required.length > 0 ? required.every(holds) : optional.some(holds);
  }

  #score({ clauses, fields }: TextQuery, row: number): number {
    let score = 0;
    for (const clause of clauses) {
      if (clause.occur === "must-not") continue;
      for (const [i, { name, weight, k1, b }] of fields.entries()) {
        const tokens = this.#fields.get(name)!;
        const length = lengthOfCode(codeOfLength(tokens[row]!.length));
        const average = tokens.reduce((sum, { length }) => sum + length, 0) / this.#documents(name);
        const norm = k1 * (1 - b + (b * length) / average);
        for (const { idf, nearness, frequencyIn } of this.#parts(clause, fields, i, MOST_EXPANSIONS)) {
          const frequency = frequencyIn(row);
          if (frequency === 0) continue;
          const part = (weight * (k1 + 1) * clause.count * idf * nearness * frequency) / (frequency + norm);
          score += Math.round(part / STEP) * STEP;
        }
      }
    }
    return score;
  }

  /** What of a clause counts in a field. */
  #parts(clause: TextClause, fields: TextQuery["fields"], field: number, most: number): readonly PlainPart[] {
    const key = JSON.stringify([clause.match, fields[field]!.name, field, String(most)]);
    const parts = this.#known.get(key) ?? this.#findParts(clause, fields, field, most);
    this.#known.set(key, parts);
    return parts;
  }

  #findParts(
    clause: TextClause,
    fields: TextQuery["fields"],
    field: number,
    most: number,
  ): readonly PlainPart[] {
    const { name } = fields[field]!;
    const { match } = clause;
    if (match.kind === "phrase") {
      const phrase = match.tokens[field]!;
      const idf = phrase.reduce((sum, { term }) => sum + this.#idf(name, this.#rowsWith(name, term)), 0);
      const frequencyIn = (row: number) => countPhrase(this.#fields.get(name)![row]!, phrase, match.slop);
      return phrase.length === 0 ? [] : [{ idf, nearness: 1, frequencyIn: remembered(frequencyIn) }];
    }
    const terms = this.#expanded(name, match.terms[field], match.expansion, field).slice(0, most);
    const idf = this.#idf(name, Math.max(0, ...terms.map(({ term }) => this.#rowsWith(name, term))));
    return terms.map(({ term, nearness }) => ({
      idf,
      nearness,
      frequencyIn: remembered(
        (row) => this.#fields.get(name)![row]!.filter((token) => token.term === term).length,
      ),
    }));
  }

  #expanded(
    name: string,
    asked: string | undefined,
    expansion: Extract<TextClause["match"], { kind: "token" }>["expansion"],
    field: number,
  ): { readonly term: string; readonly nearness: number }[] {
    const all = new Set(this.#fields.get(name)!.flatMap((tokens) => tokens.map(({ term }) => term)));
    const nearness = (term: string): number | undefined => {
      if (term === asked) return 1;
      if (expansion.kind === "prefix") {
        const beginning = expansion.beginnings[field]!;
        return term.startsWith(beginning) ? [...beginning].length / [...term].length : undefined;
      }
      if (expansion.kind === "none" || asked === undefined) return undefined;
      const distance = editDistance([...asked], [...term]);
      return distance <= expansion.distance ? 1 / (1 + distance) : undefined;
    };
    const near = [...all].flatMap((term) => {
      const value = nearness(term);
      return value === undefined ? [] : [{ term, nearness: value, rows: this.#rowsWith(name, term) }];
    });
    return near.sort(
      (left, right) =>
        Number(right.term === asked) - Number(left.term === asked) ||
        right.rows - left.rows ||
        compareKeys(left.term, right.term),
    );
  }

  #rowsWith(name: string, term: string): number {
    return this.#fields.get(name)!.filter((tokens) => tokens.some((token) => token.term === term)).length;
  }

  #documents(name: string): number {
    return this.#fields.get(name)!.filter((tokens) => tokens.length > 0).length;
  }

  #idf(name: string, n: number): number {
    const documents = this.#documents(name);
    return Math.log(1 + (documents - n + 0.5) / (n + 0.5));
  }
}

function remembered(frequencyIn: (row: number) => number): (row: number) => number {
  const known = new Map<number, number>();
  return (row) => {
    const frequency = known.get(row) ?? frequencyIn(row);
    known.set(row, frequency);
    return frequency;
  };
}

/** Optimal string alignment, by its definition. */
export function editDistance(left: readonly string[], right: readonly string[]): number {
  const table = Array.from({ length: left.length + 1 }, (_, i) => [
    i,
    ...new Array<number>(right.length).fill(0),
  ]);
  for (let j = 0; j <= right.length; j++) table[0]![j] = j;
  for (let i = 1; i <= left.length; i++)
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1;
      let least = Math.min(table[i - 1]![j]! + 1, table[i]![j - 1]! + 1, table[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1])
        least = Math.min(least, table[i - 2]![j - 2]! + 1);
      table[i]![j] = least;
    }
  return table[left.length]![right.length]!;
}

/** Starts of the phrase: those for which some choice of different places keeps every token within its range and one at its very beginning. */
function countPhrase(tokens: readonly Token[], phrase: readonly PhraseToken[], slop: number): number {
  const greatest = Math.max(-1, ...tokens.map(({ position }) => position));
  let count = 0;
  for (let start = -slop - phrase.length * 2; start <= greatest; start++)
    if (canStandAt(tokens, phrase, start, slop)) count++;
  return count;
}

function canStandAt(
  tokens: readonly Token[],
  phrase: readonly PhraseToken[],
  start: number,
  slop: number,
): boolean {
  // Equal tokens keep their order.
  const search = (i: number, used: ReadonlyMap<string, number>, atStart: boolean): boolean => {
    const part = phrase[i];
    if (part === undefined) return atStart;
    return tokens.some(({ term, position }) => {
      const moved = position - start - part.position;
      if (term !== part.term || moved < 0 || moved > slop || position <= (used.get(term) ?? -1)) return false;
      return search(i + 1, new Map([...used, [term, position]]), atStart || moved === 0);
    });
  };
  return search(0, new Map(), false);
}
