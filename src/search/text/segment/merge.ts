import { SearchError } from "../../errors.ts";
import { analyzerName } from "../analyzer/analyzer.ts";
import type { TextFieldToIndex } from "../memory-index.ts";
import type { IndexedTextField, TextIndexSections } from "../ports.ts";
import { BLOCK_ROWS } from "../posting-list.ts";
import { readTerms, type SegmentTerm } from "./dictionary-block.ts";
import { compareTerms, readHead, type TextHead } from "./head.ts";
import { type PostingsToWrite, readPostings } from "./posting-blocks.ts";
import { SectionWriter } from "./section-writer.ts";
import { Uint32Log } from "./uint32-log.ts";

/** Work in bounded steps: whoever runs it may do other things between them. */
export type BuildSteps = Generator<undefined, TextIndexSections>;

export interface MergeRequest {
  readonly fields: readonly TextFieldToIndex[];
  readonly rowCount: number;
  readonly parts: readonly MergePart[];
}

export interface MergePart {
  readonly sections: TextIndexSections;
  /** Where a row of the part goes; undefined: it is left out. No two rows go to the same place. */
  readonly rowOf: (row: number) => number | undefined;
}

/** Terms that one step writes. */
const STEP_TERMS = 256;

/**
 * One index of the rows of several, without their texts. In memory: the sections of the parts, those of the result, and the postings of one term.
 * "failed-precondition" when a part has a field by another analyzer; "data-damaged" when a part is not an index.
 */
export function* mergeTextIndexes({ fields, rowCount, parts }: MergeRequest): BuildSteps {
  const inputs = parts.map((part) => new MergeInput(part, fields));
  const lengthCodes = fields.map(() => new Uint8Array(rowCount));
  for (const input of inputs) input.copyLengths(lengthCodes);
  const writer = new SectionWriter(
    rowCount,
    lengthCodes.map((codes) => ({ lengthCodes: codes })),
  );
  const tokens = fields.map(() => 0);
  let written = 0;
  for (;;) {
    const next = leastTerm(inputs);
    if (next === undefined) break;
    const gathered = new Gathered();
    for (const input of inputs) if (isTerm(input.current, next)) input.moveInto(gathered);
    const list = gathered.sorted();
    if (list.rows.length > 0) writer.addTerm(next.field, next.term, list);
    tokens[next.field]! += list.positions.length;
    if (++written % STEP_TERMS === 0) yield;
  }
  return writer.finish(fields.map((field, i) => describe(field, lengthCodes[i]!, tokens[i]!)));
}

function describe(
  { name, settings }: TextFieldToIndex,
  lengthCodes: Uint8Array,
  tokens: number,
): IndexedTextField {
  let documents = 0;
  for (const code of lengthCodes) if (code > 0) documents++;
  return { name, analyzer: analyzerName(settings), documents, tokens };
}

type MergedTerm = Pick<SegmentTerm, "field" | "term">;

function isTerm(current: MergedTerm | undefined, term: MergedTerm): boolean {
  return current !== undefined && current.field === term.field && current.term === term.term;
}

function leastTerm(inputs: readonly MergeInput[]): MergedTerm | undefined {
  let least: MergedTerm | undefined;
  for (const { current } of inputs)
    if (current !== undefined && (least === undefined || compareTerms(current, least) < 0)) least = current;
  return least;
}

/** Walks over the terms of a part in the order of the result's fields. */
class MergeInput {
  readonly #part: MergePart;
  readonly #head: TextHead;
  /** By field of the result: the same field of the part. */
  readonly #fieldOf: readonly number[];
  readonly #terms: Iterator<SegmentTerm>;
  /** The term that it stands on, with the field of the result. */
  current: SegmentTerm | undefined;

  constructor(part: MergePart, fields: readonly TextFieldToIndex[]) {
    this.#part = part;
    this.#head = readHead(part.sections.head);
    this.#fieldOf = fields.map(({ name, settings }) => {
      const found = this.#head.fields.findIndex((field) => field.name === name);
      const analyzer = this.#head.fields[found]?.analyzer ?? analyzerName(settings);
      if (analyzer !== analyzerName(settings))
        throw new SearchError("failed-precondition", `field "${name}" was indexed by analyzer ${analyzer}`);
      return found;
    });
    this.#terms = this.#walk();
    this.#advance();
  }

  copyLengths(into: readonly Uint8Array[]): void {
    const { rowCount } = this.#head;
    for (const [i, field] of this.#fieldOf.entries()) {
      if (field < 0) continue;
      for (let row = 0; row < rowCount; row++) {
        const target = this.#part.rowOf(row);
        if (target !== undefined) into[i]![target] = this.#part.sections.lengths[field * rowCount + row]!;
      }
    }
  }

  /** Adds the postings of the current term and goes to the next one. */
  moveInto(gathered: Gathered): void {
    const { postingsAt, postingsBytes, positionsAt, positionsBytes, count } = this.current!;
    const { postings, positions } = this.#part.sections;
    const list = readPostings({
      count,
      rowCount: this.#head.rowCount,
      postings: postings.subarray(postingsAt, postingsAt + postingsBytes),
      positions: positions.subarray(positionsAt, positionsAt + positionsBytes),
      lengthCodes: NO_LENGTHS,
    });
    const rows = new Uint32Array(BLOCK_ROWS);
    const frequencies = new Uint32Array(BLOCK_ROWS);
    for (let block = 0; block < list.blockCount; block++) {
      const decoded = list.decode(block, rows, frequencies);
      const places = list.positionsOf(block, frequencies, decoded);
      let at = 0;
      for (let i = 0; i < decoded; i++) {
        const target = this.#part.rowOf(rows[i]!);
        if (target !== undefined) gathered.add(target, places.subarray(at, at + frequencies[i]!));
        at += frequencies[i]!;
      }
    }
    this.#advance();
  }

  #advance(): void {
    const next = this.#terms.next();
    this.current = next.done === true ? undefined : next.value;
  }

  *#walk(): Generator<SegmentTerm, undefined> {
    for (const [i, field] of this.#fieldOf.entries()) {
      for (const [block, { field: first }] of this.#head.blocks.entries()) {
        const last = this.#head.blocks[block + 1]?.field ?? Number.POSITIVE_INFINITY;
        if (first > field || last < field) continue;
        for (const term of this.#termsOf(block)) if (term.field === field) yield { ...term, field: i };
      }
    }
  }

  #termsOf(block: number): readonly SegmentTerm[] {
    const { blocks, termsBytes, rowCount } = this.#head;
    const { termsAt } = blocks[block]!;
    const bytes = this.#part.sections.terms.subarray(termsAt, blocks[block + 1]?.termsAt ?? termsBytes);
    return readTerms(bytes, blocks[block]!, rowCount);
  }
}

const NO_LENGTHS = new Uint8Array(0);

/** The postings of one term out of several parts. */
class Gathered {
  readonly #rows = new Uint32Log();
  readonly #frequencies = new Uint32Log();
  readonly #positions = new Uint32Log();
  #isSorted = true;

  add(row: number, positions: Uint32Array): void {
    const count = this.#rows.length;
    if (count > 0 && this.#rows.at(count - 1) > row) this.#isSorted = false;
    this.#rows.push(row);
    this.#frequencies.push(positions.length);
    for (const position of positions) this.#positions.push(position);
  }

  sorted(): PostingsToWrite {
    const [rows, frequencies, positions] = [
      this.#rows.view(),
      this.#frequencies.view(),
      this.#positions.view(),
    ];
    if (this.#isSorted) return { rows, frequencies, positions };
    const starts = new Uint32Array(rows.length);
    for (let i = 1; i < rows.length; i++) starts[i] = starts[i - 1]! + frequencies[i - 1]!;
    const order = Uint32Array.from(rows.keys()).sort((left, right) => rows[left]! - rows[right]!);
    const moved = new Uint32Array(positions.length);
    let at = 0;
    for (const i of order) {
      moved.set(positions.subarray(starts[i]!, starts[i]! + frequencies[i]!), at);
      at += frequencies[i]!;
    }
    return {
      rows: order.map((i) => rows[i]!),
      frequencies: order.map((i) => frequencies[i]!),
      positions: moved,
    };
  }
}
