import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type WebsiteOperation =
  | BucketOperation<"GetBucketWebsite">
  | BucketOperation<"PutBucketWebsite">
  | BucketOperation<"DeleteBucketWebsite">;

export const WEBSITE_OPERATIONS: FeatureRows<WebsiteOperation> = {
  GetBucketWebsite: supported("bucket", "reader", "GetBucketWebsite"),
  PutBucketWebsite: supported("bucket", "admin", "PutBucketWebsite"),
  DeleteBucketWebsite: supported("bucket", "admin", "DeleteBucketWebsite"),
};

const PARAMETERS: ReadonlySet<string> = new Set(["website"]);

export const WEBSITE_PARAMETERS: FeatureParameters<WebsiteOperation> = {
  GetBucketWebsite: PARAMETERS,
  PutBucketWebsite: PARAMETERS,
  DeleteBucketWebsite: PARAMETERS,
};
