import { assert } from "../../base/index.ts";
import { type CommandResult, type DeleteBucket, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketChange_Kind, BucketRowSchema, ClusterRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { kindsOf } from "../configurations.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketConfigurationKey, bucketKey, CLUSTER_KEY } from "../keys.ts";
import { logBucketChange } from "../oplog.ts";
import { done, refused, refusedWith } from "../result.ts";

/**
 * Only a bucket without objects and without uploads goes; its configurations go with it. `closes`: one with nothing but uploads is closed and answered as done. Then
 * nothing can keep it any more, so that whoever aborts its uploads does it for a bucket that goes.
 */
export function deleteBucket(state: ApplyState, command: DeleteBucket): CommandResult {
  const bucket = findBucket(state, command.name, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  if (bucket.objectCount > 0n) return refused(RefusalCode.BUCKET_NOT_EMPTY, "objects");
  if (bucket.versionCount > 0n) return refused(RefusalCode.BUCKET_NOT_EMPTY, "versions");
  if (bucket.uploadCount > 0n) {
    if (!command.closes) return refused(RefusalCode.BUCKET_NOT_EMPTY, "uploads");
    if (!bucket.closed) state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, closed: true });
    return done();
  }
  const cluster = state.cluster();
  assert(cluster !== undefined && cluster.bucketCount > 0, "a cluster with a bucket counts it");
  for (const kind of kindsOf(bucket.configuredKinds)) {
    state.delete(bucketConfigurationKey(bucket.bucketId, kind));
  }
  state.delete(bucketKey(bucket.name));
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, bucketCount: cluster.bucketCount - 1 });
  logBucketChange(state, BucketChange_Kind.REMOVED, bucket);
  return done();
}
