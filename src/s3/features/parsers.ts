import { aclParsers } from "./acl/parse.ts";
import { bucketEncryptionParsers } from "./bucket-encryption/parse.ts";
import { bucketPolicyParsers } from "./bucket-policy/parse.ts";
import { bucketTaggingParsers } from "./bucket-tagging/parse.ts";
import { corsParsers } from "./cors/parse.ts";
import type { FeatureParsers } from "./feature.ts";
import { lifecycleParsers } from "./lifecycle/parse.ts";
import { loggingParsers } from "./logging/parse.ts";
import { notificationParsers } from "./notification/parse.ts";
import { objectAttributesParsers } from "./object-attributes/parse.ts";
import { objectLockParsers } from "./object-lock/parse.ts";
import { objectTaggingParsers } from "./object-tagging/parse.ts";
import type { FeatureOperation } from "./operations.ts";
import { ownershipControlsParsers } from "./ownership-controls/parse.ts";
import { publicAccessBlockParsers } from "./public-access-block/parse.ts";
import { renameParsers } from "./rename/parse.ts";
import { unconfiguredParsers } from "./unconfigured/parse.ts";
import { versioningParsers } from "./versioning/parse.ts";
import { websiteParsers } from "./website/parse.ts";

export const featureParsers: FeatureParsers<FeatureOperation> = {
  ...corsParsers,
  ...bucketEncryptionParsers,
  ...aclParsers,
  ...bucketPolicyParsers,
  ...ownershipControlsParsers,
  ...publicAccessBlockParsers,
  ...bucketTaggingParsers,
  ...lifecycleParsers,
  ...loggingParsers,
  ...notificationParsers,
  ...objectAttributesParsers,
  ...renameParsers,
  ...unconfiguredParsers,
  ...objectLockParsers,
  ...objectTaggingParsers,
  ...versioningParsers,
  ...websiteParsers,
};
