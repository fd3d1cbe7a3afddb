/** What an error tells a client about its request. */
import type { ObjectInput, ObjectOutput } from "../../src/sim/checkers/linearizability/index.ts";

export type ErrorOutcome =
  /** An answer as good as success. */
  | { readonly kind: "returned"; readonly name: string; readonly output: ObjectOutput }
  /** It certainly did not happen and will not. */
  | { readonly kind: "refused"; readonly name: string }
  | { readonly kind: "unknown"; readonly name: string }
  /** Skerry must not answer this. */
  | { readonly kind: "wrong"; readonly name: string };

/**
 * Skerry promises more than S3: 503 and 507 are given only when nothing happened, 500 when it is not known (docs/reference/s3.md). What
 * it says is taken at its word, so that the history shows when it is not true.
 */
const REFUSALS = new Set([
  "ServiceUnavailable",
  "SlowDown",
  "InsufficientStorage",
  // The clock of the node was set off.
  "RequestTimeTooSkewed",
  "ECONNREFUSED",
  "EHOSTUNREACH",
]);

const UNKNOWN = new Set([
  "InternalError",
  "RequestTimeout",
  "AbortError",
  "TimeoutError",
  "OperationAborted",
]);
/** Errors of the connection, after which the request may still be served. */
const CONNECTION = /^(ECONNRESET|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|aborted|NetworkingError)$/;

export function outcomeOfError(error: unknown, input: ObjectInput): ErrorOutcome {
  const { name, code, message, $metadata } = error as {
    name?: string;
    code?: string;
    message?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  const said = code ?? name ?? "Error";
  const isRead = input.kind === "get" || input.kind === "head";
  if (isRead && status === 404) return { kind: "returned", name: said, output: { kind: "absent" } };
  const isConditional = input.kind === "put" && (input.ifMatch !== undefined || input.ifAbsent === true);
  // A condition on what is not there is refused with 404.
  if (isConditional && (status === 412 || (status === 404 && said === "NoSuchKey"))) {
    return { kind: "returned", name: said, output: { kind: "refused" } };
  }
  // A head has no body that would name the error.
  if (REFUSALS.has(said) || status === 503 || status === 507) return { kind: "refused", name: said };
  if (UNKNOWN.has(said) || CONNECTION.test(said) || status === 500) return { kind: "unknown", name: said };
  if (status === undefined && message === "aborted") return { kind: "unknown", name: "aborted" };
  // A head that is refused for its time, as above.
  if (input.kind === "head" && status === 403) return { kind: "refused", name: "403" };
  return { kind: "wrong", name: said };
}
