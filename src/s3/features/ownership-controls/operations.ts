import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type OwnershipControlsOperation =
  | BucketOperation<"GetBucketOwnershipControls">
  | BucketOperation<"PutBucketOwnershipControls">
  | BucketOperation<"DeleteBucketOwnershipControls">;

export const OWNERSHIP_CONTROLS_OPERATIONS: FeatureRows<OwnershipControlsOperation> = {
  GetBucketOwnershipControls: supported("bucket", "reader", "GetBucketOwnershipControls"),
  PutBucketOwnershipControls: supported("bucket", "admin", "PutBucketOwnershipControls"),
  DeleteBucketOwnershipControls: supported("bucket", "admin", "PutBucketOwnershipControls"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["ownershipControls"]);

export const OWNERSHIP_CONTROLS_PARAMETERS: FeatureParameters<OwnershipControlsOperation> = {
  GetBucketOwnershipControls: SUB_RESOURCE,
  PutBucketOwnershipControls: SUB_RESOURCE,
  DeleteBucketOwnershipControls: SUB_RESOURCE,
};
