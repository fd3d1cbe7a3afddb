import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type VersioningOperation =
  | BucketOperation<"GetBucketVersioning">
  | BucketOperation<"PutBucketVersioning">;

export const VERSIONING_OPERATIONS: FeatureRows<VersioningOperation> = {
  GetBucketVersioning: supported("bucket", "reader", "GetBucketVersioning"),
  PutBucketVersioning: supported("bucket", "admin", "PutBucketVersioning"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["versioning"]);

export const VERSIONING_PARAMETERS: FeatureParameters<VersioningOperation> = {
  GetBucketVersioning: SUB_RESOURCE,
  PutBucketVersioning: SUB_RESOURCE,
};
