import type { NewBlob } from "../gen/skerry/meta/v1/commands_pb.js";
import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { DigestAlgorithm } from "../platform/ports.ts";

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
