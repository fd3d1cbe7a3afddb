import { DiskError } from "../platform/index.ts";

/** Why a chunk could not be stored, read or sent. A closed set; `refusals.ts` maps each of them to the wire and back. */
export type SegmentErrorCode =
  /** This node has no such chunk. */
  | "not-found"
  /** The bytes are here and do not match their checksums: quarantined, never served. On a write: they were damaged on the way. */
  | "damaged"
  /** Another chunk with the same address is stored here. Ids are never reused, so the caller is wrong. */
  | "conflict"
  /** No chunk can be as the request describes it, or the range lies outside the chunk. */
  | "invalid"
  /** The disk is full. Reads go on. */
  | "no-space"
  /** The disk takes no writes. Reads go on. */
  | "read-only"
  /** The disk failed. */
  | "io"
  /** More bytes wait for the disk than the limit allows. */
  | "overloaded"
  /** Another process has the data directory. */
  | "locked"
  /** The data directory belongs to another cluster, node incarnation or disk. */
  | "wrong-identity"
  /** A segment was written by a version that this one does not know. */
  | "unknown-version"
  /** The store or the client has been closed. */
  | "closed"
  /** The caller or the target belongs to another cluster. */
  | "wrong-cluster"
  /** The target is a later or earlier life of the node than the one that was meant. */
  | "wrong-incarnation"
  /** The writer's layout is too old. */
  | "stale-layout"
  /** The caller is not a member of the cluster. */
  | "not-a-member"
  /** The peer cannot be reached or the stream to it broke; whether the chunk was stored is not known. */
  | "unavailable"
  /** The peer did not keep to the protocol. */
  | "protocol"
  /** The caller gave up. */
  | "canceled";

export class SegmentError extends Error {
  readonly code: SegmentErrorCode;

  constructor(code: SegmentErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SegmentError";
    this.code = code;
  }
}

/** What a failed disk call means for a chunk. Anything that is not a `DiskError` is a bug and is thrown on. */
export function fromDiskError(error: unknown, doing: string): SegmentError {
  if (error instanceof SegmentError) return error;
  if (!(error instanceof DiskError)) throw error;
  const message = `${doing}: ${error.message}`;
  switch (error.code) {
    case "no-space":
    case "read-only":
    case "locked":
      return new SegmentError(error.code, message, { cause: error });
    case "not-found":
    case "exists":
    case "damaged":
    case "io":
      return new SegmentError("io", message, { cause: error });
  }
}

/** For what is tried and may fail; anything that is not a `DiskError` is a bug and is thrown on. */
export function ignoreDiskError(error: unknown): void {
  if (!(error instanceof DiskError)) throw error;
}
