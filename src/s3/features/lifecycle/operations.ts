import type { TransitionMinimumSize } from "../../../object/index.ts";
import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type PutBucketLifecycleConfiguration = BucketOperation<"PutBucketLifecycleConfiguration"> & {
  readonly transitionMinimumSize: TransitionMinimumSize;
};

export type LifecycleOperation =
  | BucketOperation<"GetBucketLifecycleConfiguration">
  | PutBucketLifecycleConfiguration
  | BucketOperation<"DeleteBucketLifecycle">;

export const LIFECYCLE_OPERATIONS: FeatureRows<LifecycleOperation> = {
  GetBucketLifecycleConfiguration: supported("bucket", "reader", "GetLifecycleConfiguration"),
  PutBucketLifecycleConfiguration: supported("bucket", "admin", "PutLifecycleConfiguration"),
  // S3 has no action of its own for taking it away.
  DeleteBucketLifecycle: supported("bucket", "admin", "PutLifecycleConfiguration"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["lifecycle"]);

export const LIFECYCLE_PARAMETERS: FeatureParameters<LifecycleOperation> = {
  GetBucketLifecycleConfiguration: SUB_RESOURCE,
  PutBucketLifecycleConfiguration: SUB_RESOURCE,
  DeleteBucketLifecycle: SUB_RESOURCE,
};
