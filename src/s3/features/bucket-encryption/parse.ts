import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { BucketEncryptionOperation } from "./operations.ts";

export const bucketEncryptionParsers: FeatureParsers<BucketEncryptionOperation> = {
  GetBucketEncryption: (input) => ({ name: "GetBucketEncryption", ...onBucket(input) }),
  PutBucketEncryption: (input) => ({ name: "PutBucketEncryption", ...onBucket(input) }),
  DeleteBucketEncryption: (input) => ({ name: "DeleteBucketEncryption", ...onBucket(input) }),
};
