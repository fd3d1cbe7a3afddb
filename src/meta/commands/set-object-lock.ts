import {
  type CommandResult,
  type Refusal,
  RefusalCode,
  type SetObjectLock,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketChange_Kind,
  BucketRowSchema,
  RetentionMode,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { MAX_RETENTION_DAYS } from "../limits.ts";
import { logBucketChange } from "../oplog.ts";
import { done, refusal, refused, refusedWith } from "../result.ts";

/** Object lock goes on with the first of these, where versioning is enabled, and never off. */
export function setObjectLock(state: ApplyState, command: SetObjectLock): CommandResult {
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const problem = checkDefault(command);
  if (problem !== undefined) return refusedWith(problem);
  if (bucket.versioning !== VersioningState.ENABLED) {
    return refused(
      RefusalCode.BUCKET_STATE,
      "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    );
  }
  state.write(bucketKey(bucket.name), BucketRowSchema, {
    ...bucket,
    objectLock: true,
    defaultRetentionMode: command.mode,
    defaultRetentionDays: command.days,
    defaultRetentionYears: command.years,
  });
  logBucketChange(state, BucketChange_Kind.OBJECT_LOCK_CHANGED, bucket);
  return done();
}

function checkDefault({ mode, days, years }: SetObjectLock): Refusal | undefined {
  const isNone = mode === RetentionMode.UNSPECIFIED;
  const isMode = isNone || mode === RetentionMode.GOVERNANCE || mode === RetentionMode.COMPLIANCE;
  const terms = (days > 0 ? 1 : 0) + (years > 0 ? 1 : 0);
  const isLong = days > MAX_RETENTION_DAYS || years > MAX_RETENTION_DAYS / 365;
  return isMode && terms === (isNone ? 0 : 1) && !isLong
    ? undefined
    : refusal(RefusalCode.INVALID, "the default retention");
}
