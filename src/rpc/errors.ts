import { Code, ConnectError } from "@connectrpc/connect";
import { AccessError } from "../access/index.ts";
import { AdminError, type AdminErrorCode } from "../admin/index.ts";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import { OperationRefusedSchema } from "../gen/skerry/admin/v1/admin_pb.js";
import { IdentityError, type IdentityErrorCode } from "../identity/index.ts";
import { ObjectError, type ObjectErrorCode } from "../object/index.ts";
import { SearchError, type SearchErrorCode } from "../search/index.ts";

const ADMIN_CODES: Readonly<Record<AdminErrorCode, Code>> = {
  invalid: Code.InvalidArgument,
  "not-found": Code.NotFound,
  exists: Code.AlreadyExists,
  refused: Code.FailedPrecondition,
  unavailable: Code.Unavailable,
  "outcome-unknown": Code.DeadlineExceeded,
  overloaded: Code.ResourceExhausted,
};

const IDENTITY_CODES: Readonly<Record<IdentityErrorCode, Code>> = {
  invalid: Code.InvalidArgument,
  "policy-malformed": Code.InvalidArgument,
  "not-found": Code.NotFound,
  exists: Code.AlreadyExists,
  conflict: Code.FailedPrecondition,
  limit: Code.ResourceExhausted,
  "token-invalid": Code.Unauthenticated,
  "token-expired": Code.Unauthenticated,
  "issuer-unreachable": Code.Unavailable,
  busy: Code.Aborted,
  unavailable: Code.Unavailable,
  "outcome-unknown": Code.DeadlineExceeded,
  overloaded: Code.ResourceExhausted,
};

/** Every refusal of `object` as a Connect code. Complete by type. */
export const OBJECT_CODES: Readonly<Record<ObjectErrorCode, Code>> = {
  "bucket-name-invalid": Code.InvalidArgument,
  "bucket-not-found": Code.NotFound,
  "bucket-exists": Code.AlreadyExists,
  "bucket-owned-by-you": Code.AlreadyExists,
  "bucket-not-empty": Code.FailedPrecondition,
  "configuration-too-large": Code.InvalidArgument,
  "key-invalid": Code.InvalidArgument,
  "key-too-long": Code.InvalidArgument,
  "object-not-found": Code.NotFound,
  "object-locked": Code.PermissionDenied,
  "bucket-state": Code.FailedPrecondition,
  "version-not-found": Code.NotFound,
  "version-id-invalid": Code.InvalidArgument,
  "delete-marker": Code.FailedPrecondition,
  "object-lock-not-found": Code.NotFound,
  "lock-missing": Code.InvalidArgument,
  "retention-invalid": Code.InvalidArgument,
  "precondition-failed": Code.FailedPrecondition,
  "not-modified": Code.FailedPrecondition,
  "range-not-satisfiable": Code.OutOfRange,
  "body-truncated": Code.InvalidArgument,
  "body-too-long": Code.InvalidArgument,
  "body-malformed": Code.InvalidArgument,
  "chunk-signature": Code.Unauthenticated,
  "trailer-missing": Code.InvalidArgument,
  "md5-mismatch": Code.InvalidArgument,
  "sha256-mismatch": Code.InvalidArgument,
  "checksum-mismatch": Code.InvalidArgument,
  "object-too-large": Code.InvalidArgument,
  "metadata-too-large": Code.InvalidArgument,
  "metadata-invalid": Code.InvalidArgument,
  "upload-not-found": Code.NotFound,
  "upload-marker-invalid": Code.InvalidArgument,
  "part-number-invalid": Code.InvalidArgument,
  "part-invalid": Code.InvalidArgument,
  "part-order": Code.InvalidArgument,
  "part-too-small": Code.InvalidArgument,
  "part-not-found": Code.NotFound,
  "copy-source-invalid": Code.InvalidArgument,
  "copy-source-marker": Code.FailedPrecondition,
  "copy-to-itself": Code.InvalidArgument,
  "token-reused": Code.InvalidArgument,
  "changes-gone": Code.OutOfRange,
  "changes-unknown": Code.OutOfRange,
  "checksum-type-invalid": Code.InvalidArgument,
  "size-mismatch": Code.InvalidArgument,
  "source-changed": Code.Aborted,
  "version-changed": Code.Aborted,
  "too-many-targets": Code.InvalidArgument,
  "tags-invalid": Code.InvalidArgument,
  "too-many-tags": Code.InvalidArgument,
  "encryption-key-not-found": Code.InvalidArgument,
  "customer-key-required": Code.FailedPrecondition,
  "customer-key-unexpected": Code.InvalidArgument,
  "customer-key-wrong": Code.InvalidArgument,
  "storage-full": Code.ResourceExhausted,
  maintenance: Code.Unavailable,
  overloaded: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  "outcome-unknown": Code.DeadlineExceeded,
  "data-unavailable": Code.DataLoss,
  canceled: Code.Canceled,
};

/** Every refusal of `search` as a Connect code; its own name is the reason in an ErrorInfo. Complete by type. */
const SEARCH_CODES: Readonly<Record<SearchErrorCode, Code>> = {
  "invalid-argument": Code.InvalidArgument,
  "limit-exceeded": Code.InvalidArgument,
  "not-found": Code.NotFound,
  "already-exists": Code.AlreadyExists,
  "schema-conflict": Code.FailedPrecondition,
  "failed-precondition": Code.FailedPrecondition,
  "version-conflict": Code.FailedPrecondition,
  "idempotency-conflict": Code.Aborted,
  "quota-exceeded": Code.ResourceExhausted,
  overloaded: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  "deadline-exceeded": Code.DeadlineExceeded,
  cancelled: Code.Canceled,
  "data-damaged": Code.DataLoss,
  "format-too-new": Code.DataLoss,
};

/** The answer for an error; undefined for a bug, which the caller learns nothing about. */
export function toConnectError(error: unknown): ConnectError | undefined {
  if (error instanceof ConnectError) return error;
  if (error instanceof ObjectError) return new ConnectError(error.message, OBJECT_CODES[error.code]);
  if (error instanceof AdminError) return adminError(error);
  if (error instanceof SearchError) return searchError(error);
  if (error instanceof IdentityError) return new ConnectError(error.message, IDENTITY_CODES[error.code]);
  if (error instanceof AccessError && error.code === "key-invalid") {
    return new ConnectError(error.message, Code.InvalidArgument);
  }
  return undefined;
}

/** With its name as the reason and its details as metadata. */
function searchError({ code, message, details }: SearchError): ConnectError {
  const { retryAfterMs, ...named } = details;
  const metadata = Object.fromEntries(
    Object.entries(named).map(([name, value]) => [snakeCase(name), String(value)]),
  );
  const reason = code.toUpperCase().replaceAll("-", "_");
  const header =
    retryAfterMs === undefined ? undefined : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
  return new ConnectError(message, SEARCH_CODES[code], header, [
    { desc: ErrorInfoSchema, value: { reason, domain: "search.skerry", metadata } },
  ]);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** With the reason for programs and the advice for people as a detail. */
function adminError({ code, message, refusal }: AdminError): ConnectError {
  const details = refusal === undefined ? [] : [{ desc: OperationRefusedSchema, value: { ...refusal } }];
  return new ConnectError(message, ADMIN_CODES[code], undefined, details);
}
