import { type CommandResult, type CopyObject, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ObjectChange_Kind, type ObjectRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkAttributes } from "../attributes.ts";
import { checkCopiedEncryption } from "../encryption.ts";
import { checkWrapping } from "../encryption-uses.ts";
import {
  BLANK_OBJECT,
  checkNewVersion,
  commitVersion,
  findBucket,
  findOpenBucket,
  isRefusal,
} from "../heads.ts";
import { objectReferrer } from "../keys.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refused, refusedWith } from "../result.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/** A new version that refers to the source's blobs; also of the source itself, with other attributes. */
export function copyObject(state: ApplyState, command: CopyObject): CommandResult {
  const source = findSource(state, {
    bucket: command.sourceBucket,
    key: command.sourceKey,
    versionId: command.sourceVersionId,
  });
  if (source === undefined) return refused(RefusalCode.SOURCE_CHANGED, "");
  const bucket = findOpenBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const counts = new BucketCounts();
  const versions = new KeyVersions(state, bucket, command.key, counts);
  const versionId = versions.newId(command.versionId);
  versions.references.add(source.slices, objectReferrer(bucket.bucketId, command.key, versionId));
  const problem =
    checkNewVersion(command.key, command.versionId) ??
    checkPreconditions(command.preconditions, versions.current) ??
    checkCopiedEncryption(source.attributes?.encryption, command.attributes?.encryption) ??
    checkAttributes(bucket, command.attributes) ??
    checkWrapping(state, command.attributes?.encryption) ??
    versions.references.check();
  if (problem !== undefined) return refusedWith(problem);
  const next = { ...copyOf(state, source, command), versionId };
  return commitVersion(state, { kind: ObjectChange_Kind.COPIED, bucket, versions, counts, next });
}

/** The version that the proposer read, current or not, when it still is there. */
export function findSource(
  state: ApplyState,
  source: { readonly bucket: string; readonly key: string; readonly versionId: Uint8Array },
): ObjectRow | undefined {
  const bucket = findBucket(state, source.bucket, 0n);
  if (isRefusal(bucket)) return undefined;
  const version = new KeyVersions(state, bucket, source.key, new BucketCounts()).byId(source.versionId);
  return version?.deleteMarker === true ? undefined : version;
}

/** Part boundaries stay: they belong to the bytes and to their ETag ("...-3"). */
function copyOf(state: ApplyState, source: ObjectRow, command: CopyObject): ObjectRow {
  return {
    ...BLANK_OBJECT,
    key: command.key,
    size: source.size,
    etag: source.etag,
    modifiedAtMs: state.nowMs,
    ...(command.attributes !== undefined && { attributes: command.attributes }),
    slices: source.slices,
    ownerId: command.ownerId,
    ownerDisplayName: command.ownerDisplayName,
    parts: source.parts,
  };
}
