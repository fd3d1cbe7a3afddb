import { equalBytes } from "../../base/index.ts";
import { type CommandResult, type CopyObject, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ObjectChange_Kind, type ObjectRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkCopiedEncryption } from "../encryption.ts";
import {
  BLANK_OBJECT,
  checkNewVersion,
  dropHeadReferences,
  findBucket,
  findHead,
  isRefusal,
  replaceHead,
} from "../heads.ts";
import { objectReferrer } from "../keys.ts";
import { checkPreconditions } from "../preconditions.ts";
import { ReferenceChanges } from "../references.ts";
import { refused, refusedWith } from "../result.ts";

/** A new version that refers to the source's blobs; also of the source itself, with other attributes. */
export function copyObject(state: ApplyState, command: CopyObject): CommandResult {
  const source = findSource(state, {
    bucket: command.sourceBucket,
    key: command.sourceKey,
    versionId: command.sourceVersionId,
  });
  if (source === undefined) return refused(RefusalCode.SOURCE_CHANGED, "");
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const previous = findHead(state, bucket, command.key);
  const references = new ReferenceChanges(state);
  references.add(source.slices, objectReferrer(bucket.bucketId, command.key, command.versionId));
  dropHeadReferences(references, bucket, previous);
  const problem =
    checkNewVersion(command.key, command.versionId, previous) ??
    checkPreconditions(command.preconditions, previous) ??
    checkCopiedEncryption(source.attributes?.encryption, command.attributes?.encryption) ??
    references.check();
  if (problem !== undefined) return refusedWith(problem);
  const next = copyOf(state, source, command);
  return replaceHead(state, { kind: ObjectChange_Kind.COPIED, bucket, previous, next, references });
}

/** The version that the proposer read, when it is still the current one. */
export function findSource(
  state: ApplyState,
  source: { readonly bucket: string; readonly key: string; readonly versionId: Uint8Array },
): ObjectRow | undefined {
  const bucket = findBucket(state, source.bucket, 0n);
  if (isRefusal(bucket)) return undefined;
  const head = findHead(state, bucket, source.key);
  return head !== undefined && equalBytes(head.versionId, source.versionId) ? head : undefined;
}

/** Part boundaries stay: they belong to the bytes and to their ETag ("...-3"). */
function copyOf(state: ApplyState, source: ObjectRow, command: CopyObject): ObjectRow {
  return {
    ...BLANK_OBJECT,
    key: command.key,
    versionId: command.versionId,
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
