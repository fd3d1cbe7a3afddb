import { bucketEncryptionParsers } from "./bucket-encryption/parse.ts";
import { bucketTaggingParsers } from "./bucket-tagging/parse.ts";
import type { FeatureParsers } from "./feature.ts";
import { objectAttributesParsers } from "./object-attributes/parse.ts";
import type { FeatureOperation } from "./operations.ts";
import { unconfiguredParsers } from "./unconfigured/parse.ts";

export const featureParsers: FeatureParsers<FeatureOperation> = {
  ...bucketEncryptionParsers,
  ...bucketTaggingParsers,
  ...objectAttributesParsers,
  ...unconfiguredParsers,
};
