import { create } from "@bufbuild/protobuf";
import { assert, concatBytes, fromHex, toHex } from "../../base/index.ts";
import {
  type CommandResult,
  type CompleteUpload,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  CompletedUploadRowSchema,
  ObjectAttributesSchema,
  ObjectChange_Kind,
  type ObjectRow,
  type PartRow,
  type UploadRow,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import {
  BLANK_OBJECT,
  checkNewVersion,
  committed,
  commitVersion,
  findOpenBucket,
  isRefusal,
} from "../heads.ts";
import { completedUploadKey, objectReferrer } from "../keys.ts";
import { MAX_OBJECT_BYTES, MAX_SLICES, META_ID_BYTES } from "../limits.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refusal, refusedWith } from "../result.ts";
import { findUpload, readPart, removeUpload } from "../uploads.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/** Makes an object of an upload's parts: references move, no bytes. Parts that are not named are dropped. */
export function completeUpload(state: ApplyState, command: CompleteUpload): CommandResult {
  const upload = findUpload(state, command);
  if (isRefusal(upload)) return repeatedCompletion(state, command) ?? refusedWith(upload);
  const bucket = findOpenBucket(state, upload.bucket, upload.bucketId);
  // A bucket with an upload exists, but may be closed.
  if (isRefusal(bucket)) return refusedWith(bucket);
  const parts = collectParts(state, command);
  if ("code" in parts) return refusedWith(parts);
  const counts = new BucketCounts();
  const versions = new KeyVersions(state, bucket, command.key, counts);
  const problem =
    checkWhole(state, command, parts) ??
    checkNewVersion(command.key, command.versionId) ??
    checkPreconditions(command.preconditions, versions.current);
  if (problem !== undefined) return refusedWith(problem);

  const versionId = versions.newId(command.versionId);
  const next = { ...objectOf(state, command, upload, parts), versionId };
  versions.references.add(next.slices, objectReferrer(bucket.bucketId, next.key, versionId));
  removeUpload(state, upload, versions.references);
  assert(versions.references.check() === undefined, "the blobs of a part are alive");
  rememberCompletion(state, command, { ...next, versioned: bucket.versioning === VersioningState.ENABLED });
  const kind = ObjectChange_Kind.MULTIPART_COMPLETED;
  return commitVersion(state, { kind, bucket, versions, counts, next, uploads: -1n });
}

/** The same answer again, for a client that did not get the first one. */
function repeatedCompletion(state: ApplyState, command: CompleteUpload): CommandResult | undefined {
  if (command.uploadId.length !== META_ID_BYTES) return undefined;
  const row = state.read(completedUploadKey(command.uploadId), CompletedUploadRowSchema);
  if (row === undefined || row.bucket !== command.bucket || row.key !== command.key) return undefined;
  if (row.etag !== command.etag) return undefined;
  return committed({
    versionId: row.versionId,
    modifiedAtMs: row.completedAtMs,
    etag: row.etag,
    size: row.size,
    versioned: row.versioned,
  });
}

/** The parts that the command names, each present, in ascending order and large enough. */
function collectParts(state: ApplyState, command: CompleteUpload): readonly PartRow[] | Refusal {
  if (command.parts.length === 0) return refusal(RefusalCode.PART_INVALID, "no parts");
  const parts: PartRow[] = [];
  let before = 0;
  for (const [index, wanted] of command.parts.entries()) {
    const detail = `part ${wanted.partNumber}`;
    if (wanted.partNumber <= before) return refusal(RefusalCode.PART_ORDER, detail);
    before = wanted.partNumber;
    const part = readPart(state, command.uploadId, wanted.partNumber);
    if (part === undefined || part.etag !== wanted.etag) return refusal(RefusalCode.PART_INVALID, detail);
    const isLast = index === command.parts.length - 1;
    if (!isLast && part.size < command.minimumPartSize) return refusal(RefusalCode.PART_TOO_SMALL, detail);
    parts.push(part);
  }
  return parts;
}

function checkWhole(
  state: ApplyState,
  command: CompleteUpload,
  parts: readonly PartRow[],
): Refusal | undefined {
  const size = parts.reduce((sum, part) => sum + part.size, 0n);
  if (size > BigInt(MAX_OBJECT_BYTES)) return refusal(RefusalCode.TOO_LARGE, "the object");
  const slices = parts.reduce((sum, part) => sum + part.slices.length, 0);
  if (slices > MAX_SLICES) return refusal(RefusalCode.TOO_LARGE, "too many slices");
  if (multipartEtag(state, parts) !== command.etag)
    return refusal(RefusalCode.INVALID, "the ETag of the whole");
  return undefined;
}

/** MD5 of the parts' MD5s, with their number, as S3 does. */
function multipartEtag(state: ApplyState, parts: readonly PartRow[]): string {
  const digests = parts.map((part) => {
    const digest = fromHex(part.etag);
    assert(digest !== undefined, "the ETag of a part is hexadecimal");
    return digest;
  });
  return `${toHex(state.md5(concatBytes(digests)))}-${parts.length}`;
}

function objectOf(
  state: ApplyState,
  command: CompleteUpload,
  upload: UploadRow,
  parts: readonly PartRow[],
): ObjectRow {
  return {
    ...BLANK_OBJECT,
    key: command.key,
    size: parts.reduce((sum, part) => sum + part.size, 0n),
    etag: command.etag,
    modifiedAtMs: state.nowMs,
    attributes: {
      ...(upload.attributes ?? create(ObjectAttributesSchema)),
      checksums: command.checksums,
      checksumType: command.checksumType,
    },
    slices: parts.flatMap((part) => part.slices),
    ownerId: upload.ownerId,
    ownerDisplayName: upload.ownerDisplayName,
    parts: parts.map((part) => ({
      $typeName: "skerry.meta.v1.PartBoundary",
      partNumber: part.partNumber,
      size: part.size,
      checksums: part.checksums,
      salt: part.salt,
    })),
  };
}

function rememberCompletion(state: ApplyState, command: CompleteUpload, object: ObjectRow): void {
  const row = create(CompletedUploadRowSchema, {
    uploadId: command.uploadId,
    bucket: command.bucket,
    key: command.key,
    versionId: object.versionId,
    etag: object.etag,
    completedAtMs: state.nowMs,
    size: object.size,
    versioned: object.versioned,
  });
  state.write(completedUploadKey(command.uploadId), CompletedUploadRowSchema, row);
}
