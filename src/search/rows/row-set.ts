import { assert } from "../../base/index.ts";

const WORD_BITS = 32;

/**
 * A set of the rows 0 to `size` - 1 of one unit, one bit each. The operations that change a set say so in their names; none of them waits.
 * Sets that are combined have the same size.
 */
export class RowSet {
  readonly size: number;
  /** Bit r % 32 of word r / 32 is row r; bits beyond `size` are zero. For kernels. */
  readonly words: Uint32Array;

  private constructor(size: number, words: Uint32Array) {
    this.size = size;
    this.words = words;
  }

  static empty(size: number): RowSet {
    return new RowSet(size, new Uint32Array(Math.ceil(size / WORD_BITS)));
  }

  static full(size: number): RowSet {
    const set = RowSet.empty(size);
    set.words.fill(0xffff_ffff);
    set.#clearTail();
    return set;
  }

  static of(size: number, rows: Iterable<number>): RowSet {
    const set = RowSet.empty(size);
    for (const row of rows) set.add(row);
    return set;
  }

  /** Takes over `words`, whose bits beyond `size` must be zero. */
  static fromWords(size: number, words: Uint32Array): RowSet {
    assert(words.length === Math.ceil(size / WORD_BITS), "search.row-set-words");
    return new RowSet(size, words);
  }

  has(row: number): boolean {
    return (((this.words[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  add(row: number): void {
    assert(row >= 0 && row < this.size, "search.row-in-range");
    this.words[row >>> 5] = (this.words[row >>> 5] ?? 0) | (1 << (row & 31));
  }

  remove(row: number): void {
    assert(row >= 0 && row < this.size, "search.row-in-range");
    this.words[row >>> 5] = (this.words[row >>> 5] ?? 0) & ~(1 << (row & 31));
  }

  /** Adds `first` to `end` - 1. */
  addRange(first: number, end: number): void {
    assert(first >= 0 && first <= end && end <= this.size, "search.row-in-range");
    let row = first;
    for (; row < end && (row & 31) !== 0; row++) this.add(row);
    for (; row + WORD_BITS <= end; row += WORD_BITS) this.words[row >>> 5] = 0xffff_ffff;
    for (; row < end; row++) this.add(row);
  }

  copy(): RowSet {
    return new RowSet(this.size, this.words.slice());
  }

  /** Keeps only rows that `other` has too. Returns this set. */
  intersectWith(other: RowSet): this {
    assert(other.size === this.size, "search.row-set-sizes");
    for (let i = 0; i < this.words.length; i++) this.words[i] = (this.words[i] ?? 0) & (other.words[i] ?? 0);
    return this;
  }

  /** Adds the rows of `other`. Returns this set. */
  uniteWith(other: RowSet): this {
    assert(other.size === this.size, "search.row-set-sizes");
    for (let i = 0; i < this.words.length; i++) this.words[i] = (this.words[i] ?? 0) | (other.words[i] ?? 0);
    return this;
  }

  /** Removes the rows of `other`. Returns this set. */
  subtract(other: RowSet): this {
    assert(other.size === this.size, "search.row-set-sizes");
    for (let i = 0; i < this.words.length; i++) this.words[i] = (this.words[i] ?? 0) & ~(other.words[i] ?? 0);
    return this;
  }

  /** Every row that is not in this set, in a new one. */
  complement(): RowSet {
    const set = this.copy();
    for (let i = 0; i < set.words.length; i++) set.words[i] = ~(set.words[i] ?? 0);
    set.#clearTail();
    return set;
  }

  count(): number {
    let total = 0;
    for (const word of this.words) total += popcount(word);
    return total;
  }

  /** Rows in [first, end). */
  countRange(first: number, end: number): number {
    if (first >= end) return 0;
    const [from, last] = [first >>> 5, (end - 1) >>> 5];
    const [head, tail] = [headMask(first), tailMask(end)];
    if (from === last) return popcount((this.words[from] ?? 0) & head & tail);
    let total = popcount((this.words[from] ?? 0) & head) + popcount((this.words[last] ?? 0) & tail);
    for (let i = from + 1; i < last; i++) total += popcount(this.words[i] ?? 0);
    return total;
  }

  /** Rows in [first, end), ascending. */
  rowsInRange(first: number, end: number): Uint32Array {
    const rows = new Uint32Array(this.countRange(first, end));
    let at = 0;
    for (let i = first >>> 5; at < rows.length; i++) {
      let word = this.words[i] ?? 0;
      if (i === first >>> 5) word &= headMask(first);
      for (; word !== 0 && at < rows.length; word &= word - 1)
        rows[at++] = i * WORD_BITS + 31 - Math.clz32(word & -word);
    }
    return rows;
  }

  isEmpty(): boolean {
    for (const word of this.words) if (word !== 0) return false;
    return true;
  }

  /** In ascending order. */
  forEach(visit: (row: number) => void): void {
    for (let i = 0; i < this.words.length; i++) {
      let word = this.words[i] ?? 0;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        visit(i * WORD_BITS + bit);
        word &= word - 1;
      }
    }
  }

  toRows(): Uint32Array {
    const rows = new Uint32Array(this.count());
    let at = 0;
    this.forEach((row) => {
      rows[at++] = row;
    });
    return rows;
  }

  #clearTail(): void {
    const used = this.size & 31;
    const last = this.words.length - 1;
    if (used !== 0) this.words[last] = (this.words[last] ?? 0) & (2 ** used - 1);
  }
}

/** The bits of a word from row `first` on. */
function headMask(first: number): number {
  return 0xffff_ffff << (first & 31);
}

/** The bits of a word before row `end`. */
function tailMask(end: number): number {
  return 0xffff_ffff >>> (31 - ((end - 1) & 31));
}

function popcount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
