import { bucketEncryptionParsers } from "./bucket-encryption/parse.ts";
import { bucketTaggingParsers } from "./bucket-tagging/parse.ts";
import type { FeatureParsers } from "./feature.ts";
import type { FeatureOperation } from "./operations.ts";

export const featureParsers: FeatureParsers<FeatureOperation> = {
  ...bucketEncryptionParsers,
  ...bucketTaggingParsers,
};
