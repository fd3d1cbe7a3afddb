import { bucketEncryptionParsers } from "./bucket-encryption/parse.ts";
import { bucketTaggingParsers } from "./bucket-tagging/parse.ts";
import type { FeatureParsers } from "./feature.ts";
import { objectAttributesParsers } from "./object-attributes/parse.ts";
import { objectLockParsers } from "./object-lock/parse.ts";
import { objectTaggingParsers } from "./object-tagging/parse.ts";
import type { FeatureOperation } from "./operations.ts";
import { unconfiguredParsers } from "./unconfigured/parse.ts";
import { versioningParsers } from "./versioning/parse.ts";

export const featureParsers: FeatureParsers<FeatureOperation> = {
  ...bucketEncryptionParsers,
  ...bucketTaggingParsers,
  ...objectAttributesParsers,
  ...unconfiguredParsers,
  ...objectLockParsers,
  ...objectTaggingParsers,
  ...versioningParsers,
};
