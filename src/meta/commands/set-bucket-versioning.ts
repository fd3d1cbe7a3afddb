import {
  type CommandResult,
  RefusalCode,
  type SetBucketVersioning,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketChange_Kind, BucketRowSchema, VersioningState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { logBucketChange } from "../oplog.ts";
import { done, refused, refusedWith } from "../result.ts";

/** From never to enabled or suspended, and between these two. With object lock it stays enabled. */
export function setBucketVersioning(state: ApplyState, command: SetBucketVersioning): CommandResult {
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const { versioning } = command;
  if (versioning !== VersioningState.ENABLED && versioning !== VersioningState.SUSPENDED) {
    return refused(RefusalCode.INVALID, "versioning is enabled or suspended");
  }
  if (bucket.objectLock && versioning !== VersioningState.ENABLED) {
    return refused(
      RefusalCode.BUCKET_STATE,
      "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
    );
  }
  if (bucket.versioning === versioning) return done();
  state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, versioning });
  logBucketChange(state, BucketChange_Kind.VERSIONING_CHANGED, bucket);
  return done();
}
