import type { Operation } from "../access/index.ts";
import { FEATURE_OPERATIONS } from "./features/operations.ts";
import { type OperationRow, supported, unsupported } from "./operation-row.ts";

/**
 * Every operation of S3, one row each: routing, authorization, metrics and audit use these names and no others. Reading configuration
 * that tells who may do what takes an admin, as does changing any configuration.
 */
export const S3_OPERATIONS = {
  ...FEATURE_OPERATIONS,

  ListBuckets: supported("service", "reader", "ListAllMyBuckets"),
  CreateBucket: supported("bucket", "writer", "CreateBucket"),
  HeadBucket: supported("bucket", "reader", "ListBucket"),
  DeleteBucket: supported("bucket", "writer", "DeleteBucket"),
  GetBucketLocation: supported("bucket", "reader", "GetBucketLocation"),
  ListObjects: supported("bucket", "reader", "ListBucket"),
  ListObjectsV2: supported("bucket", "reader", "ListBucket"),
  ListObjectVersions: supported("bucket", "reader", "ListBucketVersions"),
  ListMultipartUploads: supported("bucket", "reader", "ListBucketMultipartUploads"),
  DeleteObjects: supported("bucket", "writer", "DeleteObject"),

  PutObject: supported("object", "writer", "PutObject"),
  GetObject: supported("object", "reader", "GetObject"),
  HeadObject: supported("object", "reader", "GetObject"),
  DeleteObject: supported("object", "writer", "DeleteObject"),
  PostObject: supported("bucket", "writer", "PutObject"),
  CopyObject: supported("object", "writer", "PutObject"),
  CreateMultipartUpload: supported("object", "writer", "PutObject"),
  UploadPart: supported("object", "writer", "PutObject"),
  UploadPartCopy: supported("object", "writer", "PutObject"),
  CompleteMultipartUpload: supported("object", "writer", "PutObject"),
  AbortMultipartUpload: supported("object", "writer", "AbortMultipartUpload"),
  ListParts: supported("object", "reader", "ListMultipartUploadParts"),

  /** IAM and STS answer on the service root of the same endpoint. */
  IdentityApi: unsupported("service", "admin", "IdentityApi"),
  ListDirectoryBuckets: unsupported("service", "reader", "ListAllMyDirectoryBuckets"),
  WriteGetObjectResponse: unsupported("service", "writer", "WriteGetObjectResponse"),

  /** A browser asks before it sends: answered without a principal. */
  Preflight: unsupported("bucket", "reader", "Preflight"),
  CreateSession: unsupported("bucket", "writer", "CreateSession"),
  GetBucketAbac: unsupported("bucket", "reader", "GetBucketAbac"),
  PutBucketAbac: unsupported("bucket", "admin", "PutBucketAbac"),
  PutBucketReplication: unsupported("bucket", "admin", "PutReplicationConfiguration"),
  PutBucketAccelerateConfiguration: unsupported("bucket", "admin", "PutAccelerateConfiguration"),
  GetBucketAnalyticsConfiguration: unsupported("bucket", "reader", "GetAnalyticsConfiguration"),
  PutBucketAnalyticsConfiguration: unsupported("bucket", "admin", "PutAnalyticsConfiguration"),
  DeleteBucketAnalyticsConfiguration: unsupported("bucket", "admin", "PutAnalyticsConfiguration"),
  ListBucketAnalyticsConfigurations: unsupported("bucket", "reader", "GetAnalyticsConfiguration"),
  GetBucketIntelligentTieringConfiguration: unsupported(
    "bucket",
    "reader",
    "GetIntelligentTieringConfiguration",
  ),
  PutBucketIntelligentTieringConfiguration: unsupported(
    "bucket",
    "admin",
    "PutIntelligentTieringConfiguration",
  ),
  DeleteBucketIntelligentTieringConfiguration: unsupported(
    "bucket",
    "admin",
    "PutIntelligentTieringConfiguration",
  ),
  ListBucketIntelligentTieringConfigurations: unsupported(
    "bucket",
    "reader",
    "GetIntelligentTieringConfiguration",
  ),
  GetBucketInventoryConfiguration: unsupported("bucket", "reader", "GetInventoryConfiguration"),
  PutBucketInventoryConfiguration: unsupported("bucket", "admin", "PutInventoryConfiguration"),
  DeleteBucketInventoryConfiguration: unsupported("bucket", "admin", "PutInventoryConfiguration"),
  ListBucketInventoryConfigurations: unsupported("bucket", "reader", "GetInventoryConfiguration"),
  GetBucketMetricsConfiguration: unsupported("bucket", "reader", "GetMetricsConfiguration"),
  PutBucketMetricsConfiguration: unsupported("bucket", "admin", "PutMetricsConfiguration"),
  DeleteBucketMetricsConfiguration: unsupported("bucket", "admin", "PutMetricsConfiguration"),
  ListBucketMetricsConfigurations: unsupported("bucket", "reader", "GetMetricsConfiguration"),
  CreateBucketMetadataConfiguration: unsupported("bucket", "admin", "CreateBucketMetadataTableConfiguration"),
  GetBucketMetadataConfiguration: unsupported("bucket", "reader", "GetBucketMetadataTableConfiguration"),
  DeleteBucketMetadataConfiguration: unsupported("bucket", "admin", "DeleteBucketMetadataTableConfiguration"),
  CreateBucketMetadataTableConfiguration: unsupported(
    "bucket",
    "admin",
    "CreateBucketMetadataTableConfiguration",
  ),
  GetBucketMetadataTableConfiguration: unsupported("bucket", "reader", "GetBucketMetadataTableConfiguration"),
  DeleteBucketMetadataTableConfiguration: unsupported(
    "bucket",
    "admin",
    "DeleteBucketMetadataTableConfiguration",
  ),
  UpdateBucketMetadataInventoryTableConfiguration: unsupported(
    "bucket",
    "admin",
    "UpdateBucketMetadataInventoryTableConfiguration",
  ),
  UpdateBucketMetadataJournalTableConfiguration: unsupported(
    "bucket",
    "admin",
    "UpdateBucketMetadataJournalTableConfiguration",
  ),
  UpdateBucketMetadataAnnotationTableConfiguration: unsupported(
    "bucket",
    "admin",
    "UpdateBucketMetadataAnnotationTableConfiguration",
  ),

  /** No operation of its own: what x-amz-bypass-governance-retention asks for, beside the operation that it comes with. */
  BypassGovernanceRetention: unsupported("object", "admin", "BypassGovernanceRetention"),
  GetObjectAnnotation: unsupported("object", "reader", "GetObjectAnnotation"),
  PutObjectAnnotation: unsupported("object", "writer", "PutObjectAnnotation"),
  DeleteObjectAnnotation: unsupported("object", "writer", "DeleteObjectAnnotation"),
  ListObjectAnnotations: unsupported("object", "reader", "ListObjectAnnotations"),
  RestoreObject: unsupported("object", "writer", "RestoreObject"),
  SelectObjectContent: unsupported("object", "reader", "GetObject"),
  UpdateObjectEncryption: unsupported("object", "writer", "UpdateObjectEncryption"),
} as const satisfies Record<string, OperationRow>;

export type S3OperationName = keyof typeof S3_OPERATIONS;

type Table = typeof S3_OPERATIONS;
export type SupportedName = {
  [N in S3OperationName]: Table[N]["supported"] extends true ? N : never;
}[S3OperationName];
export type UnsupportedName = Exclude<S3OperationName, SupportedName>;

/** The rows as the gate takes them. */
export const s3OperationRows: readonly Operation[] = Object.entries(S3_OPERATIONS).map(([name, row]) => ({
  name,
  action: row.action,
  leastRole: row.leastRole,
  resource: row.resource,
  ...(name === "CreateBucket" && { creates: true }),
}));
