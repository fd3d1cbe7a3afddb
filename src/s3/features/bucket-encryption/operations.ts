import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type BucketEncryptionOperation =
  | BucketOperation<"GetBucketEncryption">
  | BucketOperation<"PutBucketEncryption">
  | BucketOperation<"DeleteBucketEncryption">;

export const BUCKET_ENCRYPTION_OPERATIONS: FeatureRows<BucketEncryptionOperation> = {
  GetBucketEncryption: supported("bucket", "reader", "GetEncryptionConfiguration"),
  PutBucketEncryption: supported("bucket", "admin", "PutEncryptionConfiguration"),
  // S3 has no action of its own for taking it away.
  DeleteBucketEncryption: supported("bucket", "admin", "PutEncryptionConfiguration"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["encryption"]);

export const BUCKET_ENCRYPTION_PARAMETERS: FeatureParameters<BucketEncryptionOperation> = {
  GetBucketEncryption: SUB_RESOURCE,
  PutBucketEncryption: SUB_RESOURCE,
  DeleteBucketEncryption: SUB_RESOURCE,
};
