import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { LoggingOperation } from "./operations.ts";

export const loggingParsers: FeatureParsers<LoggingOperation> = {
  GetBucketLogging: (input) => ({ name: "GetBucketLogging", ...onBucket(input) }),
  PutBucketLogging: (input) => ({ name: "PutBucketLogging", ...onBucket(input) }),
};
