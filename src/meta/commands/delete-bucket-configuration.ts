import type { CommandResult, DeleteBucketConfiguration } from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketChange_Kind, BucketRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { hasKind, withoutKind } from "../configurations.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketConfigurationKey, bucketKey } from "../keys.ts";
import { logBucketChange } from "../oplog.ts";
import { done, refusedWith } from "../result.ts";

/** Takes the document of one kind away; without one nothing happens. */
export function deleteBucketConfiguration(
  state: ApplyState,
  command: DeleteBucketConfiguration,
): CommandResult {
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  if (!hasKind(bucket.configuredKinds, command.kind)) return done();
  state.delete(bucketConfigurationKey(bucket.bucketId, command.kind));
  const configuredKinds = withoutKind(bucket.configuredKinds, command.kind);
  state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, configuredKinds });
  logBucketChange(state, BucketChange_Kind.CONFIGURATION_REMOVED, bucket, command.kind);
  return done();
}
