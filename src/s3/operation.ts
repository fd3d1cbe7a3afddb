import type { ObjectOwnership } from "../access/index.ts";
import type {
  Checksum,
  ChecksumAlgorithm,
  LegalHold,
  ObjectAttributes,
  Preconditions,
  RangeRequest,
  Retention,
  Tag,
} from "../object/index.ts";
import type { AclRequest } from "./features/acl/headers.ts";
import type { FeatureOperation } from "./features/operations.ts";
import type { BucketOperation, OnBucket, OnObject, OnUpload, OnVersion } from "./operation-parts.ts";
import type { UnsupportedName } from "./operations.ts";

/**
 * One request as one value. Routing, authorization, limits, metrics and audit look at this and at nothing else, so that they cannot disagree
 * about what the request is.
 */
export type S3Operation = SupportedOperation | UnsupportedOperation;

export type SupportedOperation =
  | FeatureOperation
  | ListBuckets
  | CreateBucket
  | BucketOperation<"HeadBucket">
  | BucketOperation<"DeleteBucket">
  | BucketOperation<"GetBucketLocation">
  | ListObjects
  | ListObjectsV2
  | ListObjectVersions
  | ListMultipartUploads
  | DeleteObjects
  | PutObject
  | GetObject
  | HeadObject
  | DeleteObject
  | CopyObject
  | BucketOperation<"PostObject">
  | CreateMultipartUpload
  | UploadPart
  | UploadPartCopy
  | CompleteMultipartUpload
  | AbortMultipartUpload
  | ListParts;

/** Known, and answered with 501. */
export interface UnsupportedOperation {
  readonly name: UnsupportedName;
  readonly bucket?: string;
  readonly key?: string;
}

export interface ListBuckets {
  readonly name: "ListBuckets";
  readonly prefix: string;
  /** Undefined: as many as one answer may hold. */
  readonly maxBuckets: number | undefined;
  readonly after: string;
  readonly region: string | undefined;
}

export interface CreateBucket extends OnBucket {
  readonly name: "CreateBucket";
  readonly objectLock: boolean;
  readonly acl: AclRequest | undefined;
  readonly ownership: ObjectOwnership | undefined;
}

interface Listing extends OnBucket {
  readonly prefix: string;
  readonly delimiter: string;
  /** 0 to 1,000. */
  readonly maxKeys: number;
  readonly urlEncoded: boolean;
}

export interface ListObjects extends Listing {
  readonly name: "ListObjects";
  readonly marker: string;
}

export interface ListObjectsV2 extends Listing {
  readonly name: "ListObjectsV2";
  /** As it was sent, to be echoed. */
  readonly continuationToken: string | undefined;
  readonly startAfter: string | undefined;
  /** What both of them mean. */
  readonly after: string;
  readonly fetchOwner: boolean;
}

export interface ListObjectVersions extends Listing {
  readonly name: "ListObjectVersions";
  readonly keyMarker: string;
  readonly versionIdMarker: string | undefined;
}

export interface ListMultipartUploads extends OnBucket {
  readonly name: "ListMultipartUploads";
  readonly prefix: string;
  readonly delimiter: string;
  readonly keyMarker: string;
  readonly uploadIdMarker: string;
  readonly maxUploads: number;
  readonly urlEncoded: boolean;
}

export interface DeleteObjects extends OnBucket {
  readonly name: "DeleteObjects";
  readonly bypassGovernance: boolean;
}

export interface PutObject extends OnObject {
  readonly name: "PutObject";
  readonly acl: AclRequest | undefined;
  readonly attributes: ObjectAttributes;
  readonly preconditions: Preconditions | undefined;
}

/** What GetObject and HeadObject have in common. */
interface ReadObject extends OnVersion {
  readonly preconditions: Preconditions | undefined;
  readonly range: RangeRequest | undefined;
  /** The range counts only if the object is still this one: an ETag in quotes or a date. */
  readonly ifRange: string | undefined;
  readonly checksumMode: boolean;
  /** response-content-type and the like: header name and value. */
  readonly overrides: ReadonlyMap<string, string>;
}

export interface GetObject extends ReadObject {
  readonly name: "GetObject";
}

export interface HeadObject extends ReadObject {
  readonly name: "HeadObject";
}

export interface DeleteObject extends OnVersion {
  readonly name: "DeleteObject";
  readonly bypassGovernance: boolean;
  readonly preconditions: Preconditions | undefined;
}

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly preconditions: Preconditions | undefined;
  readonly expectedOwner: string | undefined;
}

export interface CopyObject extends OnObject {
  readonly name: "CopyObject";
  readonly acl: AclRequest | undefined;
  readonly source: CopySource;
  /** Undefined: the source's. */
  readonly attributes: ObjectAttributes | undefined;
  /** Where the copy's website redirects; the source's is never taken over. */
  readonly websiteRedirect: string | undefined;
  /** Computed anew from the source's bytes. */
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  /** Undefined: the source's. */
  readonly tags: readonly Tag[] | undefined;
  readonly retention: Retention | undefined;
  readonly legalHold: LegalHold | undefined;
  /** Of the copy where its attributes are the source's and the client named one. */
  readonly storageClass: string | undefined;
  readonly preconditions: Preconditions | undefined;
}

export interface CreateMultipartUpload extends OnObject {
  readonly name: "CreateMultipartUpload";
  readonly acl: AclRequest | undefined;
  readonly attributes: ObjectAttributes;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: ChecksumType | undefined;
}

export interface UploadPart extends OnUpload {
  readonly name: "UploadPart";
  readonly partNumber: number;
}

export interface UploadPartCopy extends OnUpload {
  readonly name: "UploadPartCopy";
  readonly partNumber: number;
  readonly source: CopySource;
  readonly range: { readonly first: number; readonly last: number } | undefined;
}

export interface CompleteMultipartUpload extends OnUpload {
  readonly name: "CompleteMultipartUpload";
  readonly preconditions: Preconditions | undefined;
  readonly checksum: Checksum | undefined;
  readonly checksumType: ChecksumType | undefined;
  readonly sizeBytes: number | undefined;
}

export interface AbortMultipartUpload extends OnUpload {
  readonly name: "AbortMultipartUpload";
}

export interface ListParts extends OnUpload {
  readonly name: "ListParts";
  readonly partNumberMarker: number;
  readonly maxParts: number;
}

export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";
