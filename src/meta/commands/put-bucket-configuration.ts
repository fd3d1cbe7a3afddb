import {
  type CommandResult,
  type PutBucketConfiguration,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketChange_Kind, BucketRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkConfiguration, withKind, writeConfiguration } from "../configurations.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { logBucketChange } from "../oplog.ts";
import { done, refused, refusedWith } from "../result.ts";

/** Writes the document of one kind, over the one that is there. */
export function putBucketConfiguration(state: ApplyState, command: PutBucketConfiguration): CommandResult {
  const { configuration } = command;
  if (configuration === undefined) return refused(RefusalCode.INVALID, "no configuration");
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const problem = checkConfiguration(configuration);
  if (problem !== undefined) return refusedWith(problem);
  writeConfiguration(state, bucket.bucketId, configuration);
  const configuredKinds = withKind(bucket.configuredKinds, configuration.kind);
  // Always: whoever keeps what it made of the bucket's rows learns from this one that there is something new.
  state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, configuredKinds });
  logBucketChange(state, BucketChange_Kind.CONFIGURATION_PUT, bucket, configuration.kind);
  return done();
}
