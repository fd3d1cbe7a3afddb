import { invalidArgument, notImplemented } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";

/** Headers that ask for something that is not there. Ignoring them would store an object that is not what the client believes. */
const UNSUPPORTED_PREFIXES = [
  "x-amz-server-side-encryption",
  "x-amz-copy-source-server-side-encryption",
  "x-amz-object-lock-",
  "x-amz-grant-",
];

const UNSUPPORTED_HEADERS: ReadonlySet<string> = new Set([
  "x-amz-mfa",
  "x-amz-tagging",
  "x-amz-website-redirect-location",
  "x-amz-write-offset-bytes",
]);

/** Headers that are fine with these values, which change nothing here. */
const HARMLESS_VALUES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["x-amz-acl", new Set(["private", "bucket-owner-full-control"])],
  ["x-amz-bucket-object-lock-enabled", new Set(["false", "False"])],
  ["x-amz-bucket-namespace", new Set(["global"])],
  ["x-amz-object-annotation-directive", new Set(["COPY", "EXCLUDE"])],
  ["x-amz-object-ownership", new Set(["BucketOwnerEnforced"])],
  ["x-amz-tagging-directive", new Set(["COPY", "REPLACE"])],
]);

const CANNED_ACLS: ReadonlySet<string> = new Set([
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "log-delivery-write",
]);

/** Refuses with "NotImplemented" (an ACL that S3 does not know either: "InvalidArgument"). */
export function checkFeatures(headers: RequestHeaders): void {
  for (const [name, value] of headers) {
    if (name.startsWith("x-amz-")) checkFeature(name, value);
  }
}

function checkFeature(name: string, value: string): void {
  const harmless = HARMLESS_VALUES.get(name);
  if (harmless !== undefined) {
    if (harmless.has(value)) return;
    if (name === "x-amz-acl" && !CANNED_ACLS.has(value))
      throw invalidArgument("Invalid canned ACL", name, value);
    throw notImplemented(`The value "${value}" of the header "${name}"`);
  }
  if (UNSUPPORTED_HEADERS.has(name) || UNSUPPORTED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
    throw notImplemented(`What the header "${name}" asks for`);
  }
}
