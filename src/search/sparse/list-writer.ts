import { ByteWriter } from "../packed/byte-writer.ts";
import { DIMENSIONS_OF_BLOCK, type DimensionBlock, writeSparseHead } from "./head.ts";
import type { SparseIndexSections } from "./ports.ts";
import { writeSparseList } from "./postings.ts";

/** Writes the sections of an index, dimension by dimension. */
export class SparseListWriter {
  readonly #dimensions = new ByteWriter();
  readonly #postings = new ByteWriter();
  readonly #blocks: DimensionBlock[] = [];
  #count = 0;
  #last = 0;

  /** Dimensions ascend, and so do the rows of each, of which there is at least one. */
  add(dimension: number, rows: Uint32Array, values: Float32Array): void {
    const isFirst = this.#count++ % DIMENSIONS_OF_BLOCK === 0;
    const start = this.#postings.length;
    if (isFirst) this.#blocks.push({ dimension, dimensionsAt: this.#dimensions.length, postingsAt: start });
    writeSparseList(this.#postings, rows, values);
    this.#dimensions.varint(isFirst ? 0 : dimension - this.#last);
    this.#dimensions.varint(rows.length);
    this.#dimensions.varint(this.#postings.length - start);
    this.#last = dimension;
  }

  /** `vectors`: rows that have an element. */
  finish(rowCount: number, vectors: number): SparseIndexSections {
    const [dimensions, postings] = [this.#dimensions.take(), this.#postings.take()];
    const head = writeSparseHead({
      rowCount,
      vectors,
      blocks: this.#blocks,
      dimensionsBytes: dimensions.length,
      postingsBytes: postings.length,
    });
    return { head, dimensions, postings };
  }
}
