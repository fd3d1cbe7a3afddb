import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type BucketPolicyOperation =
  | BucketOperation<"GetBucketPolicy">
  | BucketOperation<"PutBucketPolicy">
  | BucketOperation<"DeleteBucketPolicy">
  | BucketOperation<"GetBucketPolicyStatus">;

export const BUCKET_POLICY_OPERATIONS: FeatureRows<BucketPolicyOperation> = {
  GetBucketPolicy: supported("bucket", "admin", "GetBucketPolicy"),
  PutBucketPolicy: supported("bucket", "admin", "PutBucketPolicy"),
  DeleteBucketPolicy: supported("bucket", "admin", "DeleteBucketPolicy"),
  GetBucketPolicyStatus: supported("bucket", "reader", "GetBucketPolicyStatus"),
};

const POLICY: ReadonlySet<string> = new Set(["policy"]);

export const BUCKET_POLICY_PARAMETERS: FeatureParameters<BucketPolicyOperation> = {
  GetBucketPolicy: POLICY,
  PutBucketPolicy: POLICY,
  DeleteBucketPolicy: POLICY,
  GetBucketPolicyStatus: new Set(["policyStatus"]),
};
