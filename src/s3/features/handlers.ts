import type { Handlers } from "../handlers/call.ts";
import { aclHandlers } from "./acl/handle.ts";
import { bucketEncryptionHandlers } from "./bucket-encryption/handle.ts";
import { bucketPolicyHandlers } from "./bucket-policy/handle.ts";
import { bucketTaggingHandlers } from "./bucket-tagging/handle.ts";
import { corsHandlers } from "./cors/handle.ts";
import { lifecycleHandlers } from "./lifecycle/handle.ts";
import { loggingHandlers } from "./logging/handle.ts";
import { notificationHandlers } from "./notification/handle.ts";
import { objectAttributesHandlers } from "./object-attributes/handle.ts";
import { objectLockHandlers } from "./object-lock/handle.ts";
import { objectTaggingHandlers } from "./object-tagging/handle.ts";
import type { FeatureOperation } from "./operations.ts";
import { ownershipControlsHandlers } from "./ownership-controls/handle.ts";
import { publicAccessBlockHandlers } from "./public-access-block/handle.ts";
import { renameHandlers } from "./rename/handle.ts";
import { unconfiguredHandlers } from "./unconfigured/handle.ts";
import { versioningHandlers } from "./versioning/handle.ts";
import { websiteHandlers } from "./website/handle.ts";

export const featureHandlers: Handlers<FeatureOperation["name"]> = {
  ...corsHandlers,
  ...bucketEncryptionHandlers,
  ...aclHandlers,
  ...bucketPolicyHandlers,
  ...ownershipControlsHandlers,
  ...publicAccessBlockHandlers,
  ...bucketTaggingHandlers,
  ...lifecycleHandlers,
  ...loggingHandlers,
  ...notificationHandlers,
  ...objectAttributesHandlers,
  ...renameHandlers,
  ...unconfiguredHandlers,
  ...objectLockHandlers,
  ...objectTaggingHandlers,
  ...versioningHandlers,
  ...websiteHandlers,
};
