/** Everything that `object` refuses, as one closed set: the S3 gateway and the Connect services each map all of it in one table. */
export const OBJECT_ERROR_CODES = [
  "bucket-name-invalid",
  "bucket-not-found",
  "bucket-exists",
  "bucket-owned-by-you",
  "bucket-not-empty",
  "configuration-too-large",
  "key-invalid",
  "key-too-long",
  "object-not-found",
  "object-locked",
  "bucket-state",
  "version-not-found",
  "version-id-invalid",
  "delete-marker",
  "object-lock-not-found",
  "lock-missing",
  "retention-invalid",
  "precondition-failed",
  "not-modified",
  "range-not-satisfiable",
  "body-truncated",
  "body-too-long",
  "body-malformed",
  "chunk-signature",
  "trailer-missing",
  "md5-mismatch",
  "sha256-mismatch",
  "checksum-mismatch",
  "object-too-large",
  "metadata-too-large",
  "metadata-invalid",
  "upload-not-found",
  "upload-marker-invalid",
  "part-number-invalid",
  "part-invalid",
  "part-order",
  "part-too-small",
  "part-not-found",
  "copy-source-invalid",
  "copy-source-marker",
  "copy-to-itself",
  "checksum-type-invalid",
  "size-mismatch",
  "source-changed",
  "version-changed",
  "token-reused",
  "changes-gone",
  "changes-unknown",
  "too-many-targets",
  "tags-invalid",
  "too-many-tags",
  "encryption-key-not-found",
  "customer-key-required",
  "customer-key-unexpected",
  "customer-key-wrong",
  "storage-full",
  "maintenance",
  "overloaded",
  "unavailable",
  "outcome-unknown",
  "data-unavailable",
  "canceled",
] as const;

export type ObjectErrorCode = (typeof OBJECT_ERROR_CODES)[number];

/** A refusal or a failure of the world, for the caller. The message never holds a path or a secret. */
export class ObjectError extends Error {
  readonly code: ObjectErrorCode;
  /** Facts that an error document may show (a size, an ETag, a limit). */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    code: ObjectErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly details?: Readonly<Record<string, string>> },
  ) {
    super(message, options);
    this.name = "ObjectError";
    this.code = code;
    this.details = options?.details ?? {};
  }
}
