import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { OwnershipControlsOperation } from "./operations.ts";

export const ownershipControlsParsers: FeatureParsers<OwnershipControlsOperation> = {
  GetBucketOwnershipControls: (input) => ({ name: "GetBucketOwnershipControls", ...onBucket(input) }),
  PutBucketOwnershipControls: (input) => ({ name: "PutBucketOwnershipControls", ...onBucket(input) }),
  DeleteBucketOwnershipControls: (input) => ({ name: "DeleteBucketOwnershipControls", ...onBucket(input) }),
};
