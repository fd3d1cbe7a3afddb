import { OBJECT_OWNERSHIPS } from "../../access/index.ts";
import { isHeaderText } from "../../object/index.ts";
import { isSecretHeader, REDACTED } from "../auth/secret-values.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";
import { parseAclHeaders } from "../features/acl/headers.ts";
import { featureParsers } from "../features/parsers.ts";
import { fromHeaderValue, type RequestHead, type RequestHeaders, toHeaderValue } from "../http.ts";
import { MAX_LIST_ENTRIES, MAX_LISTED_BUCKETS, MAX_PART_NUMBER } from "../limits.ts";
import type { GetObject, HeadObject, PutObject, S3Operation } from "../operation.ts";
import {
  S3_OPERATIONS,
  type S3OperationName,
  type SupportedName,
  type UnsupportedName,
} from "../operations.ts";
import { parseAttributes, parseStorageClass, parseTagging, parseWebsiteRedirect } from "./attributes.ts";
import { checksumOfHeaders, isChecksumName, parseAlgorithm, parseChecksumType } from "./checksum.ts";
import { readContinuationToken } from "./continuation.ts";
import { parseCopySource } from "./copy-source.ts";
import { checkFeatures } from "./features.ts";
import { parsePageSize, parseWhole } from "./fields.ts";
import { onBucket, onObject, onUpload, onVersion, type ParseInput } from "./input.ts";
import { bypassesGovernance, parseObjectLock, requireBodyDigest } from "./object-lock.ts";
import { deletePreconditions, readPreconditions, writePreconditions } from "./preconditions.ts";
import { parseCopyRange, parseRange } from "./range.ts";
import { checkParameters, isHoistedHeader, routeRequest } from "./route.ts";
import { parseTarget, type RequestTarget } from "./target.ts";

export interface ParseOptions {
  /** Domains under which a bucket's name may stand in the host name, in lower case and without a leading dot. */
  readonly baseDomains: readonly string[];
}

export type ParsedRequest =
  | {
      readonly kind: "operation";
      readonly target: RequestTarget;
      /** With the x-amz-* parameters of the URL, which stand for headers. */
      readonly headers: RequestHeaders;
      readonly operation: S3Operation;
    }
  | {
      readonly kind: "refused";
      /** Undefined when not even the address could be read. */
      readonly target: RequestTarget | undefined;
      readonly operationName: S3OperationName | undefined;
      readonly refusal: S3Refusal;
    };

/**
 * Turns the head of a request into one value of the closed union of operations, or into a refusal. A pure function: no clock, no chance, no
 * I/O. Bodies (XML, bytes) are read later, by whoever handles the operation.
 */
export function parseRequest(head: RequestHead, options: ParseOptions): ParsedRequest {
  let target: RequestTarget | undefined;
  let name: S3OperationName | undefined;
  try {
    target = parseTarget(head.target, head.headers.get("host") ?? "", options.baseDomains);
    const headers = foldHoistedHeaders(head.headers, target);
    name = routeRequest(head.method, target, headers);
    const operation = parseOperation(name, target, headers);
    return { kind: "operation", target, headers, operation };
  } catch (error) {
    if (!(error instanceof S3Refusal)) throw error;
    return { kind: "refused", target, operationName: name, refusal: error };
  }
}

/**
 * Presigned URLs carry headers as parameters ("x-amz-storage-class=STANDARD_IA"). One that is sent both ways must say the same. Checksums of
 * bodies are left where they are: SDKs put that of the empty body into URLs for uploads, and S3 does not look at it there.
 */
function foldHoistedHeaders(headers: RequestHeaders, target: RequestTarget): RequestHeaders {
  let folded: Map<string, string> | undefined;
  for (const [parameter, text] of target.query) {
    if (!isHoistedHeader(parameter)) continue;
    const name = parameter.toLowerCase();
    if (name === "x-amz-sdk-checksum-algorithm" || isChecksumName(name)) continue;
    const value = toHeaderValue(text);
    const sent = (folded ?? headers).get(name);
    if (sent !== undefined && sent !== value) {
      const shown = isSecretHeader(name) ? REDACTED : value;
      throw invalidArgument("A header and a query parameter of the same name differ.", name, shown);
    }
    folded ??= new Map(headers);
    folded.set(name, value);
  }
  return folded ?? headers;
}

function parseOperation(name: S3OperationName, target: RequestTarget, headers: RequestHeaders): S3Operation {
  const { bucket, key } = target;
  if (!isSupported(name)) {
    return { name, ...(bucket !== undefined && { bucket }), ...(key !== undefined && { key }) };
  }
  checkParameters(name, target.query);
  checkFeatures(name, headers);
  return PARSERS[name]({
    target,
    headers,
    // The route has seen to it that they are there where the operation has them.
    bucket: bucket ?? "",
    key: key ?? "",
    expectedOwner: headers.get("x-amz-expected-bucket-owner"),
  });
}

/** The PutObject that a form amounts to. Refuses what a PutObject of these headers is refused for. */
export function parsePosted(target: RequestTarget, key: string, headers: RequestHeaders): PutObject {
  checkFeatures("PutObject", headers);
  const bucket = target.bucket ?? "";
  return PARSERS.PutObject({ target, headers, bucket, key, expectedOwner: undefined });
}

/** The read that a visitor of a website amounts to: of the current object, and nothing that its URL's parameters could say otherwise. */
export function parseVisit(
  name: "GetObject" | "HeadObject",
  target: RequestTarget,
  key: string,
  headers: RequestHeaders,
): GetObject | HeadObject {
  const bucket = target.bucket ?? "";
  return PARSERS[name]({ target, headers, bucket, key, expectedOwner: undefined });
}

function isSupported(name: S3OperationName): name is Exclude<S3OperationName, UnsupportedName> {
  return S3_OPERATIONS[name].supported;
}

const PARSERS: { readonly [N in SupportedName]: (input: ParseInput) => Extract<S3Operation, { name: N }> } = {
  ...featureParsers,
  ListBuckets: ({ target: { query } }) => {
    const token = query.get("continuation-token");
    const size = query.get("max-buckets");
    const maxBuckets =
      size === undefined ? undefined : parsePageSize(size, "max-buckets", MAX_LISTED_BUCKETS);
    if (maxBuckets === 0) throw invalidArgument("max-buckets must be at least 1", "max-buckets", "0");
    return {
      name: "ListBuckets",
      prefix: query.get("prefix") ?? "",
      maxBuckets,
      after: token === undefined ? "" : readContinuationToken(token),
      region: query.get("bucket-region"),
    };
  },
  CreateBucket: (input) => ({
    name: "CreateBucket",
    ...onBucket(input),
    acl: parseAclHeaders(input.headers),
    ownership: OBJECT_OWNERSHIPS.find((name) => name === input.headers.get("x-amz-object-ownership")),
    objectLock: input.headers.get("x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true",
  }),
  HeadBucket: (input) => ({ name: "HeadBucket", ...onBucket(input) }),
  DeleteBucket: (input) => ({ name: "DeleteBucket", ...onBucket(input) }),
  GetBucketLocation: (input) => ({ name: "GetBucketLocation", ...onBucket(input) }),
  ListObjects: (input) => ({
    name: "ListObjects",
    ...onListing(input),
    marker: input.target.query.get("marker") ?? "",
  }),
  ListObjectsV2: (input) => {
    const { query } = input.target;
    const continuationToken = query.get("continuation-token");
    const startAfter = query.get("start-after");
    return {
      name: "ListObjectsV2",
      ...onListing(input),
      continuationToken,
      startAfter,
      after: continuationToken === undefined ? (startAfter ?? "") : readListingToken(continuationToken),
      fetchOwner: query.get("fetch-owner")?.toLowerCase() === "true",
    };
  },
  ListObjectVersions: (input) => {
    const { query } = input.target;
    const keyMarker = query.get("key-marker") ?? "";
    const versionIdMarker = query.get("version-id-marker") || undefined;
    if (versionIdMarker !== undefined && keyMarker === "") {
      throw invalidArgument(
        "A version-id marker cannot be specified without a key marker.",
        "version-id-marker",
        versionIdMarker,
      );
    }
    return { name: "ListObjectVersions", ...onListing(input), keyMarker, versionIdMarker };
  },
  ListMultipartUploads: (input) => {
    const { query } = input.target;
    return {
      name: "ListMultipartUploads",
      ...onBucket(input),
      prefix: query.get("prefix") ?? "",
      delimiter: query.get("delimiter") ?? "",
      keyMarker: query.get("key-marker") ?? "",
      // Without a key marker S3 ignores it.
      uploadIdMarker: query.get("key-marker") ? (query.get("upload-id-marker") ?? "") : "",
      maxUploads: parsePageSize(query.get("max-uploads"), "max-uploads", MAX_LIST_ENTRIES),
      urlEncoded: parseEncodingType(input),
    };
  },
  DeleteObjects: (input) => ({
    name: "DeleteObjects",
    ...onBucket(input),
    bypassGovernance: bypassesGovernance(input.headers),
  }),
  PutObject: (input) => {
    const attributes = parseAttributes(input.headers);
    if (attributes.retention !== undefined || attributes.legalHold !== undefined) {
      requireBodyDigest(input.headers, "Put Object requests with Object Lock parameters");
    }
    return {
      name: "PutObject",
      acl: parseAclHeaders(input.headers),
      ...onObject(input),
      attributes,
      preconditions: writePreconditions(input.headers),
    };
  },
  GetObject: (input) => ({ name: "GetObject", ...readObject(input) }),
  HeadObject: (input) => ({ name: "HeadObject", ...readObject(input) }),
  DeleteObject: (input) => ({
    name: "DeleteObject",
    ...onVersion(input),
    bypassGovernance: bypassesGovernance(input.headers),
    preconditions: deletePreconditions(input.headers),
  }),
  PostObject: (input) => ({ name: "PostObject", ...onBucket(input) }),
  CopyObject: (input) => {
    const { headers } = input;
    const algorithm = headers.get("x-amz-checksum-algorithm");
    const replace =
      parseDirective(headers, "x-amz-metadata-directive", "Unknown metadata directive.") === "REPLACE";
    const replaceTags =
      parseDirective(headers, "x-amz-tagging-directive", "Unknown tagging directive.") === "REPLACE";
    const { retention, legalHold } = parseObjectLock(headers);
    return {
      name: "CopyObject",
      acl: parseAclHeaders(headers),
      ...onObject(input),
      source: parseCopySource(input.headers),
      attributes: replace ? parseAttributes(input.headers) : undefined,
      websiteRedirect: parseWebsiteRedirect(input.headers),
      checksumAlgorithm:
        algorithm === undefined ? undefined : parseAlgorithm(algorithm, "x-amz-checksum-algorithm"),
      tags: replaceTags ? (parseTagging(headers) ?? []) : undefined,
      retention,
      legalHold,
      storageClass: parseStorageClass(input.headers),
      preconditions: writePreconditions(input.headers),
    };
  },
  CreateMultipartUpload: (input) => {
    const algorithm = input.headers.get("x-amz-checksum-algorithm");
    return {
      name: "CreateMultipartUpload",
      acl: parseAclHeaders(input.headers),
      ...onObject(input),
      attributes: parseAttributes(input.headers),
      checksumAlgorithm:
        algorithm === undefined ? undefined : parseAlgorithm(algorithm, "x-amz-checksum-algorithm"),
      checksumType: parseChecksumType(input.headers),
    };
  },
  UploadPart: (input) => ({
    name: "UploadPart",
    ...onUpload(input),
    partNumber: requiredPartNumber(input.target),
  }),
  UploadPartCopy: (input) => ({
    name: "UploadPartCopy",
    ...onUpload(input),
    partNumber: requiredPartNumber(input.target),
    source: parseCopySource(input.headers),
    range: parseCopyRange(input.headers.get("x-amz-copy-source-range")),
  }),
  CompleteMultipartUpload: (input) => ({
    name: "CompleteMultipartUpload",
    ...onUpload(input),
    preconditions: writePreconditions(input.headers),
    checksum: checksumOfHeaders(input.headers, "allowed"),
    checksumType: parseChecksumType(input.headers),
    sizeBytes: parseObjectSize(input.headers.get("x-amz-mp-object-size")),
  }),
  AbortMultipartUpload: (input) => {
    if (input.headers.has("x-amz-if-match-initiated-time")) {
      throw notImplemented('The header "x-amz-if-match-initiated-time"');
    }
    return { name: "AbortMultipartUpload", ...onUpload(input) };
  },
  ListParts: (input) => ({
    name: "ListParts",
    ...onUpload(input),
    partNumberMarker: parsePageSize(
      input.target.query.get("part-number-marker") || "0",
      "part-number-marker",
      MAX_PART_NUMBER,
    ),
    maxParts: parsePageSize(input.target.query.get("max-parts"), "max-parts", MAX_LIST_ENTRIES),
  }),
};

function onListing(input: ParseInput) {
  const { query } = input.target;
  return {
    ...onBucket(input),
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    maxKeys: parsePageSize(query.get("max-keys"), "max-keys", MAX_LIST_ENTRIES),
    urlEncoded: parseEncodingType(input),
  };
}

function parseEncodingType({ target }: ParseInput): boolean {
  const type = target.query.get("encoding-type");
  if (type === undefined || type === "") return false;
  if (type === "url") return true;
  throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", type);
}

/** An empty token is the beginning, as a client has it that sends the parameter always. */
function readListingToken(token: string): string {
  return token === "" ? "" : readContinuationToken(token);
}

function readObject(input: ParseInput) {
  const { headers, target } = input;
  const range = parseRange(headers.get("range"));
  const partNumber = target.query.get("partNumber");
  if (partNumber !== undefined && headers.has("range")) {
    throw new S3Refusal("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
  }
  return {
    ...onVersion(input),
    preconditions: readPreconditions(headers),
    range:
      partNumber === undefined ? range : ({ kind: "part", partNumber: parsePartNumber(partNumber) } as const),
    ifRange: range === undefined ? undefined : headers.get("if-range"),
    checksumMode: headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED",
    overrides: responseOverrides(target),
  };
}

const OVERRIDE_PREFIX = "response-";
const NO_OVERRIDES: ReadonlyMap<string, string> = new Map();

function responseOverrides(target: RequestTarget): ReadonlyMap<string, string> {
  if (target.query.size === 0) return NO_OVERRIDES;
  let overrides: Map<string, string> | undefined;
  for (const [parameter, value] of target.query) {
    if (!parameter.startsWith(OVERRIDE_PREFIX)) continue;
    // A line break here would write headers of its own into the answer.
    if (!isHeaderText(value)) {
      throw invalidArgument("Header value cannot be represented using ISO-8859-1.", parameter, value);
    }
    overrides ??= new Map();
    overrides.set(parameter.slice(OVERRIDE_PREFIX.length), value);
  }
  return overrides ?? NO_OVERRIDES;
}

function requiredPartNumber(target: RequestTarget): number {
  const value = target.query.get("partNumber");
  if (value === undefined) {
    throw new S3Refusal("InvalidRequest", "Missing required query parameter for this request: 'partNumber'");
  }
  return parsePartNumber(value);
}

function parsePartNumber(text: string): number {
  const number = parseWhole(text);
  if (number === undefined || number < 1 || number > MAX_PART_NUMBER) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
      "partNumber",
      text,
    );
  }
  return number;
}

function parseDirective(headers: RequestHeaders, name: string, refusal: string): "COPY" | "REPLACE" {
  const directive = headers.get(name);
  if (directive === undefined || directive === "COPY" || directive === "REPLACE") return directive ?? "COPY";
  throw invalidArgument(refusal, name, fromHeaderValue(directive));
}

function parseObjectSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = parseWhole(text);
  if (size === undefined) throw invalidArgument("Invalid object size", "x-amz-mp-object-size", text);
  return size;
}
