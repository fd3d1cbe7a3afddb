/**
 * The use cases on buckets, objects and uploads, without any protocol: what the S3 gateway and the Connect services both call.
 *
 * Each file is one family of use cases over a `context.ts` that translates the failures of the engines below. The order of a write is always
 * the same: check names and limits, make the bytes durable (`put.ts`, `storeBody`), verify everything that the client promised about them,
 * then propose one command that makes them visible. Preconditions of writes are decided in the apply of that command, never here, so that of
 * many concurrent creators exactly one wins; those of reads are decided here, after a barrier.
 *
 * Refusals are `ObjectError`s of one closed set; `refusals.ts` maps every refusal of the state machine into it.
 */

export { MAX_USER_METADATA_BYTES, WEBSITE_REDIRECT_HEADER } from "./attributes.ts";
export {
  aclDocument,
  objectAccessOf,
  ownershipDocument,
  policyDocument,
  policyText,
  publicAccessBlockDocument,
  readOwnershipDocument,
  readPublicAccessBlockDocument,
} from "./bucket-access.ts";
export type {
  BucketConfiguration,
  BucketConfigurationKind,
  BucketConfigurations,
  NewBucketConfiguration,
} from "./bucket-configuration.ts";
export type {
  BucketVersioning,
  DefaultRetention,
  Versioning,
} from "./bucket-versioning.ts";
export type { ListChangesRequest, ListChangesResult, ListedChange } from "./changes.ts";
export type { ObjectStoreOptions } from "./context.ts";
export { MAX_DELETE_TARGETS } from "./delete.ts";
export {
  type BucketEncryption,
  bucketEncryptionDocument,
  readBucketEncryption,
} from "./encryption/bucket-default.ts";
export { OBJECTS_KEY_ID, secretContext } from "./encryption/key-ring.ts";
export { retiredUses } from "./encryption/retired-uses.ts";
export { rewrapWorker } from "./encryption/rewrap-worker.ts";
export { OBJECT_ERROR_CODES, ObjectError, type ObjectErrorCode } from "./errors.ts";
export type { VersionAddress } from "./find-version.ts";
export { isHeaderName, isHeaderText } from "./header-text.ts";
export { DAY_MS, expirationOf } from "./lifecycle/due.ts";
export {
  type Lifecycle,
  type LifecycleConditions,
  type LifecycleExpiration,
  type LifecycleFilter,
  type LifecycleRule,
  lifecycleDocument,
  MAX_LIFECYCLE_RULES,
  MAX_NEWER_NONCURRENT_VERSIONS,
  readLifecycle,
  TRANSITION_MINIMUM_SIZES,
  type TransitionMinimumSize,
} from "./lifecycle/rules.ts";
export { type LifecycleOptions, lifecycleWorker } from "./lifecycle/worker.ts";
export type { ListedVersion, ListVersionsRequest, ListVersionsResult } from "./list-versions.ts";
export { Writes, withMaintenance } from "./maintenance.ts";
export { bucketNameFault, MAX_KEY_BYTES } from "./names.ts";
export {
  destinationOf,
  EVENT_NAMES,
  includesEvent,
  type NotificationRule,
  type Notifications,
  notificationsDocument,
  readNotifications,
} from "./notifications/rules.ts";
export { type NotificationOptions, notificationWorker } from "./notifications/worker.ts";
export type * from "./ports.ts";
export { MAX_SINGLE_PUT_BYTES } from "./put.ts";
export type { LegalHold, Retention, RetentionMode } from "./retention.ts";
export { createObjectStore } from "./service.ts";
export { checkTags, MAX_BUCKET_TAGS, readTagsDocument, type Tag, tagsDocument } from "./tags.ts";
export { NULL_VERSION } from "./version-id.ts";
export type { VersionSettings } from "./version-settings.ts";
