import { BLOCK_ROWS, blocksOf, type Impacts, impactsOf, type PostingList } from "./posting-list.ts";

/** Postings as plain arrays: of the memtable, and what matched a phrase. */
export interface PostingArrays {
  readonly rows: ArrayLike<number>;
  readonly frequencies: ArrayLike<number>;
  /** One after the other; absent where nobody asks. */
  readonly positions?: ArrayLike<number>;
}

/** The first `count` postings. `lengthCodes` is by row. */
export function arrayPostings(arrays: PostingArrays, count: number, lengthCodes: Uint8Array): PostingList {
  return new ArrayPostings(arrays, count, lengthCodes);
}

class ArrayPostings implements PostingList {
  readonly count: number;
  readonly blockCount: number;
  readonly lastRows: Uint32Array;
  readonly #arrays: PostingArrays;
  readonly #lengthCodes: Uint8Array;
  #positionStarts: Uint32Array | undefined;

  constructor(arrays: PostingArrays, count: number, lengthCodes: Uint8Array) {
    this.count = count;
    this.blockCount = blocksOf(count);
    this.lastRows = Uint32Array.from(
      { length: this.blockCount },
      (_, block) => arrays.rows[Math.min(count, (block + 1) * BLOCK_ROWS) - 1]!,
    );
    this.#arrays = arrays;
    this.#lengthCodes = lengthCodes;
  }

  impactsOf(block: number): Impacts {
    const rows = new Uint32Array(BLOCK_ROWS);
    const frequencies = new Uint32Array(BLOCK_ROWS);
    const count = this.decode(block, rows, frequencies);
    const codes = rows.subarray(0, count).map((row) => this.#lengthCodes[row] ?? 0);
    return impactsOf(frequencies.subarray(0, count), codes, BLOCK_ROWS);
  }

  decode(block: number, rows: Uint32Array, frequencies: Uint32Array): number {
    const first = block * BLOCK_ROWS;
    const count = Math.min(this.count - first, BLOCK_ROWS);
    for (let i = 0; i < count; i++) {
      rows[i] = this.#arrays.rows[first + i]!;
      frequencies[i] = this.#arrays.frequencies[first + i]!;
    }
    return count;
  }

  positionsOf(block: number, frequencies: Uint32Array, count: number): Uint32Array {
    this.#positionStarts ??= this.#findPositionStarts();
    let total = 0;
    for (let i = 0; i < count; i++) total += frequencies[i]!;
    const start = this.#positionStarts[block] ?? 0;
    const all = this.#arrays.positions ?? [];
    return Uint32Array.from({ length: total }, (_, i) => all[start + i]!);
  }

  #findPositionStarts(): Uint32Array {
    const starts = new Uint32Array(this.blockCount);
    let start = 0;
    for (let i = 0; i < this.count; i++) {
      if (i % BLOCK_ROWS === 0) starts[i / BLOCK_ROWS] = start;
      start += this.#arrays.frequencies[i]!;
    }
    return starts;
  }
}
