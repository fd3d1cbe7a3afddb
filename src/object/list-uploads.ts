import { compareKeys, successorOfPrefix } from "../base/index.ts";
import type { UploadRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { checksumTypeFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { commonPrefixOf } from "./list.ts";
import type {
  ListedUpload,
  ListPartsResult,
  ListUploadsRequest,
  ListUploadsResult,
  UploadAddress,
} from "./ports.ts";
import { algorithmOf, knownUpload } from "./upload.ts";
import { formatUploadId, parseUploadMarker } from "./upload-id.ts";

const PAGE_ROWS = 256;

export async function listParts(
  context: ObjectContext,
  request: UploadAddress & { readonly after: number; readonly limit: number },
): Promise<ListPartsResult> {
  await context.freshBucket(request.bucket);
  const upload = await knownUpload(context, request);
  const rows = await context.view.parts(upload.uploadId, { after: request.after, limit: request.limit + 1 });
  // It may have been completed in between, its parts gone with it.
  await knownUpload(context, request);
  const shown = rows.slice(0, request.limit);
  return {
    parts: shown.map((row) => ({
      partNumber: row.partNumber,
      size: Number(row.size),
      etag: row.etag,
      modifiedAtMs: Number(row.modifiedAtMs),
      checksum: checksumFromRows(row.checksums),
    })),
    next: rows.length > request.limit ? (shown.at(-1)?.partNumber ?? request.after) : undefined,
    owner: { id: upload.ownerId, displayName: upload.ownerDisplayName },
    storageClass: upload.attributes?.storageClass || "STANDARD",
    checksumAlgorithm: algorithmOf(upload),
    checksumType: checksumTypeFromRow(upload.attributes),
  };
}

/** One page in order of key, then of upload id; uploads under a common prefix are jumped over. */
export async function listUploads(
  context: ObjectContext,
  request: ListUploadsRequest,
): Promise<ListUploadsResult> {
  const bucket = await context.freshBucket(request.bucket);
  const uploads: ListedUpload[] = [];
  const commonPrefixes: string[] = [];
  let last: { key: string; uploadId: string } | undefined;
  let position = begin(request);
  while (position !== undefined && request.limit > 0) {
    const rows = await context.view.uploads(bucket.bucketId, {
      prefix: request.prefix,
      ...position,
      limit: PAGE_ROWS,
    });
    let jump: string | undefined;
    for (const row of rows) {
      if (jump !== undefined && compareKeys(row.key, jump) < 0) continue;
      jump = undefined;
      if (uploads.length + commonPrefixes.length === request.limit)
        return { uploads, commonPrefixes, next: last };
      const commonPrefix = commonPrefixOf(row.key, request);
      if (commonPrefix === undefined) {
        uploads.push(listedUpload(row));
        last = { key: row.key, uploadId: formatUploadId(row.uploadId) };
      } else {
        commonPrefixes.push(commonPrefix);
        last = { key: commonPrefix, uploadId: "" };
        jump = successorOfPrefix(commonPrefix);
        if (jump === undefined) return { uploads, commonPrefixes, next: undefined };
      }
    }
    const final = rows.at(-1);
    if (final === undefined || rows.length < PAGE_ROWS) position = undefined;
    else if (jump !== undefined) position = { afterKey: "", afterUploadId: undefined, fromKey: jump };
    else position = { afterKey: final.key, afterUploadId: final.uploadId };
  }
  return { uploads, commonPrefixes, next: undefined };
}

interface Position {
  readonly afterKey: string;
  /** Undefined: all uploads of `afterKey` lie before the page. */
  readonly afterUploadId: Uint8Array | undefined;
  readonly fromKey?: string;
}

function begin(request: ListUploadsRequest): Position | undefined {
  const { afterKey, afterUploadId, prefix } = request;
  const group = afterKey.startsWith(prefix) ? commonPrefixOf(afterKey, request) : undefined;
  if (group !== undefined) {
    const fromKey = successorOfPrefix(group);
    return fromKey === undefined ? undefined : { afterKey: "", afterUploadId: undefined, fromKey };
  }
  return { afterKey, afterUploadId: afterUploadId === "" ? undefined : parseUploadMarker(afterUploadId) };
}

function listedUpload(row: UploadRow): ListedUpload {
  return {
    key: row.key,
    uploadId: formatUploadId(row.uploadId),
    initiatedAtMs: Number(row.initiatedAtMs),
    owner: { id: row.ownerId, displayName: row.ownerDisplayName },
    storageClass: row.attributes?.storageClass || "STANDARD",
    checksumAlgorithm: algorithmOf(row),
    checksumType: checksumTypeFromRow(row.attributes),
  };
}
