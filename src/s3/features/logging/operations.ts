import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type LoggingOperation = BucketOperation<"GetBucketLogging"> | BucketOperation<"PutBucketLogging">;

export const LOGGING_OPERATIONS: FeatureRows<LoggingOperation> = {
  GetBucketLogging: supported("bucket", "reader", "GetBucketLogging"),
  PutBucketLogging: supported("bucket", "admin", "PutBucketLogging"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["logging"]);

export const LOGGING_PARAMETERS: FeatureParameters<LoggingOperation> = {
  GetBucketLogging: SUB_RESOURCE,
  PutBucketLogging: SUB_RESOURCE,
};
