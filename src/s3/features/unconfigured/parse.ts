import { onBucket, onObject } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { UnconfiguredOperation } from "./operations.ts";

export const unconfiguredParsers: FeatureParsers<UnconfiguredOperation> = {
  GetObjectTorrent: (input) => ({ name: "GetObjectTorrent", ...onObject(input) }),
  GetBucketAccelerateConfiguration: (input) => ({
    name: "GetBucketAccelerateConfiguration",
    ...onBucket(input),
  }),
  GetBucketReplication: (input) => ({ name: "GetBucketReplication", ...onBucket(input) }),
  DeleteBucketReplication: (input) => ({ name: "DeleteBucketReplication", ...onBucket(input) }),
  GetBucketRequestPayment: (input) => ({ name: "GetBucketRequestPayment", ...onBucket(input) }),
  PutBucketRequestPayment: (input) => ({ name: "PutBucketRequestPayment", ...onBucket(input) }),
};
