import { BLOCK_ROWS, type PostingList } from "./posting-list.ts";

/** Where a cursor is that has passed the last posting. */
export const NO_ROW = 0xffff_ffff;

/** Walks a posting list forwards. Blocks that it jumps over are not decoded. */
export class PostingCursor {
  readonly list: PostingList;
  readonly rows = new Uint32Array(BLOCK_ROWS);
  readonly frequencies = new Uint32Array(BLOCK_ROWS);
  /** Postings in the decoded block. */
  count = 0;
  /** Of the posting in the decoded block that the cursor stands on. */
  index = 0;
  #block = -1;
  #positions: { readonly block: number; readonly all: Uint32Array } | undefined;

  constructor(list: PostingList) {
    this.list = list;
  }

  /** The row of the first posting at or after `row`, which never falls from call to call; `NO_ROW` when there is none. */
  seek(row: number): number {
    if (!this.openBlockOf(row)) return NO_ROW;
    let i = this.index;
    while (this.rows[i]! < row) i++;
    this.index = i;
    return this.rows[i]!;
  }

  /** Decodes the block that the first posting at or after `row` is in. False: there is none. */
  openBlockOf(row: number): boolean {
    let block = Math.max(this.#block, 0);
    const { lastRows, blockCount } = this.list;
    while (block < blockCount && lastRows[block]! < row) block++;
    if (block >= blockCount) {
      this.count = 0;
      return false;
    }
    if (block !== this.#block) {
      this.count = this.list.decode(block, this.rows, this.frequencies);
      this.#block = block;
      this.index = 0;
    }
    return true;
  }

  get frequency(): number {
    return this.frequencies[this.index]!;
  }

  /** Of the posting that the cursor stands on, ascending. */
  positions(): Uint32Array {
    if (this.#positions?.block !== this.#block) {
      const all = this.list.positionsOf(this.#block, this.frequencies, this.count);
      this.#positions = { block: this.#block, all };
    }
    let start = 0;
    for (let i = 0; i < this.index; i++) start += this.frequencies[i]!;
    return this.#positions.all.subarray(start, start + this.frequency);
  }
}
