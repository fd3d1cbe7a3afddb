import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { WebsiteOperation } from "./operations.ts";

export const websiteParsers: FeatureParsers<WebsiteOperation> = {
  GetBucketWebsite: (input) => ({ name: "GetBucketWebsite", ...onBucket(input) }),
  PutBucketWebsite: (input) => ({ name: "PutBucketWebsite", ...onBucket(input) }),
  DeleteBucketWebsite: (input) => ({ name: "DeleteBucketWebsite", ...onBucket(input) }),
};
