import { ObjectError, type ObjectErrorCode } from "../../object/index.ts";
import { SearchError, type SearchErrorCode } from "../../search/index.ts";

/** What an error says of the operation that it ended. */
export type Failure =
  /** It had no effect and will have none. */
  | "no-effect"
  /** It may have taken effect, or may yet. */
  | "unknown"
  /** It was decided against, by the state that it met. */
  | "refused"
  /** There is no object. */
  | "absent"
  /** Nothing in these workloads may lead to it. */
  | "unexpected";

const FAILURES: Readonly<Partial<Record<ObjectErrorCode, Failure>>> = {
  "precondition-failed": "refused",
  "object-not-found": "absent",
  "version-not-found": "absent",
  "delete-marker": "absent",
  "outcome-unknown": "unknown",
  unavailable: "no-effect",
  overloaded: "no-effect",
  "storage-full": "no-effect",
  "data-unavailable": "no-effect",
  "source-changed": "no-effect",
  "version-changed": "no-effect",
  // An empty object has no ranges.
  "range-not-satisfiable": "no-effect",
  // Somebody else deleted it, or an earlier try took it away.
  "upload-not-found": "no-effect",
};

const SEARCH_FAILURES: Readonly<Partial<Record<SearchErrorCode, Failure>>> = {
  "not-found": "absent",
  "already-exists": "refused",
  "version-conflict": "refused",
  unavailable: "no-effect",
  overloaded: "no-effect",
  "deadline-exceeded": "unknown",
  cancelled: "unknown",
};

export function failureOf(error: unknown): Failure {
  if (error instanceof SearchError) return SEARCH_FAILURES[error.code] ?? "unexpected";
  return error instanceof ObjectError ? (FAILURES[error.code] ?? "unexpected") : "unexpected";
}

/** For the trace. */
export function nameOf(error: unknown): string {
  if (error instanceof ObjectError) return error.code;
  if (error instanceof SearchError) return `namespaces: ${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
