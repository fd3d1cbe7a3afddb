/** One request as a line of S3's server access log. Source: the user guide, "Amazon S3 server access log format". Pure. */

import type { S3OperationName } from "../../operations.ts";
import { percentEncodePath } from "../../parse/percent.ts";

export interface LoggedRequest {
  readonly bucketOwnerId: string;
  readonly bucket: string;
  readonly timeMs: number;
  readonly remoteAddress: string;
  /** Canonical id; undefined: nobody. */
  readonly requesterId: string | undefined;
  readonly requestId: string;
  readonly operation: string;
  readonly isWebsite: boolean;
  readonly method: string;
  readonly key: string | undefined;
  /** As it was sent: path and query. */
  readonly target: string;
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly bytesSent: number;
  readonly objectSize: number | undefined;
  readonly totalMs: number;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  readonly versionId: string | undefined;
  readonly hostId: string;
  readonly host: string | undefined;
  readonly secure: boolean;
  readonly authentication: "header" | "query" | "none";
}

/** Names of the log that do not follow from the method and the sub-resource. */
const OPERATION_NAMES = new Map<string, string>(
  Object.entries({
    ListObjects: "REST.GET.BUCKET",
    ListObjectsV2: "REST.GET.BUCKET",
    ListObjectVersions: "REST.GET.BUCKETVERSIONS",
    GetObject: "REST.GET.OBJECT",
    HeadObject: "REST.HEAD.OBJECT",
    PutObject: "REST.PUT.OBJECT",
    PostObject: "REST.POST.OBJECT",
    DeleteObject: "REST.DELETE.OBJECT",
    DeleteObjects: "REST.POST.MULTI_OBJECT_DELETE",
    CopyObject: "REST.COPY.OBJECT",
    RenameObject: "REST.RENAME.OBJECT",
    CreateMultipartUpload: "REST.POST.UPLOADS",
    UploadPart: "REST.PUT.PART",
    UploadPartCopy: "REST.COPY.PART",
    CompleteMultipartUpload: "REST.POST.UPLOAD",
    AbortMultipartUpload: "REST.DELETE.UPLOAD",
    ListParts: "REST.GET.UPLOAD",
    ListMultipartUploads: "REST.GET.UPLOADS",
    HeadBucket: "REST.HEAD.BUCKET",
    CreateBucket: "REST.PUT.BUCKET",
    DeleteBucket: "REST.DELETE.BUCKET",
  } satisfies Partial<Record<S3OperationName, string>>),
);

const LOGGED_SUB_RESOURCES: ReadonlyMap<string, string> = new Map([
  ["logging", "LOGGING_STATUS"],
  ["policy", "BUCKETPOLICY"],
  ["policyStatus", "BUCKETPOLICYSTATUS"],
  ["tagging", "TAGGING"],
]);
const OBJECT_SUB_RESOURCES: ReadonlyMap<string, string> = new Map([
  ["tagging", "OBJECT_TAGGING"],
  ["retention", "OBJECT_LOCK_RETENTION"],
  ["legal-hold", "OBJECT_LOCK_LEGALHOLD"],
]);

/** "REST.GET.VERSIONING": the method and what it is about. */
export function loggedOperation({
  operation,
  method,
  target,
  key,
  isWebsite,
}: Pick<LoggedRequest, "operation" | "method" | "target" | "key" | "isWebsite">): string {
  if (isWebsite) return `WEBSITE.${method}.OBJECT`;
  const known = OPERATION_NAMES.get(operation);
  if (known !== undefined) return known;
  const [, query = ""] = target.split("?", 2);
  // Some clients write "?logging", some "?logging=".
  const [subResource = ""] = /(?<=^|&)[^=&]+(?==?(?:&|$))/.exec(query) ?? [];
  const of = key === undefined ? LOGGED_SUB_RESOURCES : OBJECT_SUB_RESOURCES;
  const name = of.get(subResource) ?? subResource.replaceAll("-", "_").toUpperCase();
  return `REST.${method}.${name === "" ? (key === undefined ? "BUCKET" : "OBJECT") : name}`;
}

/** Without the end of the line. No field can hold what would end it or another one. */
export function formatRecord(request: LoggedRequest): string {
  const { secure, authentication } = request;
  const totalMs = String(Math.round(request.totalMs));
  return [
    request.bucketOwnerId,
    request.bucket,
    `[${timeOf(request.timeMs)}]`,
    word(request.remoteAddress),
    request.requesterId ?? "-",
    request.requestId,
    loggedOperation(request),
    request.key === undefined ? "-" : percentEncodePath(percentEncodePath(request.key)),
    quoted(`${request.method} ${request.target} HTTP/1.1`),
    String(request.status),
    request.errorCode ?? "-",
    request.bytesSent === 0 ? "-" : String(request.bytesSent),
    request.objectSize === undefined ? "-" : String(request.objectSize),
    totalMs,
    totalMs,
    quoted(request.referer ?? "-"),
    quoted(request.userAgent ?? "-"),
    word(request.versionId),
    request.hostId,
    authentication === "none" ? "-" : "SigV4",
    "-",
    { header: "AuthHeader", query: "QueryString", none: "-" }[authentication],
    word(request.host),
    secure ? "TLS" : "-",
    "-",
    "-",
  ].join(" ");
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** "06/Feb/2019:00:00:38 +0000". */
function timeOf(timeMs: number): string {
  const text = new Date(timeMs).toISOString();
  const month = MONTHS[Number(text.slice(5, 7)) - 1] ?? "";
  return `${text.slice(8, 10)}/${month}/${text.slice(0, 4)}:${text.slice(11, 19)} +0000`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these would end a line.
const UNSAFE_IN_QUOTES = /["\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these would end a line or a field.
const UNSAFE_IN_WORD = /["\u0000-\u0020\u007f-\u00a0\u2028\u2029]/g;

function quoted(text: string): string {
  return `"${text.replace(UNSAFE_IN_QUOTES, encodeURIComponent)}"`;
}

function word(text: string | undefined): string {
  return text === undefined || text === "" ? "-" : text.replace(UNSAFE_IN_WORD, encodeURIComponent);
}
