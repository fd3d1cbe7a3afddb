import { type Analyzer, analyzerOf } from "./analyzer/analyzer.ts";
import { segment } from "./analyzer/segment.ts";
import { arrayPostings } from "./array-postings.ts";
import { foundTerms } from "./expansion.ts";
import { codeOfLength } from "./length-codes.ts";
import { EditDistance } from "./levenshtein.ts";
import type { TextIndex } from "./ports.ts";
import { matchingRows, prepareQuery } from "./prepared-query.ts";
import type { AnalyzerSettings } from "./settings.ts";
import type { FoundTerms, LoadedTerms, TermEntry, TermLookup, TermSource } from "./term-source.ts";

/** A field to index. */
export interface TextFieldToIndex {
  readonly name: string;
  readonly settings: AnalyzerSettings;
}

/** An inverted index in memory that rows are added to, and that can be searched as of any number of rows. */
export class MemoryTextIndex {
  readonly #fields: readonly MemoryField[];
  #rowCount = 0;

  constructor(fields: readonly TextFieldToIndex[]) {
    this.#fields = fields.map((field) => new MemoryField(field));
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** About what it takes in memory. */
  get sizeBytes(): number {
    return this.#fields.reduce((sum, field) => sum + field.sizeBytes, 0);
  }

  /** Adds the next row: its text by name of the field. */
  add(texts: ReadonlyMap<string, string>): void {
    const steps = this.addInSteps(texts);
    while (steps.next().done !== true);
  }

  /** The same after some steps of at most `STEP_WORDS` words, between which the caller may do other things. Gives the number of words. Nothing else is added before it ends. */
  *addInSteps(texts: ReadonlyMap<string, string>): Generator<void, number> {
    let words = 0;
    for (const field of this.#fields) words += yield* field.addInSteps(this.#rowCount, texts.get(field.name));
    this.#rowCount++;
    return words;
  }

  /** The first `rowCount` rows, whatever is added later. */
  view(rowCount: number): TextIndex {
    const source = new MemoryTerms(this.#fields, rowCount);
    return {
      rowCount,
      fields: source.fields,
      prepare: (query) => prepareQuery(source, query),
      matchingRows: (query, pass) => matchingRows(source, query, pass),
    };
  }
}

interface MemoryPostings {
  readonly rows: number[];
  readonly frequencies: number[];
  readonly positions: number[];
}

/** Words that one step adds: a few milliseconds. */
export const STEP_WORDS = 1_024;

const POSTING_BYTES = 16;
const POSITION_BYTES = 8;
const TERM_BYTES = 200;

class MemoryField {
  readonly name: string;
  readonly analyzer: Analyzer;
  readonly postings = new Map<string, MemoryPostings>();
  lengthCodes = new Uint8Array(64);
  /** By row: of the rows before it. */
  readonly documentsBefore: number[] = [0];
  readonly tokensBefore: number[] = [0];
  sizeBytes = 0;

  constructor({ name, settings }: TextFieldToIndex) {
    this.name = name;
    this.analyzer = analyzerOf(settings);
  }

  *addInSteps(row: number, text: string | undefined): Generator<void, number> {
    const words = text === undefined ? [] : segment(text);
    let tokens = 0;
    for (const [at, word] of words.entries()) {
      if (at > 0 && at % STEP_WORDS === 0) yield;
      const term = this.analyzer.termOf(word);
      if (term === undefined) continue;
      this.#addToken(row, term, word.position);
      tokens++;
    }
    if (row >= this.lengthCodes.length) {
      const grown = new Uint8Array(this.lengthCodes.length * 2);
      grown.set(this.lengthCodes);
      this.lengthCodes = grown;
    }
    this.lengthCodes[row] = codeOfLength(tokens);
    this.documentsBefore.push(this.documentsBefore[row]! + (tokens > 0 ? 1 : 0));
    this.tokensBefore.push(this.tokensBefore[row]! + tokens);
    return words.length;
  }

  #addToken(row: number, term: string, position: number): void {
    let postings = this.postings.get(term);
    if (postings === undefined) {
      postings = { rows: [], frequencies: [], positions: [] };
      this.postings.set(term, postings);
      this.sizeBytes += TERM_BYTES + term.length * 2;
    }
    const last = postings.rows.length - 1;
    if (postings.rows[last] === row) postings.frequencies[last]!++;
    else {
      postings.rows.push(row);
      postings.frequencies.push(1);
      this.sizeBytes += POSTING_BYTES;
    }
    postings.positions.push(position);
    this.sizeBytes += POSITION_BYTES;
  }
}

class MemoryTerms implements TermSource {
  readonly rowCount: number;
  readonly fields: TermSource["fields"];
  readonly #fields: readonly MemoryField[];

  constructor(fields: readonly MemoryField[], rowCount: number) {
    this.rowCount = rowCount;
    this.#fields = fields;
    this.fields = fields.map(({ name, analyzer, documentsBefore, tokensBefore }) => ({
      name,
      analyzer: analyzer.name,
      documents: documentsBefore[rowCount]!,
      tokens: tokensBefore[rowCount]!,
    }));
  }

  find(lookups: readonly TermLookup[]): Promise<readonly FoundTerms[]> {
    return Promise.resolve(lookups.map((lookup) => this.#findOne(lookup)));
  }

  load(entries: readonly TermEntry[]): Promise<LoadedTerms> {
    const lists = entries.map(({ field, term, count }) => {
      const { postings, lengthCodes } = this.#fields[field]!;
      return arrayPostings(postings.get(term)!, count, lengthCodes);
    });
    return Promise.resolve({ lists, lengthCodes: this.#fields.map(({ lengthCodes }) => lengthCodes) });
  }

  #findOne(lookup: TermLookup): FoundTerms {
    const { postings } = this.#fields[lookup.field]!;
    if (lookup.kind === "exact") return foundTerms(this.#entries(lookup.field, [lookup.term]), 1);
    const isAsked = matcherOf(lookup);
    const terms = [...postings.keys()].filter(isAsked);
    return foundTerms(this.#entries(lookup.field, terms), lookup.most);
  }

  #entries(field: number, terms: readonly string[]): TermEntry[] {
    return terms.flatMap((term) => {
      const count = countBelow(this.#fields[field]!.postings.get(term)?.rows ?? [], this.rowCount);
      return count === 0 ? [] : [{ field, term, count }];
    });
  }
}

function matcherOf(lookup: Exclude<TermLookup, { kind: "exact" }>): (term: string) => boolean {
  if (lookup.kind === "prefix") return (term) => term.startsWith(lookup.beginning);
  const distances = new EditDistance(lookup.term, lookup.distance);
  return (term) => distances.distanceTo(term) !== undefined;
}

/** How many of the ascending numbers are below `bound`. */
function countBelow(sorted: readonly number[], bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
