import { assert } from "../../../base/index.ts";
import type { Hasher } from "../../../platform/ports.ts";
import { SearchError } from "../../errors.ts";
import type { ByteRange, RangeReader } from "../../ports.ts";

/**
 * A file of search is cut into blocks of 4 KiB, the last one shorter: content, then the CRC32C of it, continued from the block's number, so that neither
 * a changed byte nor a block in another's place goes unnoticed, whichever part is read.
 */
export const BLOCK_BYTES = 4_096;
const CHECKSUM_BYTES = 4;
const CONTENT_BYTES = BLOCK_BYTES - CHECKSUM_BYTES;

export type Checksum = Pick<Hasher, "crc32c">;

/** The content in blocks. */
export function toBlocks(content: Uint8Array, checksum: Checksum): Uint8Array {
  const blocks = Math.ceil(content.length / CONTENT_BYTES);
  const bytes = new Uint8Array(content.length + blocks * CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const part = content.subarray(block * CONTENT_BYTES, (block + 1) * CONTENT_BYTES);
    bytes.set(part, block * BLOCK_BYTES);
    view.setUint32(block * BLOCK_BYTES + part.length, checksum.crc32c(part, block), true);
  }
  return bytes;
}

/** What reading has cost so far. */
export interface CountedReads {
  waves: number;
  reads: number;
  bytes: number;
}

/** The content of a file in blocks: offsets and sizes are those of the content. Every byte that it returns is verified. */
export class BlockReader implements RangeReader {
  readonly sizeBytes: number;
  readonly counters: CountedReads = { waves: 0, reads: 0, bytes: 0 };
  readonly #file: RangeReader;
  readonly #checksum: Checksum;

  /** "data-damaged" when no file in blocks has this size. */
  constructor(file: RangeReader, checksum: Checksum) {
    const blocks = Math.ceil(file.sizeBytes / BLOCK_BYTES);
    const last = file.sizeBytes - (blocks - 1) * BLOCK_BYTES;
    if (blocks === 0 || last <= CHECKSUM_BYTES) throw damaged("has a size that no file in blocks has");
    this.sizeBytes = file.sizeBytes - blocks * CHECKSUM_BYTES;
    this.#file = file;
    this.#checksum = checksum;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes] = await this.readMany([{ offset, length }]);
    return bytes ?? new Uint8Array(0);
  }

  async readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    const wanted = ranges.map((range) => this.#blocksOf(range));
    const read = wanted.filter(({ length }) => length > 0);
    if (read.length > 0) this.counters.waves++;
    this.counters.reads += read.length;
    for (const { length } of read) this.counters.bytes += length;
    const parts = read.length === 0 ? [] : await this.#file.readMany(read);
    let next = 0;
    return ranges.map((range, i) => {
      const { offset, length } = wanted[i] as ByteRange;
      if (length === 0) return new Uint8Array(0);
      const bytes = parts[next++];
      if (bytes?.length !== length) throw damaged("is shorter than its size");
      return this.#content(range, offset / BLOCK_BYTES, bytes);
    });
  }

  /** The blocks that hold a range of the content, in bytes of the file. */
  #blocksOf({ offset, length }: ByteRange): ByteRange {
    assert(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes, "search.range-in-file");
    if (length === 0) return { offset: 0, length: 0 };
    const first = Math.floor(offset / CONTENT_BYTES) * BLOCK_BYTES;
    const end = (Math.floor((offset + length - 1) / CONTENT_BYTES) + 1) * BLOCK_BYTES;
    return { offset: first, length: Math.min(end, this.#file.sizeBytes) - first };
  }

  #content({ offset, length }: ByteRange, firstBlock: number, bytes: Uint8Array): Uint8Array {
    // Most reads lie in one block: nothing has to be put together then.
    if (bytes.length <= BLOCK_BYTES) {
      const first = offset - firstBlock * CONTENT_BYTES;
      return this.#verified(bytes, firstBlock).subarray(first, first + length);
    }
    const content = new Uint8Array(length);
    for (let at = 0, block = firstBlock; at < bytes.length; at += BLOCK_BYTES, block++) {
      const part = this.#verified(bytes.subarray(at, at + BLOCK_BYTES), block);
      const from = block * CONTENT_BYTES;
      const first = Math.max(offset, from);
      const end = Math.min(offset + length, from + part.length);
      content.set(part.subarray(first - from, end - from), first - offset);
    }
    return content;
  }

  /** The content of one block. */
  #verified(bytes: Uint8Array, block: number): Uint8Array {
    const size = bytes.length - CHECKSUM_BYTES;
    const part = bytes.subarray(0, size);
    const expected =
      bytes[size]! | (bytes[size + 1]! << 8) | (bytes[size + 2]! << 16) | (bytes[size + 3]! << 24);
    if (this.#checksum.crc32c(part, block) !== expected >>> 0)
      throw damaged(`has a damaged block, number ${block}`);
    return part;
  }
}

function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `an index segment ${what}`);
}
