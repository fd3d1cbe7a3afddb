import { ACL_OPERATIONS, ACL_PARAMETERS, type AclOperation } from "./acl/operations.ts";
import {
  BUCKET_ENCRYPTION_OPERATIONS,
  BUCKET_ENCRYPTION_PARAMETERS,
  type BucketEncryptionOperation,
} from "./bucket-encryption/operations.ts";
import {
  BUCKET_POLICY_OPERATIONS,
  BUCKET_POLICY_PARAMETERS,
  type BucketPolicyOperation,
} from "./bucket-policy/operations.ts";
import {
  BUCKET_TAGGING_OPERATIONS,
  BUCKET_TAGGING_PARAMETERS,
  type BucketTaggingOperation,
} from "./bucket-tagging/operations.ts";
import { CORS_OPERATIONS, CORS_PARAMETERS, type CorsOperation } from "./cors/operations.ts";
import {
  LIFECYCLE_OPERATIONS,
  LIFECYCLE_PARAMETERS,
  type LifecycleOperation,
} from "./lifecycle/operations.ts";
import { LOGGING_OPERATIONS, LOGGING_PARAMETERS, type LoggingOperation } from "./logging/operations.ts";
import {
  NOTIFICATION_OPERATIONS,
  NOTIFICATION_PARAMETERS,
  type NotificationOperation,
} from "./notification/operations.ts";
import {
  type GetObjectAttributes,
  OBJECT_ATTRIBUTES_OPERATIONS,
  OBJECT_ATTRIBUTES_PARAMETERS,
} from "./object-attributes/operations.ts";
import {
  OBJECT_LOCK_OPERATIONS,
  OBJECT_LOCK_PARAMETERS,
  type ObjectLockOperation,
} from "./object-lock/operations.ts";
import {
  OBJECT_TAGGING_OPERATIONS,
  OBJECT_TAGGING_PARAMETERS,
  type ObjectTaggingOperation,
} from "./object-tagging/operations.ts";
import {
  OWNERSHIP_CONTROLS_OPERATIONS,
  OWNERSHIP_CONTROLS_PARAMETERS,
  type OwnershipControlsOperation,
} from "./ownership-controls/operations.ts";
import {
  PUBLIC_ACCESS_BLOCK_OPERATIONS,
  PUBLIC_ACCESS_BLOCK_PARAMETERS,
  type PublicAccessBlockOperation,
} from "./public-access-block/operations.ts";
import { RENAME_OPERATIONS, RENAME_PARAMETERS, type RenameObject } from "./rename/operations.ts";
import {
  UNCONFIGURED_OPERATIONS,
  UNCONFIGURED_PARAMETERS,
  type UnconfiguredOperation,
} from "./unconfigured/operations.ts";
import {
  VERSIONING_OPERATIONS,
  VERSIONING_PARAMETERS,
  type VersioningOperation,
} from "./versioning/operations.ts";
import { WEBSITE_OPERATIONS, WEBSITE_PARAMETERS, type WebsiteOperation } from "./website/operations.ts";

/** Every operation that lives in a feature's folder. */
export type FeatureOperation =
  | AclOperation
  | BucketEncryptionOperation
  | BucketPolicyOperation
  | CorsOperation
  | OwnershipControlsOperation
  | PublicAccessBlockOperation
  | BucketTaggingOperation
  | GetObjectAttributes
  | LifecycleOperation
  | LoggingOperation
  | NotificationOperation
  | ObjectLockOperation
  | ObjectTaggingOperation
  | RenameObject
  | UnconfiguredOperation
  | VersioningOperation
  | WebsiteOperation;

export const FEATURE_OPERATIONS = {
  ...CORS_OPERATIONS,
  ...BUCKET_ENCRYPTION_OPERATIONS,
  ...ACL_OPERATIONS,
  ...BUCKET_POLICY_OPERATIONS,
  ...OWNERSHIP_CONTROLS_OPERATIONS,
  ...PUBLIC_ACCESS_BLOCK_OPERATIONS,
  ...BUCKET_TAGGING_OPERATIONS,
  ...LIFECYCLE_OPERATIONS,
  ...LOGGING_OPERATIONS,
  ...NOTIFICATION_OPERATIONS,
  ...OBJECT_ATTRIBUTES_OPERATIONS,
  ...OBJECT_LOCK_OPERATIONS,
  ...OBJECT_TAGGING_OPERATIONS,
  ...RENAME_OPERATIONS,
  ...UNCONFIGURED_OPERATIONS,
  ...VERSIONING_OPERATIONS,
  ...WEBSITE_OPERATIONS,
} as const;

export const FEATURE_PARAMETERS = {
  ...CORS_PARAMETERS,
  ...BUCKET_ENCRYPTION_PARAMETERS,
  ...ACL_PARAMETERS,
  ...BUCKET_POLICY_PARAMETERS,
  ...OWNERSHIP_CONTROLS_PARAMETERS,
  ...PUBLIC_ACCESS_BLOCK_PARAMETERS,
  ...BUCKET_TAGGING_PARAMETERS,
  ...LIFECYCLE_PARAMETERS,
  ...LOGGING_PARAMETERS,
  ...NOTIFICATION_PARAMETERS,
  ...OBJECT_ATTRIBUTES_PARAMETERS,
  ...OBJECT_LOCK_PARAMETERS,
  ...OBJECT_TAGGING_PARAMETERS,
  ...RENAME_PARAMETERS,
  ...UNCONFIGURED_PARAMETERS,
  ...VERSIONING_PARAMETERS,
  ...WEBSITE_PARAMETERS,
} as const;
