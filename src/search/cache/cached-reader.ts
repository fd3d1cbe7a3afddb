/**
 * Reads parts of a blob in whole blocks through the caches: memory, then the disk of this node, unless the store itself has the blob near. Blocks that are in
 * neither are read in one wave, neighbours together.
 */

import { assert, concatBytes, toHex } from "../../base/index.ts";
import type { BlobDriver, BlobName, ByteRange, RangeReader } from "../ports.ts";
import type { BlockCache } from "./block-cache.ts";
import type { DiskCache } from "./disk-cache.ts";

export const BLOCK_BYTES = 128 * 1024;
/** The longest read of neighbouring blocks. */
const MAX_READ_BLOCKS = 32;

export interface CachedReaderOptions {
  readonly driver: BlobDriver;
  readonly cache: BlockCache;
  readonly disk: DiskCache | undefined;
  readonly signal: AbortSignal;
}

export class CachedReader implements RangeReader {
  readonly #blob: BlobName;
  readonly #name: string;
  readonly #driver: BlobDriver;
  readonly #cache: BlockCache;
  readonly #disk: DiskCache | undefined;
  readonly #signal: AbortSignal;

  constructor(blob: BlobName, options: CachedReaderOptions) {
    this.#blob = blob;
    this.#name = toHex(blob.blobId);
    this.#driver = options.driver;
    this.#cache = options.cache;
    this.#disk = options.driver.isNear(blob) ? undefined : options.disk;
    this.#signal = options.signal;
  }

  get sizeBytes(): number {
    return this.#blob.sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes] = await this.readMany([{ offset, length }]);
    return bytes ?? new Uint8Array(0);
  }

  async readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    const blocks = new Map<number, Uint8Array>();
    const missing = new Set<number>();
    for (const { offset, length } of ranges) {
      assert(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes, "search.range-in-blob");
      for (let at = Math.floor(offset / BLOCK_BYTES); at * BLOCK_BYTES < offset + length; at++) {
        if (blocks.has(at) || missing.has(at)) continue;
        const cached = this.#cache.get(this.#key(at));
        if (cached === undefined) missing.add(at);
        else blocks.set(at, cached);
      }
    }
    const disk = this.#disk;
    if (disk !== undefined) await Promise.all([...missing].map((at) => this.#fromDisk(disk, at, blocks)));
    const unknown = [...missing].filter((at) => !blocks.has(at));
    await Promise.all(runsOf(unknown).map((run) => this.#fill(run, blocks)));
    return ranges.map((range) => cut(range, blocks));
  }

  async #fromDisk(disk: DiskCache, at: number, blocks: Map<number, Uint8Array>): Promise<void> {
    const block = await disk.get(this.#blob.blobId, at);
    const length = Math.min(BLOCK_BYTES, this.sizeBytes - at * BLOCK_BYTES);
    if (block?.length !== length) return;
    blocks.set(at, block);
    this.#cache.set(this.#key(at), block);
  }

  async #fill({ first, count }: Run, blocks: Map<number, Uint8Array>): Promise<void> {
    const offset = first * BLOCK_BYTES;
    const length = Math.min(count * BLOCK_BYTES, this.sizeBytes - offset);
    const bytes = await this.#driver.read(this.#blob, { offset, length }, this.#signal);
    for (let i = 0; i < count; i++) {
      // A copy, so that a block does not keep its neighbours in memory.
      const block = bytes.slice(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      blocks.set(first + i, block);
      this.#cache.set(this.#key(first + i), block);
      this.#disk?.put(this.#blob.blobId, first + i, block);
    }
  }

  #key(block: number): string {
    return `${this.#name}/${block}`;
  }
}

interface Run {
  readonly first: number;
  readonly count: number;
}

/** Neighbours together, up to the longest read. */
function runsOf(missing: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (const block of [...missing].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    const isNext = last !== undefined && last.first + last.count === block && last.count < MAX_READ_BLOCKS;
    if (isNext) runs[runs.length - 1] = { first: last.first, count: last.count + 1 };
    else runs.push({ first: block, count: 1 });
  }
  return runs;
}

function cut({ offset, length }: ByteRange, blocks: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = offset;
  while (at < offset + length) {
    const block = Math.floor(at / BLOCK_BYTES);
    const from = at - block * BLOCK_BYTES;
    const taken = Math.min(BLOCK_BYTES - from, offset + length - at);
    parts.push(blocks.get(block)!.subarray(from, from + taken));
    at += taken;
  }
  return parts.length === 1 ? parts[0]! : concatBytes(parts);
}
