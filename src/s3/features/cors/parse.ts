import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { CorsOperation } from "./operations.ts";

export const corsParsers: FeatureParsers<CorsOperation> = {
  GetBucketCors: (input) => ({ name: "GetBucketCors", ...onBucket(input) }),
  PutBucketCors: (input) => ({ name: "PutBucketCors", ...onBucket(input) }),
  DeleteBucketCors: (input) => ({ name: "DeleteBucketCors", ...onBucket(input) }),
};
