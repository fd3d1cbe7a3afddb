import { OBJECT_OWNERSHIPS } from "../../access/index.ts";
import { WEBSITE_REDIRECT_HEADER } from "../../object/index.ts";
import { invalidArgument, notImplemented } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";
import type { S3OperationName } from "../operations.ts";

/** Headers that ask for something that is not there. Ignoring them would store an object that is not what the client believes. */
const UNSUPPORTED_HEADERS: ReadonlySet<string> = new Set(["x-amz-mfa", "x-amz-write-offset-bytes"]);

/** Headers that are fine with these values, which change nothing here. */
const HARMLESS_VALUES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["x-amz-bucket-namespace", new Set(["global"])],
  ["x-amz-object-annotation-directive", new Set(["COPY", "EXCLUDE"])],
  ["x-amz-object-ownership", new Set<string>(OBJECT_OWNERSHIPS)],
]);

/** Operations that make objects: they say how to encrypt, and where a website redirects. */
const MAKING: ReadonlySet<S3OperationName> = new Set(["PutObject", "CopyObject", "CreateMultipartUpload"]);
/** Parts and completions follow their upload; clients that repeat what they said when they began it are not refused. */
const REPEATING: ReadonlySet<S3OperationName> = new Set([...MAKING, "UploadPart", "CompleteMultipartUpload"]);
/** Operations on bytes that may be encrypted under a customer's key. */
const WITH_CUSTOMER_KEY: ReadonlySet<S3OperationName> = new Set([
  ...MAKING,
  "GetObject",
  "HeadObject",
  "GetObjectAttributes",
  "UploadPart",
  "UploadPartCopy",
  "CompleteMultipartUpload",
]);
const WITH_SOURCE_KEY: ReadonlySet<S3OperationName> = new Set(["CopyObject", "UploadPartCopy"]);
const ENCRYPTION = "x-amz-server-side-encryption";
const SOURCE_ENCRYPTION = "x-amz-copy-source-server-side-encryption";

/** Refuses with "NotImplemented". */
export function checkFeatures(operation: S3OperationName, headers: RequestHeaders): void {
  for (const [name, value] of headers) {
    if (!name.startsWith("x-amz-")) continue;
    if (name.startsWith(ENCRYPTION) || name.startsWith(SOURCE_ENCRYPTION)) checkEncryption(operation, name);
    else if (name === WEBSITE_REDIRECT_HEADER) checkRedirect(operation);
    else checkFeature(name, value);
  }
}

/** Where S3 does not know such a header it refuses it: the client believes that it does something. */
function checkEncryption(operation: S3OperationName, name: string): void {
  const allowed = name.startsWith(SOURCE_ENCRYPTION)
    ? WITH_SOURCE_KEY
    : name.startsWith(`${ENCRYPTION}-customer-`)
      ? WITH_CUSTOMER_KEY
      : REPEATING;
  if (!allowed.has(operation)) {
    throw invalidArgument(`${name} header is not supported for this operation.`, name, "");
  }
}

function checkRedirect(operation: S3OperationName): void {
  if (MAKING.has(operation)) return;
  throw notImplemented(`What the header "${WEBSITE_REDIRECT_HEADER}" asks for with ${operation}`);
}

function checkFeature(name: string, value: string): void {
  const harmless = HARMLESS_VALUES.get(name);
  if (harmless !== undefined) {
    if (harmless.has(value)) return;
    throw notImplemented(`The value "${value}" of the header "${name}"`);
  }
  if (UNSUPPORTED_HEADERS.has(name)) {
    throw notImplemented(`What the header "${name}" asks for`);
  }
}
