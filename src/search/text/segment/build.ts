import { assert, compareKeys } from "../../../base/index.ts";
import { type Analyzer, analyzerOf } from "../analyzer/analyzer.ts";
import { segment } from "../analyzer/segment.ts";
import { codeOfLength } from "../length-codes.ts";
import type { TextFieldToIndex } from "../memory-index.ts";
import type { IndexedTextField, TextIndexSections } from "../ports.ts";
import { type BuildSteps, mergeTextIndexes } from "./merge.ts";
import { SectionWriter } from "./section-writer.ts";
import { Uint32Log } from "./uint32-log.ts";

/** Working memory of a builder, beside the bytes of what it has built. */
export const DEFAULT_BUILD_BUDGET_BYTES = 64 * 1024 * 1024;
/** About what a term of the dictionary takes while building. */
const TERM_BYTES = 160;
/** Terms that one step writes. */
const STEP_TERMS = 1_024;

/**
 * Builds the text index of a unit, row by row in the unit's order. Whenever its working memory is over the budget, what it has is written down as
 * an index of those rows; at the end these are merged. Pure: it neither waits nor looks at a clock.
 */
export class TextIndexBuilder {
  readonly #fields: readonly TextFieldToIndex[];
  readonly #budgetBytes: number;
  readonly #runs: { readonly sections: TextIndexSections; readonly firstRow: number }[] = [];
  #run: Run;
  #rowCount = 0;

  constructor(fields: readonly TextFieldToIndex[], budgetBytes: number = DEFAULT_BUILD_BUDGET_BYTES) {
    this.#fields = fields;
    this.#budgetBytes = budgetBytes;
    this.#run = new Run(fields);
  }

  /** Adds the next row: its text by name of the field. */
  add(texts: ReadonlyMap<string, string>): void {
    this.#run.add(texts);
    this.#rowCount++;
    if (this.#run.sizeBytes > this.#budgetBytes) this.#seal();
  }

  /** The sections, after some steps between which the caller may do other things. Nothing may be added afterwards. */
  *finish(): BuildSteps {
    if (this.#runs.length === 0) return yield* this.#run.write();
    if (this.#run.rowCount > 0) this.#seal();
    const parts = this.#runs.map(({ sections, firstRow }) => ({
      sections,
      rowOf: (row: number) => firstRow + row,
    }));
    return yield* mergeTextIndexes({ fields: this.#fields, rowCount: this.#rowCount, parts });
  }

  #seal(): void {
    const sections = runToEnd(this.#run.write());
    this.#runs.push({ sections, firstRow: this.#rowCount - this.#run.rowCount });
    this.#run = new Run(this.#fields);
  }
}

/** All steps at once. */
export function runToEnd(steps: BuildSteps): TextIndexSections {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Rows that are inverted in memory: a log of tokens, sorted by term at the end. */
class Run {
  readonly #fields: readonly RunField[];
  rowCount = 0;

  constructor(fields: readonly TextFieldToIndex[]) {
    this.#fields = fields.map((field) => new RunField(field));
  }

  get sizeBytes(): number {
    return this.#fields.reduce((sum, field) => sum + field.sizeBytes, 0);
  }

  add(texts: ReadonlyMap<string, string>): void {
    for (const field of this.#fields) field.add(this.rowCount, texts.get(field.name));
    this.rowCount++;
  }

  *write(): BuildSteps {
    const lengthCodes = this.#fields.map((field) => field.lengthCodes(this.rowCount));
    const writer = new SectionWriter(
      this.rowCount,
      lengthCodes.map((codes) => ({ lengthCodes: codes })),
    );
    for (const [i, field] of this.#fields.entries()) {
      let written = 0;
      for (const { term, ...list } of field.lists()) {
        writer.addTerm(i, term, list);
        if (++written % STEP_TERMS === 0) yield;
      }
    }
    return writer.finish(this.#fields.map((field) => field.describe()));
  }
}

class RunField {
  readonly name: string;
  readonly #analyzer: Analyzer;
  readonly #terms = new Map<string, number>();
  readonly #lengths = new Uint32Log();
  /** By token, in the order of the text. */
  readonly #tokenTerms = new Uint32Log();
  readonly #tokenPositions = new Uint32Log();

  constructor({ name, settings }: TextFieldToIndex) {
    this.name = name;
    this.#analyzer = analyzerOf(settings);
  }

  get sizeBytes(): number {
    // As much again for sorting.
    return this.#tokenTerms.length * 24 + this.#terms.size * TERM_BYTES + this.#lengths.length * 4;
  }

  add(row: number, text: string | undefined): void {
    assert(row === this.#lengths.length, "search.text-rows-in-order");
    let tokens = 0;
    for (const word of text === undefined ? [] : segment(text)) {
      const term = this.#analyzer.termOf(word);
      if (term === undefined) continue;
      let id = this.#terms.get(term);
      if (id === undefined) {
        id = this.#terms.size;
        this.#terms.set(term, id);
      }
      this.#tokenTerms.push(id);
      this.#tokenPositions.push(word.position);
      tokens++;
    }
    this.#lengths.push(tokens);
  }

  lengthCodes(rowCount: number): Uint8Array {
    return Uint8Array.from({ length: rowCount }, (_, row) => codeOfLength(this.#lengths.at(row)));
  }

  describe(): IndexedTextField {
    let documents = 0;
    for (let row = 0; row < this.#lengths.length; row++) if (this.#lengths.at(row) > 0) documents++;
    return { name: this.name, analyzer: this.#analyzer.name, documents, tokens: this.#tokenTerms.length };
  }

  /** The postings of each term, in the order of terms. */
  *lists(): Generator<{ term: string; rows: Uint32Array; frequencies: Uint32Array; positions: Uint32Array }> {
    const { starts, rows, positions } = this.#sortByTerm();
    const terms = [...this.#terms].sort(([left], [right]) => compareKeys(left, right));
    for (const [term, id] of terms) {
      const [start, end] = [starts[id]!, starts[id + 1]!];
      yield { term, ...countRows(rows.subarray(start, end)), positions: positions.subarray(start, end) };
    }
  }

  /** Counting sort: tokens of a term keep their order, which is that of rows and of positions within them. */
  #sortByTerm(): {
    readonly starts: Uint32Array;
    readonly rows: Uint32Array;
    readonly positions: Uint32Array;
  } {
    const count = this.#tokenTerms.length;
    const starts = new Uint32Array(this.#terms.size + 1);
    for (let i = 0; i < count; i++) starts[this.#tokenTerms.at(i) + 1]!++;
    for (let id = 0; id < this.#terms.size; id++) starts[id + 1]! += starts[id]!;
    const next = starts.slice();
    const rows = new Uint32Array(count);
    const positions = new Uint32Array(count);
    let token = 0;
    for (let row = 0; row < this.#lengths.length; row++) {
      for (let left = this.#lengths.at(row); left > 0; left--, token++) {
        const at = next[this.#tokenTerms.at(token)]!++;
        rows[at] = row;
        positions[at] = this.#tokenPositions.at(token);
      }
    }
    return { starts, rows, positions };
  }
}

/** Ascending rows, each as often as its tokens, as rows with frequencies. */
function countRows(tokens: Uint32Array): { readonly rows: Uint32Array; readonly frequencies: Uint32Array } {
  const rows = new Uint32Array(tokens.length);
  const frequencies = new Uint32Array(tokens.length);
  let count = 0;
  for (const row of tokens) {
    if (count === 0 || rows[count - 1] !== row) rows[count++] = row;
    frequencies[count - 1]!++;
  }
  return { rows: rows.subarray(0, count), frequencies: frequencies.subarray(0, count) };
}
