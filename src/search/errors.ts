/** Everything that `search` refuses, as one closed set: the REST routes and the Connect services each map all of it in one table. */
export const SEARCH_ERROR_CODES = [
  /** The request contradicts the rules or the schema, whatever the state: 400. */
  "invalid-argument",
  /** Over a limit of `model/limits.ts` (in `details`): 413 for sizes of the request, else 400. */
  "limit-exceeded",
  /** 404 */
  "not-found",
  /** 409 */
  "already-exists",
  /** A change of the schema that needs a copy: 409. */
  "schema-conflict",
  /** The state does not allow it (deleted, being deleted, out of retention): 409. */
  "failed-precondition",
  /** `if_version` named another version: 412. */
  "version-conflict",
  /** The same idempotency key with another request: 409. */
  "idempotency-conflict",
  /** A quota of the organization or project: 429. */
  "quota-exceeded",
  /** Too much at once; again later: 429. */
  "overloaded",
  /** Storage or a quorum cannot be reached now: 503. A write was not done, and will not be. */
  "unavailable",
  /** It took too long, or there was no answer to a write that may have been done, or may yet be: 504. */
  "deadline-exceeded",
  /** The caller went away: 499. */
  "cancelled",
  /** Bytes are not what was written: 500. */
  "data-damaged",
  /** Written by a newer release: 500. */
  "format-too-new",
] as const;

export type SearchErrorCode = (typeof SEARCH_ERROR_CODES)[number];

/** What a program can read out of a refusal. Every value is safe to show to the caller. */
export interface SearchErrorDetails {
  /** The name of the limit in `LIMITS`. */
  readonly limit?: string;
  /** Of a quota: "organization" or "project". */
  readonly scope?: string | undefined;
  /** What the limit is. */
  readonly most?: number;
  /** What was asked for. */
  readonly given?: number;
  /** Where in the request: "upserts[3].vectors.vector". */
  readonly path?: string;
  readonly field?: string;
  readonly documentId?: string;
  readonly version?: string;
  readonly retryAfterMs?: number;
}

/** The world said no. A bug is an `assert`, never one of these. */
export class SearchError extends Error {
  readonly code: SearchErrorCode;
  readonly details: SearchErrorDetails;

  constructor(code: SearchErrorCode, message: string, details: SearchErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SearchError";
    this.code = code;
    this.details = details;
  }
}

/** The most common refusal: `message` says what is wrong at `path`. */
export function invalid(message: string, details: SearchErrorDetails = {}): SearchError {
  return new SearchError("invalid-argument", message, details);
}
