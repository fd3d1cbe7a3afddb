import { IdentityError, type IdentityErrorCode } from "../../identity/index.ts";
import { type S3ErrorCode, S3Refusal } from "../errors.ts";

/** What a client of IAM is told for every refusal of `identity`. Complete by its type. */
export const IDENTITY_ERRORS: Readonly<Record<IdentityErrorCode, S3ErrorCode>> = {
  invalid: "ValidationError",
  "policy-malformed": "MalformedPolicyDocument",
  "not-found": "NoSuchEntity",
  exists: "EntityAlreadyExists",
  conflict: "DeleteConflict",
  limit: "LimitExceeded",
  "token-invalid": "InvalidIdentityToken",
  "token-expired": "ExpiredTokenException",
  "issuer-unreachable": "IDPCommunicationError",
  busy: "ConcurrentModification",
  unavailable: "ServiceUnavailable",
  "outcome-unknown": "InternalError",
  overloaded: "SlowDown",
};

/** Names that IAM and STS have for what S3 calls otherwise. */
const OTHER_NAMES: Readonly<Partial<Record<S3ErrorCode, S3ErrorCode>>> = {
  InvalidAccessKeyId: "InvalidClientTokenId",
  ExpiredToken: "ExpiredToken",
  InvalidToken: "InvalidClientTokenId",
};

/** Undefined: a bug. */
export function queryRefusalOf(error: unknown, refusal: S3Refusal | undefined): S3Refusal | undefined {
  if (error instanceof IdentityError) return new S3Refusal(IDENTITY_ERRORS[error.code], error.message);
  if (refusal === undefined) return undefined;
  const other = OTHER_NAMES[refusal.code];
  return other === undefined ? refusal : new S3Refusal(other, refusal.message, refusal.details);
}
