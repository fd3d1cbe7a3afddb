import { create } from "@bufbuild/protobuf";
import {
  type BucketConfiguration,
  type CommandResult,
  CommandResultSchema,
  type CreateBucket,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketChange_Kind,
  BucketRowSchema,
  ClusterRowSchema,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkConfiguration, hasKind, withKind, writeConfiguration } from "../configurations.ts";
import { isName } from "../heads.ts";
import { bucketKey, CLUSTER_KEY } from "../keys.ts";
import { MAX_BUCKETS } from "../limits.ts";
import { logBucketChange } from "../oplog.ts";
import { refusal, refused, refusedWith } from "../result.ts";

export function createBucket(state: ApplyState, command: CreateBucket): CommandResult {
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (!isName(command.name)) return refused(RefusalCode.INVALID, "the bucket's name");
  if (state.has(bucketKey(command.name))) return refused(RefusalCode.BUCKET_EXISTS, "");
  if (cluster.bucketCount >= MAX_BUCKETS) return refused(RefusalCode.TOO_LARGE, "too many buckets");
  const problem = checkConfigurations(command.configurations);
  if (problem !== undefined) return refusedWith(problem);
  const bucket = create(BucketRowSchema, {
    name: command.name,
    bucketId: state.takeBucketId(),
    region: command.region,
    ownerId: command.ownerId,
    ownerDisplayName: command.ownerDisplayName,
    createdAtMs: state.nowMs,
    objectLock: command.objectLock,
    versioning: command.objectLock ? VersioningState.ENABLED : VersioningState.UNSPECIFIED,
    configuredKinds: command.configurations.reduce((kinds, { kind }) => withKind(kinds, kind), 0n),
  });
  for (const configuration of command.configurations) {
    writeConfiguration(state, bucket.bucketId, configuration);
  }
  state.write(bucketKey(bucket.name), BucketRowSchema, bucket);
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, bucketCount: cluster.bucketCount + 1 });
  logBucketChange(state, BucketChange_Kind.CREATED, bucket);
  return create(CommandResultSchema, {
    result: { case: "bucketCreated", value: { bucketId: bucket.bucketId } },
  });
}

function checkConfigurations(configurations: readonly BucketConfiguration[]): Refusal | undefined {
  let kinds = 0n;
  for (const configuration of configurations) {
    if (hasKind(kinds, configuration.kind)) return refusal(RefusalCode.INVALID, "one document of a kind");
    const problem = checkConfiguration(configuration);
    if (problem !== undefined) return problem;
    kinds = withKind(kinds, configuration.kind);
  }
  return undefined;
}
