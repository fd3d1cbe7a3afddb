import { assert, concatBytes } from "../../../base/index.ts";
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

/** Parts of a file that is written: the first one, and those that follow it, each twice as long until they are so long. */
const FIRST_PART_BYTES = 16 * BLOCK_BYTES;
const PART_BYTES = 1_024 * BLOCK_BYTES;

/** The content in blocks. */
export function toBlocks(content: Uint8Array, checksum: Checksum): Uint8Array {
  const writer = new BlockWriter(checksum);
  writer.write(content);
  return concatBytes(writer.finish());
}

/** Puts content into blocks as it comes. In memory: the file. */
export class BlockWriter {
  readonly #checksum: Checksum;
  readonly #parts: Uint8Array[] = [];
  #part = new Uint8Array(FIRST_PART_BYTES);
  /** Where the next byte goes in the last part, and where its block begins. */
  #at = 0;
  #block = 0;
  #blocks = 0;

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const length = Math.min(bytes.length - from, this.#block + CONTENT_BYTES - this.#at);
      this.#part.set(bytes.subarray(from, from + length), this.#at);
      this.#at += length;
      from += length;
      if (this.#at === this.#block + CONTENT_BYTES) this.#endBlock();
    }
  }

  /** The file, in parts. Nothing can be written any more. */
  finish(): readonly Uint8Array[] {
    if (this.#at > this.#block) this.#endBlock();
    if (this.#at > 0) this.#parts.push(this.#part.slice(0, this.#at));
    return this.#parts;
  }

  #endBlock(): void {
    const crc = this.#checksum.crc32c(this.#part.subarray(this.#block, this.#at), this.#blocks++);
    new DataView(this.#part.buffer).setUint32(this.#at, crc, true);
    this.#at += CHECKSUM_BYTES;
    this.#block = this.#at;
    if (this.#at < this.#part.length) return;
    this.#parts.push(this.#part);
    this.#part = new Uint8Array(Math.min(PART_BYTES, 2 * this.#part.length));
    this.#at = 0;
    this.#block = 0;
  }
}

/** Verified before others have a turn: a few milliseconds. */
const SLICE_BLOCKS = 1_024;

/**
 * The content of a whole file, verified, which takes the file's own memory: the bytes that were given are no file any more. "data-damaged" when they were
 * none.
 */
export async function takeContent(
  file: Uint8Array,
  checksum: Checksum,
  pause: () => Promise<void>,
): Promise<CountedReader> {
  const blocks = blocksOfFile(file.length);
  for (let block = 0; block < blocks; block++) {
    if (block % SLICE_BLOCKS === 0) await pause();
    const part = verified(file.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES), block, checksum);
    file.copyWithin(block * CONTENT_BYTES, block * BLOCK_BYTES, block * BLOCK_BYTES + part.length);
  }
  return new ContentReader(file.subarray(0, file.length - blocks * CHECKSUM_BYTES));
}

/** Reads the content of a file. */
export interface CountedReader extends RangeReader {
  readonly counters: CountedReads;
}

/** Content in memory: what it gives is the content itself. */
class ContentReader implements CountedReader {
  readonly sizeBytes: number;
  readonly counters: CountedReads = { waves: 0, reads: 0, bytes: 0 };
  readonly #content: Uint8Array;

  constructor(content: Uint8Array) {
    this.sizeBytes = content.length;
    this.#content = content;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    assert(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes, "search.range-in-file");
    return this.#content.subarray(offset, offset + length);
  }

  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    return Promise.all(ranges.map(({ offset, length }) => this.read(offset, length)));
  }
}

/** What reading has cost so far. */
export interface CountedReads {
  waves: number;
  reads: number;
  bytes: number;
}

/** The content of a file in blocks: offsets and sizes are those of the content. Every byte that it returns is verified. */
export class BlockReader implements CountedReader {
  readonly sizeBytes: number;
  readonly counters: CountedReads = { waves: 0, reads: 0, bytes: 0 };
  readonly #file: RangeReader;
  readonly #checksum: Checksum;

  /** "data-damaged" when no file in blocks has this size. */
  constructor(file: RangeReader, checksum: Checksum) {
    this.sizeBytes = file.sizeBytes - blocksOfFile(file.sizeBytes) * CHECKSUM_BYTES;
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

  #verified(bytes: Uint8Array, block: number): Uint8Array {
    return verified(bytes, block, this.#checksum);
  }
}

/** How many blocks a file of this size has; throws "data-damaged" when no file has it. */
function blocksOfFile(sizeBytes: number): number {
  const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
  const last = sizeBytes - (blocks - 1) * BLOCK_BYTES;
  if (blocks === 0 || last <= CHECKSUM_BYTES) throw damaged("has a size that no file in blocks has");
  return blocks;
}

/** The content of one block. */
function verified(bytes: Uint8Array, block: number, checksum: Checksum): Uint8Array {
  const size = bytes.length - CHECKSUM_BYTES;
  const part = bytes.subarray(0, size);
  const expected =
    bytes[size]! | (bytes[size + 1]! << 8) | (bytes[size + 2]! << 16) | (bytes[size + 3]! << 24);
  if (checksum.crc32c(part, block) !== expected >>> 0) throw damaged(`has a damaged block, number ${block}`);
  return part;
}

function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `an index segment ${what}`);
}
