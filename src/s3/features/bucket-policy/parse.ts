import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { BucketPolicyOperation } from "./operations.ts";

export const bucketPolicyParsers: FeatureParsers<BucketPolicyOperation> = {
  GetBucketPolicy: (input) => ({ name: "GetBucketPolicy", ...onBucket(input) }),
  PutBucketPolicy: (input) => ({ name: "PutBucketPolicy", ...onBucket(input) }),
  DeleteBucketPolicy: (input) => ({ name: "DeleteBucketPolicy", ...onBucket(input) }),
  GetBucketPolicyStatus: (input) => ({ name: "GetBucketPolicyStatus", ...onBucket(input) }),
};
