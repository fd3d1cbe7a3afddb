import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type PublicAccessBlockOperation =
  | BucketOperation<"GetPublicAccessBlock">
  | BucketOperation<"PutPublicAccessBlock">
  | BucketOperation<"DeletePublicAccessBlock">;

export const PUBLIC_ACCESS_BLOCK_OPERATIONS: FeatureRows<PublicAccessBlockOperation> = {
  GetPublicAccessBlock: supported("bucket", "reader", "GetBucketPublicAccessBlock"),
  PutPublicAccessBlock: supported("bucket", "admin", "PutBucketPublicAccessBlock"),
  DeletePublicAccessBlock: supported("bucket", "admin", "PutBucketPublicAccessBlock"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["publicAccessBlock"]);

export const PUBLIC_ACCESS_BLOCK_PARAMETERS: FeatureParameters<PublicAccessBlockOperation> = {
  GetPublicAccessBlock: SUB_RESOURCE,
  PutPublicAccessBlock: SUB_RESOURCE,
  DeletePublicAccessBlock: SUB_RESOURCE,
};
