import { damaged } from "../packed/byte-reader.ts";
import { RowSet } from "../rows/row-set.ts";
import { type Dimension, readDimensions, readSparseHead } from "./head.ts";
import { SparseListWriter } from "./list-writer.ts";
import type { SparseIndexSections } from "./ports.ts";
import { SPARSE_BLOCK_ROWS, SparseList } from "./postings.ts";

export interface SparseMergePart {
  readonly sections: SparseIndexSections;
  /** Where a row of the part goes; undefined: it is left out. No two rows go to the same place. */
  readonly rowOf: (row: number) => number | undefined;
}

/** Dimensions that one step writes. */
const STEP_DIMENSIONS = 256;

/**
 * One index of the rows of several, without their vectors; byte for byte what one build of those rows makes. In memory: the sections of the parts and of
 * the result, and the elements of one dimension. In steps: whoever runs it may do other things between them. "data-damaged" when a part is no index.
 */
export function* mergeSparseIndexes(
  rowCount: number,
  parts: readonly SparseMergePart[],
): Generator<undefined, SparseIndexSections> {
  const inputs = parts.map((part) => new MergeInput(part));
  const writer = new SparseListWriter();
  const present = RowSet.empty(rowCount);
  for (let step = 1; ; step++) {
    const heads = inputs.flatMap(({ current }) => (current === undefined ? [] : [current.dimension]));
    if (heads.length === 0) break;
    const dimension = heads.reduce((least, one) => Math.min(least, one));
    const elements: Element[] = [];
    for (const input of inputs) if (input.current?.dimension === dimension) input.moveInto(elements);
    if (elements.length > 0) {
      elements.sort((left, right) => left.row - right.row);
      for (const { row } of elements) present.add(row);
      writer.add(
        dimension,
        Uint32Array.from(elements, ({ row }) => row),
        Float32Array.from(elements, ({ value }) => value),
      );
    }
    if (step % STEP_DIMENSIONS === 0) yield;
  }
  return writer.finish(rowCount, present.count());
}

interface Element {
  readonly row: number;
  readonly value: number;
}

/** Walks over the dimensions of a part. */
class MergeInput {
  readonly #part: SparseMergePart;
  readonly #rowCount: number;
  readonly #dimensions: Iterator<Dimension>;
  current: Dimension | undefined;

  constructor(part: SparseMergePart) {
    this.#part = part;
    const head = readSparseHead(part.sections.head);
    this.#rowCount = head.rowCount;
    this.#dimensions = dimensionsOf(part.sections, head);
    this.#advance();
  }

  moveInto(elements: Element[]): void {
    const { postingsAt, postingsBytes, count } = this.current!;
    const bytes = this.#part.sections.postings.subarray(postingsAt, postingsAt + postingsBytes);
    if (bytes.length !== postingsBytes) throw damaged("a list lies outside its section");
    const list = new SparseList(bytes, count, this.#rowCount);
    const rows = new Uint32Array(SPARSE_BLOCK_ROWS);
    const values = new Float32Array(SPARSE_BLOCK_ROWS);
    for (let block = 0; block < list.blockCount; block++) {
      const decoded = list.decode(block, rows, values);
      for (let i = 0; i < decoded; i++) {
        const row = this.#part.rowOf(rows[i]!);
        if (row !== undefined) elements.push({ row, value: values[i]! });
      }
    }
    this.#advance();
  }

  #advance(): void {
    const next = this.#dimensions.next();
    this.current = next.done === true ? undefined : next.value;
  }
}

function* dimensionsOf(
  { dimensions }: SparseIndexSections,
  { blocks, rowCount }: ReturnType<typeof readSparseHead>,
): Generator<Dimension, undefined> {
  for (const [i, block] of blocks.entries()) {
    const end = blocks[i + 1]?.dimensionsAt ?? dimensions.length;
    yield* readDimensions(dimensions.subarray(block.dimensionsAt, end), block, rowCount);
  }
}
