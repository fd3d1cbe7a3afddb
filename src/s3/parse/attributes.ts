import { type ObjectAttributes, type Tag, WEBSITE_REDIRECT_HEADER } from "../../object/index.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import { fromHeaderValue, type RequestHeaders, trimBlanks } from "../http.ts";
import { MAX_USER_METADATA_BYTES, MAX_WEBSITE_REDIRECT_BYTES } from "../limits.ts";
import { parseObjectLock } from "./object-lock.ts";

/** What S3 calls an object whose type nobody said. */
const DEFAULT_CONTENT_TYPE = "binary/octet-stream";

export const USER_METADATA_PREFIX = "x-amz-meta-";

/** Standard headers that are kept and given back, beside Content-Type. */
export const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
] as const;

/**
 * Classes are names here: every object is stored alike and can be read at once, whatever it is called. Those that S3 gives to other kinds of
 * buckets only are refused as S3 does.
 */
const STORAGE_CLASSES: ReadonlySet<string> = new Set([
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER",
  "GLACIER_IR",
  "DEEP_ARCHIVE",
]);

const NO_ENTRIES: ReadonlyMap<string, string> = new Map();

/** What the headers say about an object beside its bytes. Refuses "InvalidStorageClass" and "MetadataTooLarge". */
export function parseAttributes(headers: RequestHeaders): ObjectAttributes {
  const tags = parseTagging(headers);
  return {
    contentType: fromHeaderValue(headers.get("content-type") || DEFAULT_CONTENT_TYPE),
    headers: keptHeaders(headers),
    userMetadata: userMetadata(headers),
    storageClass: parseStorageClass(headers) ?? "STANDARD",
    ...(tags && { tags }),
    ...parseObjectLock(headers),
  };
}

/** x-amz-website-redirect-location. Refuses "InvalidRedirectLocation". */
export function parseWebsiteRedirect(headers: RequestHeaders): string | undefined {
  const text = headers.get(WEBSITE_REDIRECT_HEADER);
  if (text === undefined || text === "") return undefined;
  const location = fromHeaderValue(text);
  // A form's field may hold what no header can.
  const isLocation = /^(?:\/|https?:\/\/)[^\p{Cc}]*$/u.test(location);
  if (!isLocation || Buffer.byteLength(location, "utf8") > MAX_WEBSITE_REDIRECT_BYTES) {
    throw new S3Refusal("InvalidRedirectLocation");
  }
  return location;
}

/** x-amz-tagging: pairs as in a query string. */
export function parseTagging(headers: RequestHeaders): readonly Tag[] | undefined {
  const sent = headers.get("x-amz-tagging");
  if (sent === undefined) return undefined;
  if (sent === "") return [];
  const text = fromHeaderValue(sent);
  return text.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    const [key, value] = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return { key: tagText(key), value: tagText(value) };
  });
}

function tagText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      "x-amz-tagging",
      text,
    );
  }
}

export function parseStorageClass(headers: RequestHeaders): string | undefined {
  const name = headers.get("x-amz-storage-class");
  if (name === undefined || name === "") return undefined;
  if (!STORAGE_CLASSES.has(name)) {
    throw new S3Refusal("InvalidStorageClass", undefined, { StorageClassRequested: name });
  }
  return name;
}

function keptHeaders(headers: RequestHeaders): ReadonlyMap<string, string> {
  let kept: Map<string, string> | undefined;
  for (const name of KEPT_HEADERS) {
    let value = headers.get(name);
    if (value !== undefined && name === "content-encoding") value = withoutAwsChunked(value);
    if (value === undefined || value === "") continue;
    kept ??= new Map();
    kept.set(name, fromHeaderValue(value));
  }
  const redirect = parseWebsiteRedirect(headers);
  if (redirect !== undefined) {
    kept ??= new Map();
    kept.set(WEBSITE_REDIRECT_HEADER, redirect);
  }
  return kept ?? NO_ENTRIES;
}

/** "aws-chunked" is how the request is sent, not what the object is. */
function withoutAwsChunked(value: string): string {
  if (!value.includes("aws-chunked")) return value;
  return value
    .split(",")
    .map(trimBlanks)
    .filter((coding) => coding !== "aws-chunked" && coding !== "")
    .join(", ");
}

function userMetadata(headers: RequestHeaders): ReadonlyMap<string, string> {
  let metadata: Map<string, string> | undefined;
  let sizeBytes = 0;
  for (const [name, value] of headers) {
    if (!name.startsWith(USER_METADATA_PREFIX)) continue;
    const shortName = name.slice(USER_METADATA_PREFIX.length);
    sizeBytes += shortName.length + value.length;
    metadata ??= new Map();
    metadata.set(shortName, fromHeaderValue(value));
  }
  if (sizeBytes > MAX_USER_METADATA_BYTES) {
    throw new S3Refusal("MetadataTooLarge", undefined, {
      Size: String(sizeBytes),
      MaxSizeAllowed: String(MAX_USER_METADATA_BYTES),
    });
  }
  return metadata ?? NO_ENTRIES;
}
