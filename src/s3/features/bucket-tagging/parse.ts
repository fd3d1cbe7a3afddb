import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { BucketTaggingOperation } from "./operations.ts";

export const bucketTaggingParsers: FeatureParsers<BucketTaggingOperation> = {
  GetBucketTagging: (input) => ({ name: "GetBucketTagging", ...onBucket(input) }),
  PutBucketTagging: (input) => ({ name: "PutBucketTagging", ...onBucket(input) }),
  DeleteBucketTagging: (input) => ({ name: "DeleteBucketTagging", ...onBucket(input) }),
};
