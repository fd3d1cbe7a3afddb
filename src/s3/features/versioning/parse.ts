import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { VersioningOperation } from "./operations.ts";

export const versioningParsers: FeatureParsers<VersioningOperation> = {
  GetBucketVersioning: (input) => ({ name: "GetBucketVersioning", ...onBucket(input) }),
  PutBucketVersioning: (input) => ({ name: "PutBucketVersioning", ...onBucket(input) }),
};
