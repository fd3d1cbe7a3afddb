import { WeightedSemaphore } from "../base/index.ts";
import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Clock, Hasher, Timers } from "../platform/index.ts";
import { CHUNK_BYTES } from "../segment/index.ts";
import { ChunkBuffers } from "./buffers.ts";
import type { BlobStore, ChunkTargets } from "./ports.ts";
import { BlobReader } from "./read.ts";
import { writeBlob } from "./write.ts";

/** What all reads of a node hold in full steps, and read ahead, in bytes. */
const READ_BUDGET_BYTES = 256 * 1024 * 1024;

export interface ClusterBlobStoreOptions {
  readonly targets: ChunkTargets;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly timers: Timers;
  /** A new id of 16 bytes, never the same twice in the cluster. */
  readonly newBlobId: () => Uint8Array;
  /** Blobs up to this size travel inside the metadata commit, in bytes; 0 turns that off. */
  readonly inlineBytes: number;
  /** What all writes of this node hold together, in bytes. */
  readonly bufferBudgetBytes: number;
  /** What all reads of this node hold together before they go on in small steps, in bytes. Default: 256 MiB. */
  readonly readBudgetBytes?: number;
  /** How long a chunk that has its quorum waits for the remaining nodes, in milliseconds. */
  readonly stragglerMs: number;
  /** Length of all chunks but the last of a blob, in bytes; at most CHUNK_BYTES, which is the default. */
  readonly chunkBytes?: number;
  /** The row of a blob as of now; undefined: it is gone, or cannot be looked up. For readers whose blob was moved; without it they fail. */
  readonly findBlob?: (blobId: Uint8Array) => Promise<BlobRow | undefined>;
}

/** The driver `cluster`: blobs in the segments of the cluster's own nodes. */
export function createClusterBlobStore(options: ClusterBlobStoreOptions): BlobStore {
  const { chunkBytes = CHUNK_BYTES, bufferBudgetBytes } = options;
  const writer = { ...options, chunkBytes, buffers: new ChunkBuffers(bufferBudgetBytes) };
  const budget = new WeightedSemaphore(options.readBudgetBytes ?? READ_BUDGET_BYTES);
  const reader = new BlobReader({ ...options, budget });
  return {
    write: (request) => writeBlob(writer, request),
    read: (blob, offset, length, signal) => reader.read(blob, offset, length, signal),
  };
}
