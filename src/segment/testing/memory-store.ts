import { concatBytes, type Deferred, toHex } from "../../base/index.ts";
import { CHECKSUM_BYTES } from "../checksums.ts";
import { SegmentError } from "../errors.ts";
import {
  BLOCK_BYTES,
  type ChunkAddress,
  type ChunkBlocks,
  type ChunkBytes,
  type ChunkData,
  type SegmentStore,
  type SegmentStoreStatus,
} from "../ports.ts";

/** Keeps chunks in memory, for tests of what lies above a store: appends can be held back and made to fail. */
export class MemoryStore implements SegmentStore {
  readonly chunks = new Map<string, { readonly bytes: Uint8Array; readonly checksums: Uint8Array }>();
  /** While set, appends wait for it. */
  hold: Deferred<void> | undefined;
  failure: SegmentError | undefined;
  waiting = 0;
  greatestWaitingBytes = 0;
  #waitingBytes = 0;

  async append(chunk: ChunkData): Promise<void> {
    this.waiting += 1;
    this.#waitingBytes += chunk.length;
    this.greatestWaitingBytes = Math.max(this.greatestWaitingBytes, this.#waitingBytes);
    await this.hold?.promise;
    this.waiting -= 1;
    this.#waitingBytes -= chunk.length;
    if (this.failure !== undefined) throw this.failure;
    this.chunks.set(keyOf(chunk), {
      bytes: concatBytes(chunk.pieces),
      checksums: chunk.blockChecksums.slice(),
    });
  }

  async read(address: ChunkAddress, offset: number, length: number): Promise<ChunkBytes> {
    return { pieces: [this.#get(address).bytes.subarray(offset, offset + length)] };
  }

  async readBlocks(address: ChunkAddress, offset: number, length: number): Promise<ChunkBlocks> {
    const { bytes, checksums } = this.#get(address);
    if (offset + length > bytes.length) throw new SegmentError("invalid", "behind the end of the chunk");
    const start = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
    const end =
      length === 0 ? start : Math.min(bytes.length, Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES);
    const [first, last] = [start, Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES].map((at) => at / BLOCK_BYTES);
    return {
      pieces: start === end ? [] : [bytes.subarray(start, end)],
      offset: start,
      length: end - start,
      chunkLength: bytes.length,
      blockChecksums: checksums.subarray(first! * CHECKSUM_BYTES, last! * CHECKSUM_BYTES),
    };
  }

  has(address: ChunkAddress): boolean {
    return this.chunks.has(keyOf(address));
  }

  async unlink(blobIds: readonly Uint8Array[]): Promise<void> {
    const gone = new Set(blobIds.map(toHex));
    for (const key of [...this.chunks.keys()]) if (gone.has(key.split("/")[0]!)) this.chunks.delete(key);
  }

  status(): SegmentStoreStatus {
    const zeros = { segments: 0, liveBytes: 0, deadBytes: 0, freeBytes: 0, totalBytes: 0, damaged: 0 };
    return { writable: true, reason: undefined, full: false, ...zeros };
  }

  async rewrite(): Promise<number> {
    return 0;
  }

  quarantine(): void {}

  async *inventory(): AsyncIterable<ChunkAddress & { readonly length: number }> {}

  async close(): Promise<void> {}

  #get(address: ChunkAddress): { readonly bytes: Uint8Array; readonly checksums: Uint8Array } {
    const chunk = this.chunks.get(keyOf(address));
    if (chunk === undefined) throw new SegmentError("not-found", "no such chunk");
    return chunk;
  }
}

function keyOf(address: ChunkAddress): string {
  return `${toHex(address.blobId)}/${address.chunkIndex}`;
}
