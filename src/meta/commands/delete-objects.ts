import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type DeleteObjects,
  type DeleteOutcome,
  DeleteOutcomeSchema,
  type DeleteTarget,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  BucketRowSchema,
  ObjectChange_Kind,
  type ObjectRow,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { BLANK_OBJECT, checkObjectKey, findBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { MAX_DELETE_TARGETS, META_ID_BYTES } from "../limits.ts";
import { logObjectChange } from "../oplog.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refusal, refused, refusedWith } from "../result.ts";
import { checkRemovable } from "../retention.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Each target for itself and in order. A target with a version removes that very version; one without makes a delete marker the newest version
 * where the bucket is versioned, and removes the only version where it never was. What does not exist is fine, whatever its preconditions; a delete
 * marker is something that exists, and has no ETag.
 */
export function deleteObjects(state: ApplyState, command: DeleteObjects): CommandResult {
  if (command.targets.length > MAX_DELETE_TARGETS) return refused(RefusalCode.TOO_LARGE, "too many targets");
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const counts = new BucketCounts();
  const deletion: Deletion = { state, bucket, counts, markerId: command.markerId };
  const outcomes = command.targets.map((target) => remove(deletion, target));
  const counted = counts.addedTo(bucket);
  if (!counts.isZero) state.write(bucketKey(bucket.name), BucketRowSchema, counted);
  return create(CommandResultSchema, { result: { case: "objectsDeleted", value: { outcomes } } });
}

interface Deletion {
  readonly state: ApplyState;
  readonly bucket: BucketRow;
  readonly counts: BucketCounts;
  /** What is proposed as the id of delete markers. */
  readonly markerId: Uint8Array;
}

function remove(deletion: Deletion, target: DeleteTarget): DeleteOutcome {
  const { state, bucket, counts } = deletion;
  const versions = new KeyVersions(state, bucket, target.key, counts);
  const isWhole = target.version?.version.case === undefined;
  const version = isWhole ? versions.newest : versions.find(target.version);
  if (target.preconditions !== undefined) {
    if (version === undefined) return create(DeleteOutcomeSchema, { existed: false });
    const problem = checkPreconditions(target.preconditions, version);
    if (problem !== undefined) return refusedOutcome(version, problem);
  }
  if (isWhole && bucket.versioning !== VersioningState.UNSPECIFIED) return mark(deletion, target, versions);
  if (version === undefined) return create(DeleteOutcomeSchema, { existed: false });
  const lock = checkRemovable(version, state.nowMs, target.bypassGovernance);
  if (lock !== undefined) return refusedOutcome(version, lock);
  versions.remove(version);
  versions.references.settle();
  const kind = isWhole ? ObjectChange_Kind.REMOVED : ObjectChange_Kind.VERSION_REMOVED;
  logObjectChange(state, kind, bucket, version);
  return outcomeOf(version, isWhole);
}

function mark(deletion: Deletion, target: DeleteTarget, versions: KeyVersions): DeleteOutcome {
  const { state, bucket, markerId } = deletion;
  const existed = versions.current !== undefined;
  const problem = checkObjectKey(target.key) ?? checkMarkerId(markerId);
  if (problem !== undefined) return create(DeleteOutcomeSchema, { existed, refusal: problem });
  const marker: ObjectRow = {
    ...BLANK_OBJECT,
    key: target.key,
    versionId: versions.newId(markerId),
    modifiedAtMs: state.nowMs,
    ownerId: bucket.ownerId,
    ownerDisplayName: bucket.ownerDisplayName,
    versioned: bucket.versioning === VersioningState.ENABLED,
    deleteMarker: true,
  };
  versions.add(marker);
  versions.references.settle();
  logObjectChange(state, ObjectChange_Kind.MARKER_CREATED, bucket, marker);
  const { versionId, versioned } = marker;
  return create(DeleteOutcomeSchema, { existed, versionId, versioned, deleteMarker: true });
}

function checkMarkerId(markerId: Uint8Array): Refusal | undefined {
  return markerId.length === META_ID_BYTES && markerId[0] !== 0xff
    ? undefined
    : refusal(RefusalCode.INVALID, "the id of a delete marker");
}

function refusedOutcome(version: ObjectRow | undefined, problem: Refusal): DeleteOutcome {
  return create(DeleteOutcomeSchema, { existed: version !== undefined, refusal: problem });
}

function outcomeOf({ versionId, versioned, deleteMarker }: ObjectRow, isWhole: boolean): DeleteOutcome {
  if (isWhole) return create(DeleteOutcomeSchema, { existed: true });
  return create(DeleteOutcomeSchema, { existed: true, versionId, versioned, deleteMarker });
}
