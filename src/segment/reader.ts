import { LRUCache } from "lru-cache";
import { equalBytes, type RecycledBuffers } from "../base/index.ts";
import { DiskError, type Hasher } from "../platform/index.ts";
import type { SegmentTable } from "./accounting.ts";
import { blocksMatch, CHECKSUM_BYTES } from "./checksums.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import type { ChunkRow } from "./index-rows.ts";
import { BLOCK_BYTES, type ChunkAddress, type ChunkBlocks } from "./ports.ts";
import { type ChunkRecord, chunkHeaderBytes, decodeRecord } from "./record.ts";
import type { SegmentFiles } from "./segment-files.ts";

/** A header this close before the wanted bytes is read with them, in one go. */
const ONE_READ_BYTES = 256 * 1024;

export interface ReaderOptions {
  readonly files: SegmentFiles;
  readonly hasher: Hasher;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  /** Memory for the checksums of chunks that were read lately, in bytes. */
  readonly checksumCacheBytes: number;
  /** Where the memory of large reads comes from. */
  readonly buffers: RecycledBuffers;
  /** Called once for each copy that turns out to be damaged. */
  readonly onDamage: (address: ChunkAddress, row: ChunkRow) => void;
}

/** What the bytes on the disk turned out to be. */
type Fetched =
  | { readonly kind: "blocks"; readonly blocks: ChunkBlocks }
  | { readonly kind: "damaged"; readonly why: string };

/** Verified reads. What does not match is quarantined on the spot and never leaves this class. */
export class ChunkReader {
  readonly #options: ReaderOptions;
  /** Block checksums by record; they come from headers whose own CRC held. */
  readonly #checksums: LRUCache<string, Uint8Array>;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#checksums = new LRUCache({
      maxSize: options.checksumCacheBytes,
      sizeCalculation: (checksums) => checksums.length + 64,
    });
  }

  /** See `SegmentStore.readBlocks`. */
  async readBlocks(address: ChunkAddress, offset: number, length: number): Promise<ChunkBlocks> {
    for (;;) {
      const row = this.#rowOf(address);
      if (offset < 0 || length < 0 || offset + length > row.length) {
        throw new SegmentError(
          "invalid",
          `bytes ${offset} to ${offset + length} of a chunk of ${row.length}`,
        );
      }
      const fetched = await this.#fetch(address, row, blocksAround(row.length, offset, length));
      if (fetched.kind === "blocks") return fetched.blocks;
      // The chunk may have been moved, replaced or unlinked meanwhile: then its new place counts.
      if (this.#isStill(address, row)) throw this.#quarantine(address, row, fetched.why);
    }
  }

  /** The block checksums of a stored chunk, from its header on the disk. Rejects like `readBlocks`. */
  async checksumsOf(address: ChunkAddress): Promise<Uint8Array> {
    for (;;) {
      const row = this.#rowOf(address);
      const header = await this.#readHeader(address, row);
      if (header !== undefined) return header.blockChecksums;
      if (this.#isStill(address, row)) throw this.#quarantine(address, row, "the record's header is damaged");
    }
  }

  /** See `SegmentStore.quarantine`. A chunk that is not here, or is quarantined already, stays so. */
  quarantine(address: ChunkAddress): void {
    const row = readIndex(() => this.#options.index.get(address));
    if (row !== undefined && !row.quarantined)
      this.#quarantine(address, row, "it was told to be another one");
  }

  #rowOf(address: ChunkAddress): ChunkRow {
    const row = readIndex(() => this.#options.index.get(address));
    if (row === undefined) throw new SegmentError("not-found", `chunk ${address.chunkIndex} is not here`);
    if (row.quarantined) throw new SegmentError("damaged", `chunk ${address.chunkIndex} is quarantined`);
    return row;
  }

  #isStill(address: ChunkAddress, row: ChunkRow): boolean {
    const now = readIndex(() => this.#options.index.get(address));
    return now?.segmentId === row.segmentId && now.position === row.position && !now.quarantined;
  }

  #quarantine(address: ChunkAddress, row: ChunkRow, why: string): SegmentError {
    this.#options.index.put(address, { ...row, quarantined: true });
    this.#options.index.flushSoon();
    this.#options.onDamage(address, row);
    return new SegmentError("damaged", `chunk ${address.chunkIndex}: ${why}`);
  }

  async #fetch(address: ChunkAddress, row: ChunkRow, range: BlockRange): Promise<Fetched> {
    const dataAt = row.position + chunkHeaderBytes(row.length);
    const cached = this.#checksums.get(cacheKey(row));
    const together = cached === undefined && dataAt + range.offset - row.position <= ONE_READ_BYTES;
    const from = together ? row.position : dataAt + range.offset;
    const end = dataAt + range.offset + range.length;
    const [header, bytes] = await Promise.all([
      cached === undefined && !together ? this.#readHeader(address, row) : undefined,
      this.#readAt(row, from, end - from),
    ]);
    const found = header ?? (together && bytes !== undefined ? this.#decode(address, row, bytes) : undefined);
    const checksums = cached ?? found?.blockChecksums;
    if (checksums === undefined) return { kind: "damaged", why: "the record's header is damaged" };
    if (bytes === undefined) return { kind: "damaged", why: "the segment is gone or too short" };
    const data = bytes.subarray(bytes.length - range.length);
    const first = range.offset / BLOCK_BYTES;
    const count = Math.ceil(range.length / BLOCK_BYTES);
    const blockChecksums = checksums.subarray(first * CHECKSUM_BYTES, (first + count) * CHECKSUM_BYTES);
    if (!blocksMatch(this.#options.hasher, [data], range.length, blockChecksums)) {
      return {
        kind: "damaged",
        why: `a block of bytes ${range.offset} to ${range.offset + range.length} is damaged`,
      };
    }
    const pieces = range.length === 0 ? [] : [data];
    return { kind: "blocks", blocks: { pieces, ...range, chunkLength: row.length, blockChecksums } };
  }

  async #readHeader(address: ChunkAddress, row: ChunkRow): Promise<ChunkRecord | undefined> {
    const bytes = await this.#readAt(row, row.position, chunkHeaderBytes(row.length));
    return bytes === undefined ? undefined : this.#decode(address, row, bytes);
  }

  /** The header if it is whole and that of the wanted chunk. */
  #decode(address: ChunkAddress, row: ChunkRow, bytes: Uint8Array): ChunkRecord | undefined {
    const salt = this.#options.table.get(row.segmentId)?.salt;
    if (salt === undefined) return undefined;
    const record = decodeRecord(this.#options.hasher, bytes, salt, row.position);
    if (record?.kind !== "chunk" || record.length !== row.length) return undefined;
    if (record.chunkIndex !== address.chunkIndex || !equalBytes(record.blobId, address.blobId))
      return undefined;
    this.#checksums.set(cacheKey(row), record.blockChecksums);
    return record;
  }

  /** Undefined when the segment does not have so many bytes, or does not exist. Rejects with SegmentError "io". */
  async #readAt(row: ChunkRow, position: number, length: number): Promise<Uint8Array | undefined> {
    try {
      const held = await this.#options.files.hold(row.segmentId);
      try {
        const bytes = this.#options.buffers.take(length);
        return (await held.file.read(position, bytes)) === length ? bytes : undefined;
      } finally {
        held.release();
      }
    } catch (error) {
      if (error instanceof DiskError && error.code === "not-found") return undefined;
      throw fromDiskError(error, "a chunk could not be read");
    }
  }
}

interface BlockRange {
  readonly offset: number;
  readonly length: number;
}

/** The range widened to whole blocks. */
function blocksAround(chunkLength: number, offset: number, length: number): BlockRange {
  const start = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
  if (length === 0) return { offset: start, length: 0 };
  const end = Math.min(chunkLength, Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES);
  return { offset: start, length: end - start };
}

function cacheKey(row: ChunkRow): string {
  return `${row.segmentId}:${row.position}`;
}

/** Index reads reject like disk reads. */
function readIndex<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw fromDiskError(error, "the chunk index could not be read");
  }
}
