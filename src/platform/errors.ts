import type { DiskErrorCode, StreamError, StreamErrorCode } from "./ports.ts";

/** A disk refused or failed. `path` is for logs, never for clients. */
export class DiskError extends Error {
  readonly code: DiskErrorCode;
  readonly path: string;

  constructor(code: DiskErrorCode, path: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "DiskError";
    this.code = code;
    this.path = path;
  }
}

/** A stream between nodes ended with an error. */
export class StreamFailure extends Error implements StreamError {
  readonly code: StreamErrorCode;

  constructor(code: StreamErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "StreamFailure";
    this.code = code;
  }
}
