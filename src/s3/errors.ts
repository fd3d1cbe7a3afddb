import type { ObjectErrorCode } from "../object/errors.ts";

/** Every error that this gateway answers: S3's code, its HTTP status and the message that S3 gives by default. */
export const S3_ERRORS = {
  NoSuchCORSConfiguration: { status: 404, message: "The CORS configuration does not exist" },
  AccessControlListNotSupported: { status: 400, message: "The bucket does not allow ACLs" },
  InvalidBucketAclWithObjectOwnership: {
    status: 400,
    message: "Bucket cannot have ACLs set with ObjectOwnership of BucketOwnerEnforced",
  },
  MalformedPolicy: { status: 400, message: "The policy is not in the valid JSON format." },
  NoSuchBucketPolicy: { status: 404, message: "The bucket policy does not exist" },
  NoSuchPublicAccessBlockConfiguration: {
    status: 404,
    message: "The public access block configuration was not found",
  },
  OwnershipControlsNotFoundError: { status: 404, message: "The bucket ownership controls were not found" },
  UnresolvableGrantByEmailAddress: {
    status: 400,
    message: "The email address you provided does not match any account on record.",
  },
  AccessDenied: { status: 403, message: "Access Denied" },
  AccessForbidden: { status: 403, message: "CORSResponse: CORS is not enabled for this bucket." },
  AuthorizationHeaderMalformed: {
    status: 400,
    message: "The authorization header that you provided is not valid.",
  },
  AuthorizationQueryParametersError: {
    status: 400,
    message: "The authorization query parameters that you provided are not valid.",
  },
  BadDigest: {
    status: 400,
    message: "The Content-MD5 or checksum value that you specified did not match what the server received.",
  },
  BadRequest: { status: 400, message: "An error occurred when parsing the HTTP request." },
  BucketAlreadyExists: {
    status: 409,
    message:
      "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
  },
  BucketAlreadyOwnedByYou: {
    status: 409,
    message: "Your previous request to create the named bucket succeeded and you already own it.",
  },
  BucketNotEmpty: { status: 409, message: "The bucket you tried to delete is not empty." },
  ConcurrentModification: { status: 409, message: "Others change the same identities; try again." },
  DeleteConflict: { status: 409, message: "Something else still depends on it." },
  EntityAlreadyExists: { status: 409, message: "There is one of this name already." },
  EntityTooLarge: { status: 400, message: "Your proposed upload exceeds the maximum allowed object size." },
  EntityTooSmall: {
    status: 400,
    message: "Your proposed upload is smaller than the minimum allowed object size.",
  },
  ExpiredTokenException: { status: 400, message: "The web identity token that was passed is expired." },
  IDPCommunicationError: {
    status: 400,
    message: "The identity provider could not be reached to verify the token.",
  },
  InvalidIdentityToken: {
    status: 400,
    message: "The web identity token that was passed could not be validated.",
  },
  ExpiredToken: { status: 400, message: "The provided token has expired." },
  IdempotencyParameterMismatch: {
    status: 400,
    message:
      "Parameters on this idempotent request are inconsistent with parameters used in previous request(s).",
  },
  IllegalLocationConstraintException: {
    status: 400,
    message: "The location constraint is incompatible with the region of this endpoint.",
  },
  IncompleteBody: {
    status: 400,
    message: "You did not provide the number of bytes specified by the Content-Length HTTP header.",
  },
  InsufficientStorage: { status: 507, message: "There is not enough free storage for this request." },
  InternalError: { status: 500, message: "We encountered an internal error. Please try again." },
  InvalidAccessKeyId: {
    status: 403,
    message: "The AWS Access Key Id you provided does not exist in our records.",
  },
  InvalidArgument: { status: 400, message: "Invalid Argument" },
  InvalidBucketName: { status: 400, message: "The specified bucket is not valid." },
  InvalidBucketState: {
    status: 409,
    message: "The request is not valid with the current state of the bucket.",
  },
  InvalidChunkSizeError: {
    status: 400,
    message: "Only the last chunk is allowed to have a size less than 8192 bytes.",
  },
  InvalidClientTokenId: { status: 403, message: "The security token included in the request is invalid." },
  InvalidDigest: { status: 400, message: "The Content-MD5 you specified is not valid." },
  InvalidEncryptionAlgorithmError: {
    status: 400,
    message: "The encryption request that you specified is not valid.",
  },
  InvalidPart: {
    status: 400,
    message:
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  },
  InvalidPartOrder: {
    status: 400,
    message: "The list of parts was not in ascending order. Parts must be ordered by part number.",
  },
  InvalidPolicyDocument: {
    status: 400,
    message: "The content of the form does not meet the conditions specified in the policy document.",
  },
  InvalidRange: { status: 416, message: "The requested range is not satisfiable." },
  InvalidRedirectLocation: {
    status: 400,
    message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  },
  InvalidRequest: { status: 400, message: "Invalid Request" },
  InvalidRetentionPeriod: { status: 400, message: "The retention period must be a positive whole number." },
  InvalidStorageClass: { status: 400, message: "The storage class you specified is not valid." },
  InvalidTag: { status: 400, message: "The tag provided was not a valid tag." },
  InvalidTargetBucketForLogging: {
    status: 400,
    message:
      "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants for the log-delivery group.",
  },
  InvalidToken: { status: 400, message: "The provided token is malformed or otherwise not valid." },
  InvalidURI: { status: 400, message: "Couldn't parse the specified URI." },
  "KMS.NotFoundException": { status: 400, message: "The encryption key that you named does not exist." },
  KeyTooLongError: { status: 400, message: "Your key is too long." },
  LimitExceeded: { status: 409, message: "A limit on identities is reached." },
  MalformedPolicyDocument: { status: 400, message: "The policy document is malformed." },
  MalformedPOSTRequest: {
    status: 400,
    message: "The body of your POST request is not well-formed multipart/form-data.",
  },
  MalformedTrailerError: {
    status: 400,
    message:
      "The request contained trailing data that was not well-formed or did not conform to our published schema.",
  },
  MalformedXML: {
    status: 400,
    message: "The XML you provided was not well-formed or did not validate against our published schema.",
  },
  MaxPostPreDataLengthExceeded: {
    status: 400,
    message: "Your POST request fields preceding the upload file were too large.",
  },
  MetadataTooLarge: {
    status: 400,
    message: "Your metadata headers exceed the maximum allowed metadata size.",
  },
  MethodNotAllowed: { status: 405, message: "The specified method is not allowed against this resource." },
  MissingAuthenticationToken: { status: 403, message: "The request must contain a signature." },
  MissingContentLength: { status: 411, message: "You must provide the Content-Length HTTP header." },
  MissingSecurityHeader: { status: 400, message: "Your request was missing a required header." },
  NoSuchBucket: { status: 404, message: "The specified bucket does not exist." },
  NoSuchEntity: { status: 404, message: "There is none of this name." },
  NoSuchKey: { status: 404, message: "The specified key does not exist." },
  NoSuchLifecycleConfiguration: {
    status: 404,
    message: "The lifecycle configuration does not exist",
  },
  NoSuchTagSet: { status: 404, message: "The TagSet does not exist." },
  NoSuchUpload: {
    status: 404,
    message:
      "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  },
  NoSuchVersion: { status: 404, message: "The specified version does not exist." },
  NoSuchWebsiteConfiguration: {
    status: 404,
    message: "The specified bucket does not have a website configuration",
  },
  NotImplemented: {
    status: 501,
    message: "A header or query you provided implies functionality that is not implemented.",
  },
  NotModified: { status: 304, message: "Not Modified" },
  NoSuchObjectLockConfiguration: {
    status: 404,
    message: "The specified object does not have a ObjectLock configuration",
  },
  ObjectLockConfigurationNotFoundError: {
    status: 404,
    message: "Object Lock configuration does not exist for this bucket",
  },
  OperationAborted: {
    status: 409,
    message: "A conflicting conditional operation is currently in progress against this resource. Try again.",
  },
  PreconditionFailed: {
    status: 412,
    message: "At least one of the pre-conditions you specified did not hold.",
  },
  ReplicationConfigurationNotFoundError: {
    status: 404,
    message: "The replication configuration was not found",
  },
  RequestHeaderSectionTooLarge: {
    status: 400,
    message: "Your request header section exceeds the maximum allowed size.",
  },
  RequestTimeTooSkewed: {
    status: 403,
    message: "The difference between the request time and the current time is too large.",
  },
  RequestTimeout: {
    status: 400,
    message:
      "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
  },
  ServerSideEncryptionConfigurationNotFoundError: {
    status: 404,
    message: "The server side encryption configuration was not found",
  },
  ServiceUnavailable: { status: 503, message: "The service is unavailable. Please retry." },
  SignatureDoesNotMatch: {
    status: 403,
    message:
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  },
  SlowDown: { status: 503, message: "Please reduce your request rate." },
  UnexpectedContent: { status: 400, message: "This request does not support content." },
  ValidationError: { status: 400, message: "The input fails to satisfy the constraints of the service." },
  XAmzContentSHA256Mismatch: {
    status: 400,
    message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
  },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>;

export type S3ErrorCode = keyof typeof S3_ERRORS;

interface ObjectErrorRow {
  readonly code: S3ErrorCode;
  /** Whether the client reads S3's own words or those of the `ObjectError`, which say more. */
  readonly message: "of-s3" | "of-error";
}

/** What a client of S3 is told for every refusal of `object`. Complete by its type, and a test walks it. */
export const OBJECT_ERRORS: Readonly<Record<ObjectErrorCode, ObjectErrorRow>> = {
  "bucket-name-invalid": { code: "InvalidBucketName", message: "of-s3" },
  "bucket-not-found": { code: "NoSuchBucket", message: "of-s3" },
  "bucket-exists": { code: "BucketAlreadyExists", message: "of-s3" },
  "bucket-owned-by-you": { code: "BucketAlreadyOwnedByYou", message: "of-s3" },
  "bucket-not-empty": { code: "BucketNotEmpty", message: "of-s3" },
  "configuration-too-large": { code: "EntityTooLarge", message: "of-error" },
  "key-invalid": { code: "InvalidArgument", message: "of-error" },
  "key-too-long": { code: "KeyTooLongError", message: "of-s3" },
  "object-not-found": { code: "NoSuchKey", message: "of-s3" },
  "object-locked": { code: "AccessDenied", message: "of-error" },
  "bucket-state": { code: "InvalidBucketState", message: "of-error" },
  "version-not-found": { code: "NoSuchVersion", message: "of-s3" },
  "version-id-invalid": { code: "InvalidArgument", message: "of-error" },
  "object-lock-not-found": { code: "ObjectLockConfigurationNotFoundError", message: "of-s3" },
  "lock-missing": { code: "InvalidRequest", message: "of-error" },
  "retention-invalid": { code: "InvalidArgument", message: "of-error" },
  "delete-marker": { code: "MethodNotAllowed", message: "of-s3" },
  "precondition-failed": { code: "PreconditionFailed", message: "of-s3" },
  "not-modified": { code: "NotModified", message: "of-s3" },
  "range-not-satisfiable": { code: "InvalidRange", message: "of-s3" },
  "body-truncated": { code: "IncompleteBody", message: "of-s3" },
  "body-too-long": { code: "InvalidRequest", message: "of-error" },
  "body-malformed": { code: "InvalidRequest", message: "of-error" },
  "chunk-signature": { code: "SignatureDoesNotMatch", message: "of-s3" },
  "trailer-missing": { code: "MalformedTrailerError", message: "of-s3" },
  "md5-mismatch": { code: "BadDigest", message: "of-s3" },
  "sha256-mismatch": { code: "XAmzContentSHA256Mismatch", message: "of-s3" },
  "checksum-mismatch": { code: "BadDigest", message: "of-s3" },
  "object-too-large": { code: "EntityTooLarge", message: "of-s3" },
  "metadata-too-large": { code: "MetadataTooLarge", message: "of-s3" },
  "metadata-invalid": { code: "InvalidArgument", message: "of-error" },
  "upload-not-found": { code: "NoSuchUpload", message: "of-s3" },
  "upload-marker-invalid": { code: "InvalidArgument", message: "of-error" },
  "part-number-invalid": { code: "InvalidArgument", message: "of-error" },
  "part-invalid": { code: "InvalidPart", message: "of-s3" },
  "part-order": { code: "InvalidPartOrder", message: "of-s3" },
  "part-too-small": { code: "EntityTooSmall", message: "of-s3" },
  "part-not-found": { code: "InvalidPart", message: "of-error" },
  "copy-source-invalid": { code: "InvalidArgument", message: "of-error" },
  "copy-source-marker": { code: "InvalidRequest", message: "of-error" },
  "changes-gone": { code: "InvalidArgument", message: "of-error" },
  "changes-unknown": { code: "InvalidArgument", message: "of-error" },
  "token-reused": { code: "IdempotencyParameterMismatch", message: "of-s3" },
  "copy-to-itself": { code: "InvalidRequest", message: "of-error" },
  "checksum-type-invalid": { code: "InvalidRequest", message: "of-error" },
  "size-mismatch": { code: "InvalidRequest", message: "of-error" },
  "source-changed": { code: "OperationAborted", message: "of-s3" },
  "version-changed": { code: "OperationAborted", message: "of-s3" },
  "tags-invalid": { code: "InvalidTag", message: "of-error" },
  "too-many-tags": { code: "InvalidTag", message: "of-error" },
  "too-many-targets": { code: "MalformedXML", message: "of-s3" },
  "encryption-key-not-found": { code: "KMS.NotFoundException", message: "of-error" },
  "customer-key-required": { code: "InvalidRequest", message: "of-error" },
  "customer-key-unexpected": { code: "InvalidRequest", message: "of-error" },
  "customer-key-wrong": { code: "InvalidRequest", message: "of-error" },
  "storage-full": { code: "InsufficientStorage", message: "of-s3" },
  maintenance: { code: "ServiceUnavailable", message: "of-error" },
  overloaded: { code: "SlowDown", message: "of-s3" },
  unavailable: { code: "ServiceUnavailable", message: "of-s3" },
  "outcome-unknown": { code: "InternalError", message: "of-error" },
  "data-unavailable": { code: "ServiceUnavailable", message: "of-s3" },
  canceled: { code: "RequestTimeout", message: "of-s3" },
};

/** Extra elements of an error document, by element name. */
export type ErrorDetails = Readonly<Record<string, string>>;

/**
 * A request that this gateway refuses. Thrown inside parsers, authentication and handlers, turned into a typed result at the edge of each
 * (`parseRequest`, `S3Gateway.handle`); it never crosses into another module.
 */
export class S3Refusal extends Error {
  readonly code: S3ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: S3ErrorCode, message?: string, details: ErrorDetails = {}) {
    super(message ?? S3_ERRORS[code].message);
    this.name = "S3Refusal";
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return S3_ERRORS[this.code].status;
  }
}

/** S3's way to refuse one argument: the name and the value are part of the document. */
export function invalidArgument(message: string, argumentName: string, argumentValue: string): S3Refusal {
  return new S3Refusal("InvalidArgument", message, {
    ArgumentName: argumentName,
    ArgumentValue: argumentValue,
  });
}

export function notImplemented(what: string): S3Refusal {
  return new S3Refusal("NotImplemented", `${what} is not implemented.`);
}
