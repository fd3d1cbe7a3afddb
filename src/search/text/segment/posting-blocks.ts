/** How postings are written down: docs/internals/search-text.md, Postings. */

import { bitsFor, isPackedWidth, packBits, packedBytes, unpackBits } from "../../packed/bit-packing.ts";
import { ByteReader, damaged } from "../../packed/byte-reader.ts";
import { ByteWriter } from "../../packed/byte-writer.ts";
import { BLOCK_ROWS, blocksOf, type Impacts, impactsOf, type PostingList } from "../posting-list.ts";

/** Pairs of a frequency and a length code that are kept of a block. */
const MAX_IMPACTS = 8;
const MAX_ROW = 0xffff_ffff - 1;
const MAX_FREQUENCY = 0xff_ffff;

/** The postings of one term, ascending by row. */
export interface PostingsToWrite {
  readonly rows: Uint32Array;
  readonly frequencies: Uint32Array;
  /** One after the other. */
  readonly positions: Uint32Array;
}

/** Appends a list to `postings` and its positions to `positions`. `lengthCodes` is by row. */
export function writePostings(
  list: PostingsToWrite,
  lengthCodes: Uint8Array,
  { postings, positions }: { readonly postings: ByteWriter; readonly positions: ByteWriter },
): void {
  const blocks = encodeBlocks(list, positions);
  if (blocks.length > 1) {
    for (const [i, block] of blocks.entries()) {
      postings.varint(block.lastRow - (blocks[i - 1]?.lastRow ?? -1));
      postings.varint(block.bytes.length);
      postings.varint(block.positionBytes);
      writeImpacts(postings, list, { block: i, lengthCodes });
    }
  }
  for (const { bytes } of blocks) postings.bytes(bytes);
}

interface EncodedBlock {
  readonly lastRow: number;
  readonly bytes: Uint8Array;
  readonly positionBytes: number;
}

function encodeBlocks({ rows, frequencies, positions }: PostingsToWrite, into: ByteWriter): EncodedBlock[] {
  const blocks: EncodedBlock[] = [];
  let place = 0;
  for (let first = 0; first < rows.length; first += BLOCK_ROWS) {
    const end = Math.min(first + BLOCK_ROWS, rows.length);
    const before = first === 0 ? -1 : rows[first - 1]!;
    const start = into.length;
    for (let i = first; i < end; i++) {
      let last = 0;
      for (let n = frequencies[i]!; n > 0; n--) {
        into.varint(positions[place]! - last);
        last = positions[place++]!;
      }
    }
    const bytes = encodeBlock(rows.subarray(first, end), frequencies.subarray(first, end), before);
    blocks.push({ lastRow: rows[end - 1]!, bytes, positionBytes: into.length - start });
  }
  return blocks;
}

function encodeBlock(rows: Uint32Array, frequencies: Uint32Array, before: number): Uint8Array {
  const writer = new ByteWriter();
  const gaps = rows.map((row, i) => row - (i === 0 ? before : rows[i - 1]!) - 1);
  if (rows.length < BLOCK_ROWS) {
    for (const [i, gap] of gaps.entries()) {
      const once = frequencies[i] === 1;
      writer.varint(gap * 2 + (once ? 1 : 0));
      if (!once) writer.varint(frequencies[i]!);
    }
    return writer.take();
  }
  const more = frequencies.map((frequency) => frequency - 1);
  for (const values of [gaps, more]) writer.uint8(bitsFor(values, BLOCK_ROWS));
  for (const values of [gaps, more]) packBits(writer, values, BLOCK_ROWS, bitsFor(values, BLOCK_ROWS));
  return writer.take();
}

function writeImpacts(
  writer: ByteWriter,
  { rows, frequencies }: PostingsToWrite,
  { block, lengthCodes }: { readonly block: number; readonly lengthCodes: Uint8Array },
): void {
  const [first, end] = [block * BLOCK_ROWS, Math.min((block + 1) * BLOCK_ROWS, rows.length)];
  const codes = rows.subarray(first, end).map((row) => lengthCodes[row]!);
  const impacts = impactsOf(frequencies.subarray(first, end), codes, MAX_IMPACTS);
  writer.uint8(impacts.codes.length);
  for (const [i, code] of impacts.codes.entries()) {
    writer.varint(impacts.frequencies[i]!);
    writer.uint8(code);
  }
}

/** What the dictionary says of a list. */
export interface WrittenPostings {
  readonly count: number;
  readonly rowCount: number;
  readonly postings: Uint8Array;
  /** Absent: nobody asks for them. */
  readonly positions?: Uint8Array;
  /** By row. */
  readonly lengthCodes: Uint8Array;
}

/** Reads a list. "data-damaged", here or later, when it is not what `writePostings` writes. */
export function readPostings(written: WrittenPostings): PostingList {
  return written.count > BLOCK_ROWS ? new LongPostings(written) : new ShortPostings(written);
}

/** One block, decoded at once. */
class ShortPostings implements PostingList {
  readonly count: number;
  readonly blockCount = 1;
  readonly lastRows: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #frequencies: Uint32Array;
  readonly #written: WrittenPostings;

  constructor(written: WrittenPostings) {
    this.count = written.count;
    this.#rows = new Uint32Array(written.count);
    this.#frequencies = new Uint32Array(written.count);
    this.#written = written;
    const { postings, count, rowCount } = written;
    decodeBlock(postings, { count, before: -1, rows: this.#rows, frequencies: this.#frequencies });
    this.lastRows = this.#rows.slice(count - 1);
    if (this.lastRows[0]! >= rowCount) throw damaged("a row is not of the unit");
  }

  impactsOf(): Impacts {
    const codes = this.#rows.map((row) => this.#written.lengthCodes[row] ?? 0);
    return impactsOf(this.#frequencies, codes, BLOCK_ROWS);
  }

  decode(_block: number, rows: Uint32Array, frequencies: Uint32Array): number {
    rows.set(this.#rows);
    frequencies.set(this.#frequencies);
    return this.count;
  }

  positionsOf(_block: number, frequencies: Uint32Array, count: number): Uint32Array {
    return decodePositions(this.#written.positions ?? new Uint8Array(0), frequencies, count);
  }
}

class LongPostings implements PostingList {
  readonly count: number;
  readonly blockCount: number;
  readonly lastRows: Uint32Array;
  readonly #impacts: Impacts[] = [];
  /** By block, with the end of the last one. */
  readonly #starts: Uint32Array;
  readonly #positionStarts: Uint32Array;
  readonly #written: WrittenPostings;

  constructor(written: WrittenPostings) {
    const { count, rowCount, postings } = written;
    this.#written = written;
    this.count = count;
    this.blockCount = blocksOf(count);
    // Every block takes several bytes: a count that the bytes cannot hold must not take memory.
    if (this.blockCount > postings.length) throw damaged("a list is shorter than its count");
    this.lastRows = new Uint32Array(this.blockCount);
    this.#starts = new Uint32Array(this.blockCount + 1);
    this.#positionStarts = new Uint32Array(this.blockCount + 1);
    const reader = new ByteReader(postings);
    let row = -1;
    for (let block = 0; block < this.blockCount; block++) {
      row += reader.varint(MAX_ROW);
      if (row >= rowCount) throw damaged("a row is not of the unit");
      this.lastRows[block] = row;
      this.#starts[block + 1] = this.#starts[block]! + reader.varint(postings.length);
      this.#positionStarts[block + 1] = this.#positionStarts[block]! + reader.varint(MAX_ROW);
      this.#impacts.push(readImpacts(reader));
    }
    for (let block = 0; block <= this.blockCount; block++) this.#starts[block]! += reader.at;
    if (this.#starts[this.blockCount] !== postings.length) throw damaged("a list has another length");
  }

  impactsOf(block: number): Impacts {
    return this.#impacts[block]!;
  }

  decode(block: number, rows: Uint32Array, frequencies: Uint32Array): number {
    const bytes = this.#written.postings.subarray(this.#starts[block]!, this.#starts[block + 1]!);
    const count = Math.min(this.count - block * BLOCK_ROWS, BLOCK_ROWS);
    const before = block === 0 ? -1 : this.lastRows[block - 1]!;
    decodeBlock(bytes, { count, before, rows, frequencies });
    if (rows[count - 1] !== this.lastRows[block]) throw damaged("a block ends with another row");
    return count;
  }

  positionsOf(block: number, frequencies: Uint32Array, count: number): Uint32Array {
    const all = this.#written.positions ?? new Uint8Array(0);
    const bytes = all.subarray(this.#positionStarts[block]!, this.#positionStarts[block + 1]!);
    return decodePositions(bytes, frequencies, count);
  }
}

function readImpacts(reader: ByteReader): Impacts {
  const count = reader.uint8();
  if (count === 0 || count > MAX_IMPACTS) throw damaged("a block has no impacts or too many");
  const frequencies: number[] = [];
  const codes: number[] = [];
  for (let i = 0; i < count; i++) {
    frequencies.push(reader.varint(MAX_FREQUENCY));
    codes.push(reader.uint8());
  }
  return { frequencies, codes };
}

interface BlockTarget {
  readonly count: number;
  /** The row before the block's first, or -1. */
  readonly before: number;
  readonly rows: Uint32Array;
  readonly frequencies: Uint32Array;
}

function decodeBlock(bytes: Uint8Array, { count, before, rows, frequencies }: BlockTarget): void {
  if (count === BLOCK_ROWS) {
    unpackBlock(bytes, rows, frequencies);
  } else {
    const reader = new ByteReader(bytes);
    for (let i = 0; i < count; i++) {
      const gap = reader.varint(MAX_ROW * 2 + 1);
      rows[i] = Math.floor(gap / 2);
      frequencies[i] = gap % 2 === 1 ? 0 : reader.varint(MAX_FREQUENCY) - 1;
    }
    reader.end();
  }
  let row = before;
  for (let i = 0; i < count; i++) {
    row += rows[i]! + 1;
    rows[i] = row;
    frequencies[i]!++;
  }
  if (row > MAX_ROW) throw damaged("a row is too large");
}

function unpackBlock(bytes: Uint8Array, rows: Uint32Array, frequencies: Uint32Array): void {
  const [rowBits = 64, frequencyBits = 64] = bytes;
  if (!isPackedWidth(rowBits) || !isPackedWidth(frequencyBits)) throw damaged("a block has no such width");
  const split = 2 + packedBytes(BLOCK_ROWS, rowBits);
  if (split + packedBytes(BLOCK_ROWS, frequencyBits) !== bytes.length)
    throw damaged("a block has another length");
  unpackBits(bytes, 2, { into: rows, count: BLOCK_ROWS, bits: rowBits });
  unpackBits(bytes, split, { into: frequencies, count: BLOCK_ROWS, bits: frequencyBits });
}

function decodePositions(bytes: Uint8Array, frequencies: Uint32Array, count: number): Uint32Array {
  let total = 0;
  for (let i = 0; i < count; i++) total += frequencies[i]!;
  if (total > bytes.length) throw damaged("a block has fewer positions than tokens");
  const positions = new Uint32Array(total);
  const reader = new ByteReader(bytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let position = 0;
    for (let n = frequencies[i]!; n > 0; n--) {
      position += reader.varint(MAX_ROW);
      positions[at++] = position;
    }
  }
  reader.end();
  return positions;
}
