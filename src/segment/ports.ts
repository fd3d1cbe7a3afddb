import type { PeerIdentity } from "../platform/ports.ts";

/** Bytes that one CRC32C covers: a ranged read verifies just the blocks that it touches. */
export const BLOCK_BYTES = 64 * 1024;
/** Greatest length of a chunk. */
export const CHUNK_BYTES = 4 * 1024 * 1024;

export interface ChunkAddress {
  /** 16 bytes. */
  readonly blobId: Uint8Array;
  readonly chunkIndex: number;
}

/** A chunk on its way to a disk: its bytes in pieces of any size. */
export interface ChunkData extends ChunkAddress {
  readonly length: number;
  readonly pieces: readonly Uint8Array[];
  /** CRC32C of each block of BLOCK_BYTES, 4 bytes little endian each; computed where the bytes entered the cluster. */
  readonly blockChecksums: Uint8Array;
}

/** Verified bytes of a range of a chunk. */
export interface ChunkBytes {
  /** Exactly the range that was asked for. */
  readonly pieces: readonly Uint8Array[];
}

/** The chunks of this node's own disks. Rejects with SegmentError. */
export interface SegmentStore {
  /**
   * Resolves when the chunk is durable. The same chunk again (a retry) is fine; "not-found" when it was stored and is unlinked meanwhile. The pieces must not
   * change until then.
   */
  append(chunk: ChunkData): Promise<void>;
  /** Bytes [offset, offset + length) of a chunk; every block that is touched is verified. */
  read(address: ChunkAddress, offset: number, length: number): Promise<ChunkBytes>;
  /** The same, widened to whole blocks, with the blocks' checksums, for a peer that verifies by itself. */
  readBlocks(address: ChunkAddress, offset: number, length: number): Promise<ChunkBlocks>;
  has(address: ChunkAddress): boolean;
  /**
   * Forgets all chunks of these blobs, durably; ids that are not here are fine. Wholly dead segments are removed. Some of it may be done when it rejects: with "no-space"
   * when a full disk has no room for more tombstones, until what is dead has made some. `isFinal`: the blobs are deleted, and what is
   * still on its way to this node of a write that was given up is refused when it arrives.
   */
  unlink(blobIds: readonly Uint8Array[], options?: { readonly isFinal: boolean }): Promise<void>;
  status(): SegmentStoreStatus;
  /** What the disk really holds, in order of (blob id, chunk); damaged chunks are not among it. */
  inventory(): AsyncIterable<ChunkAddress & { readonly length: number }>;
  /**
   * Moves about so many bytes of chunks out of half-dead segments, which go then; how many it were, 0: there was nothing to move. The chunks
   * can be read all the time. On a full disk it draws on a part of the reserve; on one that fails it moves nothing. It ends early when the signal aborts. What cannot be moved is passed over until something changes about its segment, or for a while.
   */
  rewrite(budgetBytes: number, signal?: AbortSignal): Promise<number>;
  /** The chunk is not what it should be, though its checksums hold: never served from now on, replaced by the next append. */
  quarantine(address: ChunkAddress): void;
  close(): Promise<void>;
}

export interface ChunkBlocks extends ChunkBytes {
  /** Where the pieces begin in the chunk, a multiple of BLOCK_BYTES. */
  readonly offset: number;
  readonly length: number;
  readonly chunkLength: number;
  readonly blockChecksums: Uint8Array;
}

export interface SegmentStoreStatus {
  readonly writable: boolean;
  /** Why not, when it is not. */
  readonly reason: string | undefined;
  /** It is not, and would be if the disk had room. */
  readonly full: boolean;
  readonly segments: number;
  readonly liveBytes: number;
  readonly deadBytes: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Chunks and regions that are kept aside because they do not match their checksums. */
  readonly damaged: number;
}

/** Damage that the store has come across. The bytes are never served; the cluster has to repair the chunk from another copy. */
export type SegmentDamage =
  /** A chunk whose bytes do not match their checksums. */
  | { readonly kind: "chunk"; readonly address: ChunkAddress; readonly segmentId: number }
  /** A row of the chunk index cannot be read. The index is made again when the store is opened the next time. */
  | { readonly kind: "index" }
  /** A segment with so many live chunks is gone. */
  | { readonly kind: "segment"; readonly segmentId: number; readonly chunks: number }
  /** Bytes of a segment in which no record can be made out: which chunks they held is not known. */
  | {
      readonly kind: "region";
      readonly segmentId: number;
      readonly offset: number;
      readonly lengthBytes: number;
    };

/** What the chunk service checks a caller against. */
export interface ChunkServiceGuard {
  readonly clusterId: string;
  readonly incarnation: string;
  /** The layout epoch as this node knows it; a write with an older one than `oldestAccepted` is refused. */
  oldestAcceptedLayoutEpoch(): number;
  /** Whether this peer is a member. */
  isMember(peer: PeerIdentity): boolean;
}

/** Chunks on another node; the writing and reading side of ChunkService. */
export interface ChunkClient {
  /**
   * Resolves when the peer has made the chunk durable. Rejects with SegmentError; `unavailable` and `canceled` leave open whether it
   * was stored. After an abort the pieces may still be on their way: drop them, never write into them.
   */
  write(chunk: ChunkData, layoutEpoch: number, signal: AbortSignal): Promise<void>;
  /** Rejects with SegmentError. Verified against the block checksums that the peer sends and, for whole chunks, left to the caller to check against BLAKE3. */
  read(address: ChunkAddress, offset: number, length: number, signal: AbortSignal): Promise<ChunkBytes>;
  close(): void;
}
