import { type CommandResult, type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import { ObjectError, type ObjectErrorCode } from "./errors.ts";
import { maintenanceError } from "./maintenance.ts";

/**
 * Every refusal of the state machine as an error of this module; undefined: no command of this module can be refused so, it is a bug.
 * Complete by type: a new refusal does not compile until it has a row here.
 */
const CODE_OF: Readonly<Record<RefusalCode, ObjectErrorCode | undefined>> = {
  [RefusalCode.UNSPECIFIED]: undefined,
  [RefusalCode.ALREADY_INITIALISED]: undefined,
  [RefusalCode.SESSION_UNKNOWN]: "outcome-unknown",
  [RefusalCode.NODE_EXISTS]: undefined,
  [RefusalCode.NODE_UNKNOWN]: undefined,
  [RefusalCode.TOKEN_INVALID]: undefined,
  [RefusalCode.LAYOUT_STALE]: "unavailable",
  [RefusalCode.KEY_EXISTS]: undefined,
  [RefusalCode.KEY_UNKNOWN]: undefined,
  [RefusalCode.BUCKET_EXISTS]: "bucket-exists",
  [RefusalCode.BUCKET_UNKNOWN]: "bucket-not-found",
  [RefusalCode.BUCKET_NOT_EMPTY]: "bucket-not-empty",
  [RefusalCode.PRECONDITION_FAILED]: "precondition-failed",
  [RefusalCode.OBJECT_UNKNOWN]: "object-not-found",
  [RefusalCode.UPLOAD_UNKNOWN]: "upload-not-found",
  [RefusalCode.PART_INVALID]: "part-invalid",
  [RefusalCode.PART_ORDER]: "part-order",
  [RefusalCode.PART_TOO_SMALL]: "part-too-small",
  // The bytes were collected between writing and committing: the client uploads again.
  [RefusalCode.BLOB_GONE]: "unavailable",
  [RefusalCode.BLOB_INVALID]: undefined,
  // The bucket was removed and made again meanwhile: the retry meets the new one.
  [RefusalCode.BUCKET_CHANGED]: "unavailable",
  [RefusalCode.INVALID]: undefined,
  [RefusalCode.SOURCE_CHANGED]: "source-changed",
  [RefusalCode.TOO_LARGE]: "object-too-large",
  // Another node made the key ring's own keys first; the caller reads them.
  [RefusalCode.ENCRYPTION_KEY_EXISTS]: undefined,
  [RefusalCode.ENCRYPTION_KEY_UNKNOWN]: "encryption-key-not-found",
  [RefusalCode.ENCRYPTION_KEY_CHANGED]: undefined,
  [RefusalCode.ENCRYPTION_KEY_IN_USE]: undefined,
  // The key was rotated while the request ran, again and again: the caller wraps the data key anew a few times.
  [RefusalCode.ENCRYPTION_KEY_RETIRED]: "unavailable",
  [RefusalCode.NODE_STATE_CHANGED]: undefined,
  [RefusalCode.MEMBERSHIP_CHANGING]: undefined,
  [RefusalCode.LAST_VOTER]: undefined,
  [RefusalCode.NODE_HOLDS_BYTES]: undefined,
  // The upload took longer than any may; a new one gets a new blob.
  [RefusalCode.BLOB_EXPIRED]: "unavailable",
  [RefusalCode.COPY_REFUSED]: undefined,
  [RefusalCode.VERSION_CHANGED]: "version-changed",
  [RefusalCode.IDENTITY_CHANGED]: undefined,
  [RefusalCode.MAINTENANCE_CHANGED]: undefined,
  [RefusalCode.CONFIGURATION_TOO_LARGE]: "configuration-too-large",
  [RefusalCode.OBJECT_LOCKED]: "object-locked",
  [RefusalCode.BUCKET_STATE]: "bucket-state",
  [RefusalCode.VERSION_UNKNOWN]: "version-not-found",
  [RefusalCode.DELETE_MARKER]: "delete-marker",
  [RefusalCode.LOCK_MISSING]: "lock-missing",
  // Of the workers alone: they look again.
  [RefusalCode.CONFIGURATION_CHANGED]: undefined,
  [RefusalCode.CURSOR_CHANGED]: undefined,
  [RefusalCode.TOKEN_REUSED]: "token-reused",
  [RefusalCode.MAINTENANCE]: "maintenance",
  [RefusalCode.NAMESPACE_EXISTS]: undefined,
  [RefusalCode.NAMESPACE_UNKNOWN]: undefined,
  [RefusalCode.NAMESPACE_CHANGED]: undefined,
  [RefusalCode.NAMESPACE_VERSION]: undefined,
  [RefusalCode.MANIFEST_CHANGED]: undefined,
  [RefusalCode.MANIFEST_FULL]: undefined,
  [RefusalCode.NAMESPACE_LEASED]: undefined,
  [RefusalCode.SEARCH_QUOTA]: undefined,
  [RefusalCode.RETENTION_OVER]: undefined,
  [RefusalCode.IDEMPOTENCY_CONFLICT]: undefined,
  [RefusalCode.SEARCH_STORE_UNKNOWN]: undefined,
  [RefusalCode.SEARCH_STORES_FULL]: undefined,
};

const MESSAGE_OF: Partial<Record<ObjectErrorCode, string>> = {
  "bucket-exists": "a bucket of this name exists",
  "bucket-not-found": "there is no bucket of this name",
  "bucket-not-empty": "the bucket still has objects",
  "configuration-too-large": "the configuration is larger than a bucket may have",
  "object-locked": "the version is under a retention or a legal hold",
  "version-not-found": "there is no version of this id",
  "delete-marker": "the version is a delete marker",
  "precondition-failed": "at least one of the preconditions that you gave did not hold",
  "object-not-found": "there is no object of this key",
  "version-changed": "the object changed while the request ran; look again",
  "upload-not-found": "there is no upload of this id: it was completed, aborted or never begun",
  unavailable: "the cluster changed while the request ran; try again",
};

/** The error for a refusal. */
export function refusalError(refusal: Refusal): ObjectError {
  if (refusal.code === RefusalCode.MAINTENANCE) return maintenanceError();
  const code = CODE_OF[refusal.code];
  if (code === undefined) {
    throw new Error(`the state machine refused with ${RefusalCode[refusal.code]}: ${refusal.detail}`);
  }
  return new ObjectError(code, messageOf(code, refusal.detail), {
    details: refusal.detail === "" ? {} : { Detail: refusal.detail },
  });
}

/** `detail`: "" or what it is about. */
function messageOf(code: ObjectErrorCode, detail: string): string {
  const message = MESSAGE_OF[code] ?? code;
  if (detail === "") return message;
  // A word alone: what the bucket still has, and the name of the condition.
  if (code === "bucket-not-empty") return `the bucket still has ${detail}`;
  return code === "precondition-failed" ? `${message}: ${detail}` : detail;
}

type ResultCase = NonNullable<CommandResult["result"]["case"]>;
type ResultValue<C extends ResultCase> = Extract<CommandResult["result"], { case: C }>["value"];

/** The expected case of a result. Throws the ObjectError of a refusal. */
export function expectResult<C extends ResultCase>(result: CommandResult, expected: C): ResultValue<C> {
  const { result: value } = result;
  if (value.case === "refusal") throw refusalError(value.value);
  if (value.case !== expected)
    throw new Error(`the state machine answered ${value.case} instead of ${expected}`);
  return value.value as ResultValue<C>;
}
