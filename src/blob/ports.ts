import type { NewBlob } from "../gen/skerry/meta/v1/commands_pb.js";
import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { DigestAlgorithm } from "../platform/index.ts";
import type { ChunkAddress, ChunkBytes, ChunkData } from "../segment/index.ts";

/** Immutable blobs: written once by streaming, read by ranges, always verified. */
export interface BlobStore {
  /**
   * Writes a stream of exactly `sizeBytes` and resolves when every chunk is durable on a write quorum. What it returns goes into the
   * commit; without the commit the bytes are garbage. Digests are computed on the way. Rejects with BlobError; errors thrown by the
   * source pass through unchanged.
   */
  write(request: BlobWriteRequest): Promise<BlobWritten>;
  /** Verified bytes of [offset, offset + length). Throws BlobError "data-unavailable" when no copy can be read. */
  read(blob: BlobRow, offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface BlobWriteRequest {
  readonly sizeBytes: number;
  /** A piece stays unchanged until the next one is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly digests: readonly DigestAlgorithm[];
  readonly signal: AbortSignal;
}

export interface BlobWritten {
  /** Undefined for zero bytes. */
  readonly blob: NewBlob | undefined;
  /** In the order of `digests`. */
  readonly digests: readonly Uint8Array[];
}

/** One node's chunks, on this node or over the network. */
export interface ChunkTarget {
  readonly nodeId: number;
  readonly local: boolean;
  /** Resolves when durable there. */
  write(chunk: ChunkData, layoutEpoch: number, signal: AbortSignal): Promise<void>;
  read(address: ChunkAddress, offset: number, length: number, signal: AbortSignal): Promise<ChunkBytes>;
}

/** Where the chunks of one new blob go. */
export interface BlobPlacement {
  readonly copysetId: number;
  readonly layoutEpoch: number;
  /** In the order of the copyset; in the place of nodes known to be dead stand spares. At least a write quorum. */
  readonly nodeIds: readonly number[];
  /** Nodes that must have made a chunk durable before it counts. */
  readonly writeQuorum: number;
  /** Take the place of nodes that fail in mid-write, in this order. */
  readonly spareNodeIds: readonly number[];
}

export interface ChunkTargets {
  /** Throws BlobError "unavailable" when there are fewer nodes than a write quorum, "storage-full" when that is because of full disks. */
  place(blobId: Uint8Array): BlobPlacement;
  /** Undefined: not a member, or no address known. */
  target(nodeId: number): ChunkTarget | undefined;
  /** Lower is better: 0 this node, 1 alive, 2 suspect, 3 dead or unknown. */
  distance(nodeId: number): number;
}
