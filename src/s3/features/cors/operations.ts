import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type CorsOperation =
  | BucketOperation<"GetBucketCors">
  | BucketOperation<"PutBucketCors">
  | BucketOperation<"DeleteBucketCors">;

export const CORS_OPERATIONS: FeatureRows<CorsOperation> = {
  GetBucketCors: supported("bucket", "reader", "GetBucketCORS"),
  PutBucketCors: supported("bucket", "admin", "PutBucketCORS"),
  DeleteBucketCors: supported("bucket", "admin", "PutBucketCORS"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["cors"]);

export const CORS_PARAMETERS: FeatureParameters<CorsOperation> = {
  GetBucketCors: SUB_RESOURCE,
  PutBucketCors: SUB_RESOURCE,
  DeleteBucketCors: SUB_RESOURCE,
};
