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
  BucketRowSchema,
  ObjectChange_Kind,
  type ObjectRow,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { type Deletion, mark } from "../delete-markers.ts";
import { findOpenBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { MAX_DELETE_TARGETS } from "../limits.ts";
import { logObjectChange } from "../oplog.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refused, refusedWith } from "../result.ts";
import { checkRemovable } from "../retention.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Each target for itself and in order. A target with a version removes that very version; one without makes a delete marker the newest version
 * where the bucket is versioned, and removes the only version where it never was. What does not exist is fine, whatever its preconditions; a delete
 * marker is something that exists, and has no ETag.
 */
export function deleteObjects(state: ApplyState, command: DeleteObjects): CommandResult {
  if (command.targets.length > MAX_DELETE_TARGETS) return refused(RefusalCode.TOO_LARGE, "too many targets");
  const bucket = findOpenBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const counts = new BucketCounts();
  const deletion: Deletion = { state, bucket, counts, markerId: command.markerId, expired: false };
  const outcomes = command.targets.map((target) => remove(deletion, target));
  const counted = counts.addedTo(bucket);
  if (!counts.isZero) state.write(bucketKey(bucket.name), BucketRowSchema, counted);
  return create(CommandResultSchema, { result: { case: "objectsDeleted", value: { outcomes } } });
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
  if (isWhole && bucket.versioning !== VersioningState.UNSPECIFIED)
    return mark(deletion, target.key, versions);
  if (version === undefined) return create(DeleteOutcomeSchema, { existed: false });
  const lock = checkRemovable(version, state.nowMs, target.bypassGovernance);
  if (lock !== undefined) return refusedOutcome(version, lock);
  versions.remove(version);
  versions.references.settle();
  const kind = isWhole ? ObjectChange_Kind.REMOVED : ObjectChange_Kind.VERSION_REMOVED;
  logObjectChange(state, kind, bucket, version);
  return outcomeOf(version, isWhole);
}

function refusedOutcome(version: ObjectRow | undefined, problem: Refusal): DeleteOutcome {
  return create(DeleteOutcomeSchema, { existed: version !== undefined, refusal: problem });
}

function outcomeOf({ versionId, versioned, deleteMarker }: ObjectRow, isWhole: boolean): DeleteOutcome {
  if (isWhole) return create(DeleteOutcomeSchema, { existed: true });
  return create(DeleteOutcomeSchema, { existed: true, versionId, versioned, deleteMarker });
}
