import {
  type Checksum,
  type DeletedObject,
  isHeaderName,
  isHeaderText,
  NULL_VERSION,
  type ObjectAttributes,
  type ObjectInfo,
  type PutObjectResult,
} from "../../object/index.ts";
import { encryptionHeaders } from "../encryption/answer.ts";
import { type RequestHeaders, toHeaderValue } from "../http.ts";
import type { ChecksumType } from "../operation.ts";
import { USER_METADATA_PREFIX } from "../parse/attributes.ts";
import { checksumHeaderName } from "../parse/checksum.ts";
import { httpTime, isoTime, quoted } from "./document.ts";

const CANONICAL_NAMES: ReadonlyMap<string, string> = new Map([
  ["cache-control", "Cache-Control"],
  ["content-disposition", "Content-Disposition"],
  ["content-encoding", "Content-Encoding"],
  ["content-language", "Content-Language"],
  ["content-type", "Content-Type"],
  ["expires", "Expires"],
]);

export interface ObjectHeaderOptions {
  readonly request: RequestHeaders;
  readonly overrides: ReadonlyMap<string, string>;
  /** Only when the client asked and gets the whole object: it would check the checksum against what it gets. */
  readonly checksum: boolean;
}

/** The headers of GetObject and HeadObject, without those of the range. */
export function objectHeaders(info: ObjectInfo, options: ObjectHeaderOptions): string[] {
  const { attributes } = info;
  const { overrides } = options;
  const headers = [
    "ETag",
    quoted(info.etag),
    "Last-Modified",
    httpTime(info.modifiedAtMs),
    "Accept-Ranges",
    "bytes",
  ];
  if (!overrides.has("content-type")) pushText(headers, "Content-Type", attributes.contentType);
  for (const [name, value] of attributes.headers) {
    if (!overrides.has(name)) pushText(headers, CANONICAL_NAMES.get(name) ?? name, value);
  }
  for (const [name, value] of overrides) {
    headers.push(CANONICAL_NAMES.get(name) ?? name, toHeaderValue(value));
  }
  pushMetadata(headers, attributes.userMetadata);
  headers.push(...versionHeaders(info), ...keptHeaders(attributes));
  if (attributes.storageClass !== "STANDARD") headers.push("x-amz-storage-class", attributes.storageClass);
  if (info.encryption !== undefined) headers.push(...encryptionHeaders(info.encryption, options.request));
  if (options.checksum) pushChecksum(headers, info.checksum, info.checksumType);
  return headers;
}

/** What no header can hold is refused today and was not always: an object that has it is shown without it. */
function pushText(headers: string[], name: string, value: string): void {
  if (isHeaderText(value)) headers.push(name, toHeaderValue(value));
}

function pushMetadata(headers: string[], metadata: ReadonlyMap<string, string>): void {
  let missing = 0;
  for (const [name, value] of metadata) {
    if (isHeaderName(name)) headers.push(USER_METADATA_PREFIX + name, metadataValue(value));
    else missing += 1;
  }
  if (missing > 0) headers.push("x-amz-missing-meta", String(missing));
}

/** The headers that say what was stored: of PutObject and the like. */
export function storedHeaders(
  result: Pick<PutObjectResult, "etag" | "checksum" | "encryption"> & {
    checksumType?: ChecksumType | undefined;
    versionId?: string | undefined;
  },
  request: RequestHeaders,
): string[] {
  const headers = ["ETag", quoted(result.etag), ...newVersionHeaders(result)];
  pushChecksum(headers, result.checksum, result.checksumType);
  if (result.encryption !== undefined) headers.push(...encryptionHeaders(result.encryption, request));
  return headers;
}

/** Of what was written: a null version is not named, also while versioning is suspended. */
export function newVersionHeaders({
  versionId,
}: {
  readonly versionId?: string | undefined;
}): readonly string[] {
  return versionHeaders({ versionId: versionId === NULL_VERSION ? undefined : versionId });
}

/** Nothing in a bucket that was never versioned. */
export function versionHeaders({
  versionId,
}: {
  readonly versionId?: string | undefined;
}): readonly string[] {
  return versionId === undefined ? NO_HEADERS : ["x-amz-version-id", versionId];
}

export function sourceVersionHeaders(result: {
  readonly sourceVersionId: string | undefined;
}): readonly string[] {
  const { sourceVersionId } = result;
  return sourceVersionId === undefined ? NO_HEADERS : ["x-amz-copy-source-version-id", sourceVersionId];
}

export function deletedHeaders(deleted: DeletedObject): readonly string[] {
  const headers = [...versionHeaders(deleted)];
  if (deleted.deleteMarker) headers.push("x-amz-delete-marker", "true");
  return headers;
}

const NO_HEADERS: readonly string[] = [];

/** Number of tags, retention, legal hold. */
function keptHeaders({ tags, retention, legalHold }: ObjectAttributes): readonly string[] {
  if (tags === undefined && retention === undefined && legalHold === undefined) return NO_HEADERS;
  const headers: string[] = [];
  if (tags !== undefined && tags.length > 0) headers.push("x-amz-tagging-count", String(tags.length));
  if (retention !== undefined) {
    headers.push("x-amz-object-lock-mode", retention.mode);
    headers.push("x-amz-object-lock-retain-until-date", isoTime(retention.untilMs));
  }
  if (legalHold !== undefined) headers.push("x-amz-object-lock-legal-hold", legalHold);
  return headers;
}

function pushChecksum(
  headers: string[],
  checksum: Checksum | undefined,
  checksumType: ChecksumType | undefined,
): void {
  if (checksum === undefined) return;
  headers.push(checksumHeaderName(checksum.algorithm), checksum.value);
  if (checksumType !== undefined) headers.push("x-amz-checksum-type", checksumType);
}

const LATIN1_END = 0x100;

/**
 * User metadata in a header: Latin-1 as HTTP has it, anything beyond as an encoded word of RFC 2047, which is what S3 does. Metadata that came
 * over another protocol may hold line breaks: these are encoded as well, or they would end the header.
 */
function metadataValue(value: string): string {
  return isHeaderText(value) && isLatin1(value)
    ? value
    : `=?UTF-8?B?${Buffer.from(value, "utf8").toString("base64")}?=`;
}

function isLatin1(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    if (value.charCodeAt(index) >= LATIN1_END) return false;
  }
  return true;
}
