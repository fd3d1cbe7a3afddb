/** Why a blob could not be written or read. */
export type BlobErrorCode =
  /** Not enough nodes could make a chunk durable. */
  | "unavailable"
  /** The disks of the nodes that could take it are full. */
  | "storage-full"
  /** No node delivered a good copy of a chunk. */
  | "data-unavailable"
  /** The source delivered another number of bytes than it had promised. */
  | "length-mismatch"
  /** The caller gave up. */
  | "canceled";

export class BlobError extends Error {
  readonly code: BlobErrorCode;

  constructor(code: BlobErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "BlobError";
    this.code = code;
  }
}
