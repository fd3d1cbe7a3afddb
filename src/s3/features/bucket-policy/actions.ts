import { FEATURE_OPERATIONS } from "../operations.ts";

/** Actions of S3 that no operation here is named after, or that go with a version or a header. */
const FURTHER_ACTIONS = [
  "AbortMultipartUpload",
  "BypassGovernanceRetention",
  "CreateBucket",
  "DeleteBucket",
  "DeleteBucketWebsite",
  "DeleteObject",
  "DeleteObjectTagging",
  "DeleteObjectVersion",
  "DeleteObjectVersionTagging",
  "GetAccelerateConfiguration",
  "GetAnalyticsConfiguration",
  "GetBucketAcl",
  "GetBucketCORS",
  "GetBucketLocation",
  "GetBucketLogging",
  "GetBucketNotification",
  "GetBucketObjectLockConfiguration",
  "GetBucketOwnershipControls",
  "GetBucketPublicAccessBlock",
  "GetBucketRequestPayment",
  "GetBucketTagging",
  "GetBucketVersioning",
  "GetBucketWebsite",
  "GetEncryptionConfiguration",
  "GetIntelligentTieringConfiguration",
  "GetInventoryConfiguration",
  "GetLifecycleConfiguration",
  "GetMetricsConfiguration",
  "GetObject",
  "GetObjectAcl",
  "GetObjectAttributes",
  "GetObjectLegalHold",
  "GetObjectRetention",
  "GetObjectTagging",
  "GetObjectTorrent",
  "GetObjectVersion",
  "GetObjectVersionAcl",
  "GetObjectVersionAttributes",
  "GetObjectVersionForReplication",
  "GetObjectVersionTagging",
  "GetObjectVersionTorrent",
  "GetReplicationConfiguration",
  "InitiateReplication",
  "ListAllMyBuckets",
  "ListBucket",
  "ListBucketMultipartUploads",
  "ListBucketVersions",
  "ListMultipartUploadParts",
  "ObjectOwnerOverrideToBucketOwner",
  "PutAccelerateConfiguration",
  "PutAnalyticsConfiguration",
  "PutBucketAcl",
  "PutBucketCORS",
  "PutBucketLogging",
  "PutBucketNotification",
  "PutBucketObjectLockConfiguration",
  "PutBucketOwnershipControls",
  "PutBucketPublicAccessBlock",
  "PutBucketRequestPayment",
  "PutBucketTagging",
  "PutBucketVersioning",
  "PutBucketWebsite",
  "PutEncryptionConfiguration",
  "PutIntelligentTieringConfiguration",
  "PutInventoryConfiguration",
  "PutLifecycleConfiguration",
  "PutMetricsConfiguration",
  "PutObject",
  "PutObjectAcl",
  "PutObjectLegalHold",
  "PutObjectRetention",
  "PutObjectTagging",
  "PutObjectVersionAcl",
  "PutObjectVersionTagging",
  "PutReplicationConfiguration",
  "ReplicateDelete",
  "ReplicateObject",
  "ReplicateTags",
  "RestoreObject",
].map((name) => `s3:${name}`);

const ACTIONS: readonly string[] = [
  ...new Set([...FURTHER_ACTIONS, ...Object.values(FEATURE_OPERATIONS).map(({ action }) => action)]),
].map((action) => action.toLowerCase());

/** Whether some action of S3 is meant: a misspelled one would allow nothing, or worse, deny nothing. */
export function isS3Action(pattern: string): boolean {
  const source = pattern.toLowerCase();
  if (source === "*") return true;
  if (!/[*?]/.test(source)) return ACTIONS.includes(source);
  const text = source
    .replace(/[.\\^$+()[\]{}|]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const expression = new RegExp(`^${text}$`);
  return ACTIONS.some((action) => expression.test(action));
}
