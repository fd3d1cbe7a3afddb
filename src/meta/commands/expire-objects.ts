import { create } from "@bufbuild/protobuf";
import { assert, equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  type DeleteOutcome,
  DeleteOutcomeSchema,
  type ExpirationTarget,
  ExpirationTarget_Kind,
  type ExpireObjects,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketConfigurationKind,
  BucketConfigurationRowSchema,
  type BucketRow,
  BucketRowSchema,
  ObjectChange_Kind,
  type ObjectRow,
  type Tag,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { type Deletion, mark } from "../delete-markers.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketConfigurationKey, bucketKey } from "../keys.ts";
import { MAX_EXPIRATION_TARGETS, MAX_KEPT_VERSIONS } from "../limits.ts";
import { logObjectChange } from "../oplog.ts";
import { ReferenceChanges } from "../references.ts";
import { refusal, refused, refusedWith } from "../result.ts";
import { checkRemovable } from "../retention.ts";
import { findUpload, removeUpload } from "../uploads.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Each target for itself and in order, on the rows as they are now: a version that has moved, has lost a tag, is locked or is not due stays, and its
 * outcome says why. What is gone already is fine.
 */
export function expireObjects(state: ApplyState, command: ExpireObjects): CommandResult {
  if (command.targets.length > MAX_EXPIRATION_TARGETS)
    return refused(RefusalCode.TOO_LARGE, "too many targets");
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  if (revisionOfRules(state, bucket) !== command.rulesRevision) {
    return refused(RefusalCode.CONFIGURATION_CHANGED, "");
  }
  const counts = new BucketCounts();
  const expiration: Expiration = {
    state,
    bucket,
    counts,
    markerId: command.markerId,
    expired: true,
    abortedUploads: 0n,
  };
  const outcomes = command.targets.map((target) => expire(expiration, target));
  const uploadCount = bucket.uploadCount - expiration.abortedUploads;
  assert(uploadCount >= 0n, "a bucket with an upload counts it");
  if (!counts.isZero || expiration.abortedUploads > 0n) {
    state.write(bucketKey(bucket.name), BucketRowSchema, { ...counts.addedTo(bucket), uploadCount });
  }
  return create(CommandResultSchema, { result: { case: "objectsDeleted", value: { outcomes } } });
}

interface Expiration extends Deletion {
  abortedUploads: bigint;
}

function revisionOfRules(state: ApplyState, bucket: BucketRow): bigint {
  const key = bucketConfigurationKey(bucket.bucketId, BucketConfigurationKind.LIFECYCLE);
  return state.read(key, BucketConfigurationRowSchema)?.revision ?? 0n;
}

function expire(expiration: Expiration, target: ExpirationTarget): DeleteOutcome {
  if (target.dueAtMs > expiration.state.nowMs) return kept(RefusalCode.PRECONDITION_FAILED, "not due");
  switch (target.kind) {
    case ExpirationTarget_Kind.CURRENT:
      return expireCurrent(expiration, target);
    case ExpirationTarget_Kind.NONCURRENT:
      return expireNoncurrent(expiration, target);
    case ExpirationTarget_Kind.MARKER:
      return expireMarker(expiration, target);
    case ExpirationTarget_Kind.UPLOAD:
      return expireUpload(expiration, target);
    case ExpirationTarget_Kind.UNSPECIFIED:
      return kept(RefusalCode.INVALID, "a target has a kind");
  }
}

function versionsOf({ state, bucket, counts }: Expiration, key: string): KeyVersions {
  return new KeyVersions(state, bucket, key, counts);
}

function expireCurrent(expiration: Expiration, target: ExpirationTarget): DeleteOutcome {
  const versions = versionsOf(expiration, target.key);
  const { current } = versions;
  if (current === undefined || !equalBytes(current.versionId, target.versionId)) return gone();
  if (!hasTags(current, target.tags)) return kept(RefusalCode.PRECONDITION_FAILED, "tags");
  if (expiration.bucket.versioning !== VersioningState.UNSPECIFIED) {
    return mark(expiration, target.key, versions);
  }
  return remove(expiration, versions, current);
}

function expireNoncurrent(expiration: Expiration, target: ExpirationTarget): DeleteOutcome {
  const versions = versionsOf(expiration, target.key);
  const version = versions.byId(target.versionId);
  if (version === undefined) return gone();
  const isSame = version.newerVersionId.length > 0 && version.noncurrentSinceMs === target.noncurrentSinceMs;
  if (!isSame) return kept(RefusalCode.PRECONDITION_FAILED, "not noncurrent since then");
  if (!hasTags(version, target.tags)) return kept(RefusalCode.PRECONDITION_FAILED, "tags");
  if (!hasNewer(versions, version, target.newerNoncurrentVersions)) {
    return kept(RefusalCode.PRECONDITION_FAILED, "newer noncurrent versions");
  }
  return remove(expiration, versions, version);
}

/** Whether so many noncurrent versions are newer. Steps from one to the next, at most so many. */
function hasNewer(versions: KeyVersions, version: ObjectRow, wanted: number): boolean {
  if (wanted > MAX_KEPT_VERSIONS) return false;
  let newer = versions.byId(version.newerVersionId);
  for (let counted = 0; counted < wanted; counted++) {
    // The newest of all is not a noncurrent one.
    if (newer === undefined || newer.newerVersionId.length === 0) return false;
    newer = versions.byId(newer.newerVersionId);
  }
  return true;
}

function expireMarker(expiration: Expiration, target: ExpirationTarget): DeleteOutcome {
  const versions = versionsOf(expiration, target.key);
  const { newest } = versions;
  if (newest === undefined || !equalBytes(newest.versionId, target.versionId)) return gone();
  if (!newest.deleteMarker || newest.olderVersionId.length > 0) {
    return kept(RefusalCode.PRECONDITION_FAILED, "not the last of its key");
  }
  return remove(expiration, versions, newest);
}

function expireUpload(expiration: Expiration, target: ExpirationTarget): DeleteOutcome {
  const { state, bucket } = expiration;
  const { key, versionId: uploadId } = target;
  const upload = findUpload(state, { bucket: bucket.name, key, uploadId });
  if (isRefusal(upload)) return gone();
  const references = new ReferenceChanges(state);
  removeUpload(state, upload, references);
  references.settle();
  expiration.abortedUploads++;
  return create(DeleteOutcomeSchema, { existed: true });
}

/** For good, unless the lock of the version says otherwise: a lifecycle never bypasses a retention. */
function remove({ state, bucket }: Expiration, versions: KeyVersions, version: ObjectRow): DeleteOutcome {
  const lock = checkRemovable(version, state.nowMs, false);
  if (lock !== undefined) return outcomeWith(lock);
  versions.remove(version);
  versions.references.settle();
  const isWhole = bucket.versioning === VersioningState.UNSPECIFIED;
  const kind = isWhole ? ObjectChange_Kind.REMOVED : ObjectChange_Kind.VERSION_REMOVED;
  logObjectChange(state, kind, bucket, version, true);
  return create(DeleteOutcomeSchema, { existed: true });
}

function hasTags(version: ObjectRow, wanted: readonly Tag[]): boolean {
  const tags = version.attributes?.tags ?? [];
  return wanted.every(({ key, value }) => tags.some((tag) => tag.key === key && tag.value === value));
}

function gone(): DeleteOutcome {
  return create(DeleteOutcomeSchema, { existed: false });
}

function kept(code: RefusalCode, detail: string): DeleteOutcome {
  return outcomeWith(refusal(code, detail));
}

function outcomeWith(problem: Refusal): DeleteOutcome {
  return create(DeleteOutcomeSchema, { existed: true, refusal: problem });
}
