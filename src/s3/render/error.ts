import { ObjectError } from "../../object/index.ts";
import { OBJECT_ERRORS, S3Refusal } from "../errors.ts";
import { NO_BODY, type S3Response } from "../http.ts";
import { XmlWriter } from "../xml/writer.ts";
import { httpTime, quoted } from "./document.ts";

export interface ErrorContext {
  readonly method: string;
  readonly requestId: string;
  readonly hostId: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
}

/** What the client is told of a failure. Undefined: it is none of the closed sets, so it is a bug and stays inside. */
export function refusalOf(error: unknown): S3Refusal | undefined {
  if (error instanceof S3Refusal) return error;
  if (!(error instanceof ObjectError)) return undefined;
  const row = OBJECT_ERRORS[error.code];
  return new S3Refusal(row.code, row.message === "of-error" ? error.message : undefined, error.details);
}

/** The document that S3 answers with: an answer to HEAD has none, and 304 has only the validators. */
export function renderError(refusal: S3Refusal, context: ErrorContext): S3Response {
  const { status } = refusal;
  if (status === 304) return { status, headers: validators(refusal), body: NO_BODY };
  const headers = ["Content-Type", "application/xml", ...extraHeaders(refusal)];
  if (context.method === "HEAD") return { status, headers, body: NO_BODY };
  return { status, headers, body: { kind: "text", text: errorDocument(refusal, context) } };
}

function extraHeaders(refusal: S3Refusal): readonly string[] {
  const { details } = refusal;
  const headers: string[] = [];
  if (details.RetryAfterSeconds !== undefined) headers.push("Retry-After", details.RetryAfterSeconds);
  if (details.Region !== undefined) headers.push("x-amz-bucket-region", details.Region);
  if (details.DeleteMarker !== undefined) {
    headers.push(
      "x-amz-delete-marker",
      details.DeleteMarker,
      "x-amz-version-id",
      details.VersionId ?? "null",
    );
    if (refusal.code === "MethodNotAllowed") headers.push("Allow", "DELETE");
  } else if (refusal.code === "NoSuchKey") {
    // Nothing at all, and not a marker in the place of something.
    headers.push("x-amz-delete-marker", "false");
  }
  if (refusal.code === "InvalidRange" && details.ActualObjectSize !== undefined) {
    headers.push("Content-Range", `bytes */${details.ActualObjectSize}`);
  }
  return headers;
}

function validators(refusal: S3Refusal): readonly string[] {
  const { ETag: etag, LastModified: modified } = refusal.details;
  const headers: string[] = [];
  if (etag !== undefined) headers.push("ETag", quoted(etag));
  if (modified !== undefined) headers.push("Last-Modified", httpTime(Number(modified)));
  return headers;
}

const ELEMENT_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;
const WITH_BUCKET: ReadonlySet<string> = new Set([
  "NoSuchBucket",
  "BucketAlreadyExists",
  "BucketAlreadyOwnedByYou",
  "BucketNotEmpty",
  "InvalidBucketName",
]);
const WITH_KEY: ReadonlySet<string> = new Set(["NoSuchKey", "NoSuchVersion"]);

export function errorDocument(refusal: S3Refusal, context: ErrorContext): string {
  const xml = new XmlWriter("Error").leaf("Code", refusal.code).leaf("Message", refusal.message);
  const { details } = refusal;
  for (const [name, value] of Object.entries(details)) {
    if (ELEMENT_NAME.test(name)) xml.leaf(name, value);
  }
  if (WITH_KEY.has(refusal.code) && details.Key === undefined) xml.leaf("Key", context.key);
  if (WITH_BUCKET.has(refusal.code) && details.BucketName === undefined)
    xml.leaf("BucketName", context.bucket);
  return xml
    .leaf("Resource", resourceOf(context))
    .leaf("RequestId", context.requestId)
    .leaf("HostId", context.hostId)
    .end();
}

function resourceOf({ bucket, key }: ErrorContext): string {
  if (bucket === undefined) return "/";
  return key === undefined ? `/${bucket}` : `/${bucket}/${key}`;
}
