import { BlobError, type BlobErrorCode } from "../errors.ts";

/** Causes of causes that cross. */
const MAX_CAUSES = 4;

/** An error on its way to another thread: what is an Error of a class of its own here is none there. */
export type ErrorMessage = {
  readonly message: string;
  /** For the log. */
  readonly cause: ErrorMessage | undefined;
} & (
  | { readonly kind: "blob"; readonly code: BlobErrorCode }
  /** A bug. */
  | { readonly kind: "other"; readonly name: string; readonly stack: string | undefined }
);

export function encodeError(error: unknown, causes = MAX_CAUSES): ErrorMessage {
  if (!(error instanceof Error)) {
    return { kind: "other", name: "Error", message: String(error), stack: undefined, cause: undefined };
  }
  const { message, name, stack } = error;
  const cause = error.cause === undefined || causes === 0 ? undefined : encodeError(error.cause, causes - 1);
  if (error instanceof BlobError) return { kind: "blob", code: error.code, message, cause };
  return { kind: "other", name, message, stack, cause };
}

export function decodeError(sent: ErrorMessage): Error {
  const options = sent.cause === undefined ? {} : { cause: decodeError(sent.cause) };
  if (sent.kind === "blob") return new BlobError(sent.code, sent.message, options);
  const error = new Error(sent.message, options);
  error.name = sent.name;
  if (sent.stack !== undefined) error.stack = sent.stack;
  return error;
}
