/** The rows with an element in one dimension: docs/internals/search-sparse.md. */

import { bitsFor, isPackedWidth, packBits, packedBytes, unpackBits } from "../packed/bit-packing.ts";
import { ByteReader, damaged } from "../packed/byte-reader.ts";
import { ByteWriter } from "../packed/byte-writer.ts";

/** Rows of a full block. */
export const SPARSE_BLOCK_ROWS = 128;
const MAX_ROW = 0xffff_ffff - 1;
const FLOAT_BYTES = 4;

/** Appends the list of `rows`, ascending, with the value of each. */
export function writeSparseList(writer: ByteWriter, rows: Uint32Array, values: Float32Array): void {
  const blocks: { readonly first: number; readonly end: number; readonly bytes: Uint8Array }[] = [];
  for (let first = 0; first < rows.length; first += SPARSE_BLOCK_ROWS) {
    const end = Math.min(first + SPARSE_BLOCK_ROWS, rows.length);
    blocks.push({ first, end, bytes: encodeBlock(rows, values, first, end) });
  }
  for (const { first, end, bytes } of blocks) {
    writer.varint(rows[end - 1]! - (rows[first - 1] ?? -1));
    writer.varint(bytes.length);
    const part = values.subarray(first, end);
    writer.bytes(floatBytes([Math.min(...part), Math.max(...part)]));
  }
  for (const { bytes } of blocks) writer.bytes(bytes);
}

function encodeBlock(rows: Uint32Array, values: Float32Array, first: number, end: number): Uint8Array {
  const writer = new ByteWriter();
  const gaps = Array.from(
    { length: end - first },
    (_, i) => rows[first + i]! - (rows[first + i - 1] ?? -1) - 1,
  );
  const bits = bitsFor(gaps, gaps.length);
  writer.uint8(bits);
  packBits(writer, gaps, gaps.length, bits);
  writer.bytes(floatBytes(values.subarray(first, end)));
  return writer.take();
}

/** Little endian, whatever the machine. */
function floatBytes(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * FLOAT_BYTES));
  for (let i = 0; i < values.length; i++) view.setFloat32(i * FLOAT_BYTES, values[i]!, true);
  return new Uint8Array(view.buffer);
}

/** A list as it was read; every block is verified when it is decoded ("data-damaged"). */
export class SparseList {
  readonly count: number;
  readonly blockCount: number;
  /** By block. */
  readonly lastRows: Uint32Array;
  readonly least: Float32Array;
  readonly greatest: Float32Array;
  readonly #bytes: Uint8Array;
  /** By block, with the end of the last one. */
  readonly #starts: Float64Array;

  constructor(bytes: Uint8Array, count: number, rowCount: number) {
    this.count = count;
    this.blockCount = Math.ceil(count / SPARSE_BLOCK_ROWS);
    // Every element takes more than four bytes: a count that the bytes cannot hold must not take memory.
    if (count * FLOAT_BYTES > bytes.length) throw damaged("a list is shorter than its count");
    this.lastRows = new Uint32Array(this.blockCount);
    this.least = new Float32Array(this.blockCount);
    this.greatest = new Float32Array(this.blockCount);
    this.#bytes = bytes;
    this.#starts = new Float64Array(this.blockCount + 1);
    const reader = new ByteReader(bytes);
    let row = -1;
    for (let block = 0; block < this.blockCount; block++) {
      row += reader.varint(MAX_ROW);
      if (row >= rowCount) throw damaged("a row is not of the unit");
      this.lastRows[block] = row;
      this.#starts[block + 1] = this.#starts[block]! + reader.varint(bytes.length);
      const bounds = reader.take(2 * FLOAT_BYTES);
      const view = new DataView(bounds.buffer, bounds.byteOffset, bounds.length);
      this.least[block] = view.getFloat32(0, true);
      this.greatest[block] = view.getFloat32(FLOAT_BYTES, true);
    }
    for (let block = 0; block <= this.blockCount; block++) this.#starts[block]! += reader.at;
    if (this.#starts[this.blockCount] !== bytes.length) throw damaged("a list has another length");
  }

  /** Writes the block's rows and values and says how many there are. */
  decode(block: number, rows: Uint32Array, values: Float32Array): number {
    const bytes = this.#bytes.subarray(this.#starts[block]!, this.#starts[block + 1]!);
    const count = Math.min(this.count - block * SPARSE_BLOCK_ROWS, SPARSE_BLOCK_ROWS);
    const bits = bytes[0] ?? 0xff;
    if (!isPackedWidth(bits)) throw damaged("a block has no such width");
    const valuesAt = 1 + packedBytes(count, bits);
    if (valuesAt + count * FLOAT_BYTES !== bytes.length) throw damaged("a block has another length");
    unpackBits(bytes, 1, { into: rows, count, bits });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let row = block === 0 ? -1 : this.lastRows[block - 1]!;
    for (let i = 0; i < count; i++) {
      row += rows[i]! + 1;
      rows[i] = row;
      const value = view.getFloat32(valuesAt + i * FLOAT_BYTES, true);
      if (!(value >= this.least[block]! && value <= this.greatest[block]!))
        throw damaged("a value is out of bounds");
      values[i] = value;
    }
    if (row !== this.lastRows[block]) throw damaged("a block ends with another row");
    return count;
  }
}
