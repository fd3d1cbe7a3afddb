import { type CommandResult, type Refusal, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { SearchError, type SearchErrorCode, type SearchErrorDetails } from "../errors.ts";

/** Why the state machine said no to a command of a namespace. What is not here is a bug of the proposer. */
const CODE_OF: Partial<Record<RefusalCode, SearchErrorCode>> = {
  [RefusalCode.NAMESPACE_EXISTS]: "already-exists",
  [RefusalCode.NAMESPACE_UNKNOWN]: "not-found",
  [RefusalCode.NAMESPACE_CHANGED]: "unavailable",
  [RefusalCode.NAMESPACE_VERSION]: "version-conflict",
  [RefusalCode.MANIFEST_CHANGED]: "unavailable",
  [RefusalCode.MANIFEST_FULL]: "overloaded",
  [RefusalCode.NAMESPACE_LEASED]: "unavailable",
  [RefusalCode.SEARCH_QUOTA]: "quota-exceeded",
  [RefusalCode.RETENTION_OVER]: "failed-precondition",
  [RefusalCode.IDEMPOTENCY_CONFLICT]: "idempotency-conflict",
  [RefusalCode.MAINTENANCE]: "unavailable",
  [RefusalCode.TOO_LARGE]: "overloaded",
  // The bytes took too long, or the cluster changed under them: the caller writes them again.
  [RefusalCode.LAYOUT_STALE]: "unavailable",
  [RefusalCode.BLOB_EXPIRED]: "unavailable",
  [RefusalCode.BLOB_GONE]: "unavailable",
  // The session that would know whether the command was applied is gone.
  [RefusalCode.SESSION_UNKNOWN]: "deadline-exceeded",
  [RefusalCode.SEARCH_STORE_UNKNOWN]: "unavailable",
};

const MESSAGE_OF: Partial<Record<RefusalCode, string>> = {
  [RefusalCode.NAMESPACE_EXISTS]: "a namespace of this name exists",
  [RefusalCode.NAMESPACE_UNKNOWN]: "the namespace was deleted",
  [RefusalCode.NAMESPACE_VERSION]: "the namespace is at another version",
  [RefusalCode.MANIFEST_FULL]: "the namespace waits for its writes to be indexed",
  [RefusalCode.SEARCH_QUOTA]: "a quota does not allow it",
  [RefusalCode.RETENTION_OVER]: "this state of the namespace is older than its retention",
  [RefusalCode.IDEMPOTENCY_CONFLICT]: "the idempotency key was used for another request",
  [RefusalCode.MAINTENANCE]: "the cluster is in maintenance and takes no writes",
  [RefusalCode.SESSION_UNKNOWN]: "it is not known whether the request was done",
};

/** Codes that tell the caller of a write that nothing was done. */
const NOT_DONE: ReadonlySet<SearchErrorCode> = new Set(["unavailable", "overloaded"]);

/** When writing again may help, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

export function refusalError(refusal: Refusal): SearchError {
  const code = CODE_OF[refusal.code];
  if (code === undefined)
    throw new Error(`the state machine refused with ${RefusalCode[refusal.code]}: ${refusal.detail}`);
  const message = MESSAGE_OF[refusal.code] ?? "the cluster changed while the request ran; try again";
  const detail = refusal.detail === "" ? "" : `: ${refusal.detail}`;
  const details = detailsOf(code, refusal.detail);
  return new SearchError(code, message + detail, details);
}

/** A quota is named by what it limits, with whose it is: the state machine says "bytes of the project". */
function detailsOf(code: SearchErrorCode, detail: string): SearchErrorDetails {
  if (code === "overloaded") return { retryAfterMs: RETRY_AFTER_MS };
  const quota = code === "quota-exceeded" ? /^(\w+) of the (\w+)$/.exec(detail) : null;
  return quota === null ? {} : { limit: `max_${quota[1]}`, scope: quota[2] };
}

type ResultCase = NonNullable<CommandResult["result"]["case"]>;
type ResultOf<C extends ResultCase> = Extract<CommandResult["result"], { case: C }>["value"];

/** The value of a result; a refusal as an error. */
export function accepted<C extends ResultCase>(
  result: Pick<CommandResult, "result">,
  expected: C,
): ResultOf<C> {
  const { result: value } = result;
  if (value.case === "refusal") throw refusalError(value.value);
  if (value.case !== expected) throw new Error(`a command came to ${value.case}, not ${expected}`);
  return value.value as ResultOf<C>;
}

/** What `read` gives of something that was just committed. That it cannot be read does not mean that it was not done: SearchError "deadline-exceeded". */
export async function ofCommitted<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SearchError) || !NOT_DONE.has(error.code)) throw error;
    throw new SearchError("deadline-exceeded", `it is done, but not shown: ${error.message}`, {}, error);
  }
}

/** The code of a refusal; undefined: it was done. */
export function refusalOf({ result }: CommandResult): RefusalCode | undefined {
  return result.case === "refusal" ? result.value.code : undefined;
}
