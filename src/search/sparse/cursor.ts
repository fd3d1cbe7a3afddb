import { SPARSE_BLOCK_ROWS, type SparseList } from "./postings.ts";

/** Walks a list forwards. Blocks that it jumps over are not decoded. */
export class SparseCursor {
  readonly list: SparseList;
  readonly rows = new Uint32Array(SPARSE_BLOCK_ROWS);
  readonly values = new Float32Array(SPARSE_BLOCK_ROWS);
  /** Elements in the decoded block. */
  count = 0;
  /** Of the element that the cursor stands on. */
  index = 0;
  #block = -1;

  constructor(list: SparseList) {
    this.list = list;
  }

  /** Goes to the first element at or after `row`, which never falls from call to call. False: there is none. */
  seek(row: number): boolean {
    const { lastRows, blockCount } = this.list;
    let block = Math.max(this.#block, 0);
    while (block < blockCount && lastRows[block]! < row) block++;
    if (block >= blockCount) return false;
    if (block !== this.#block) {
      this.count = this.list.decode(block, this.rows, this.values);
      this.#block = block;
      this.index = 0;
    }
    while (this.rows[this.index]! < row) this.index++;
    return true;
  }

  /** The value at `row`, which never falls from call to call; undefined: there is none. */
  valueAt(row: number): number | undefined {
    return this.seek(row) && this.rows[this.index] === row ? this.values[this.index] : undefined;
  }
}
