import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type BucketTaggingOperation =
  | BucketOperation<"GetBucketTagging">
  | BucketOperation<"PutBucketTagging">
  | BucketOperation<"DeleteBucketTagging">;

export const BUCKET_TAGGING_OPERATIONS: FeatureRows<BucketTaggingOperation> = {
  GetBucketTagging: supported("bucket", "reader", "GetBucketTagging"),
  PutBucketTagging: supported("bucket", "admin", "PutBucketTagging"),
  // S3 has no action of its own for taking them away.
  DeleteBucketTagging: supported("bucket", "admin", "PutBucketTagging"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["tagging"]);

export const BUCKET_TAGGING_PARAMETERS: FeatureParameters<BucketTaggingOperation> = {
  GetBucketTagging: SUB_RESOURCE,
  PutBucketTagging: SUB_RESOURCE,
  DeleteBucketTagging: SUB_RESOURCE,
};
