import type { Owner, Principal } from "../access/types.ts";
import type { BucketAccesses } from "./bucket-access.ts";
import type { BucketConfigurations, NewBucketConfiguration } from "./bucket-configuration.ts";
import type { CustomerKey, EncryptionInfo, EncryptionRequest } from "./encryption/types.ts";

export type { CustomerKey, EncryptionInfo, EncryptionRequest } from "./encryption/types.ts";

import type { BucketVersioning } from "./bucket-versioning.ts";
import type { ListChangesRequest, ListChangesResult } from "./changes.ts";
import type { ListVersionsRequest, ListVersionsResult } from "./list-versions.ts";
import type { LegalHold, Retention } from "./retention.ts";
import type { Tag } from "./tags.ts";
import type { VersionSettings } from "./version-settings.ts";

/**
 * The use cases on buckets, objects and uploads, without any protocol. The S3 gateway and the Connect services call this and nothing
 * below it. Every method rejects with an `ObjectError` from the closed set in `errors.ts`, or with a bug.
 */
export interface ObjectStore extends BucketAccesses, BucketConfigurations, BucketVersioning, VersionSettings {
  /**
   * To be passed when a request begins, before it is judged: then rights that were taken and rules that were made anywhere in the cluster before the request
   * hold for it. Undefined: that is so already. Rejects with "unavailable" and "overloaded".
   */
  asOfNow(): Promise<void> | undefined;
  listBuckets(request: ListBucketsRequest): Promise<ListBucketsResult>;
  /** Refuses "bucket-exists" (another owner's) and "bucket-owned-by-you". */
  createBucket(request: {
    readonly bucket: string;
    readonly region: string;
    readonly owner: Owner;
    /** Enables versioning as well. */
    readonly objectLock?: boolean;
    /** Documents that it has from its first moment; one of a kind. */
    readonly configurations?: readonly NewBucketConfiguration[];
  }): Promise<BucketInfo>;
  headBucket(bucket: string): Promise<BucketInfo>;
  deleteBucket(bucket: string): Promise<void>;

  putObject(request: PutObjectRequest): Promise<PutObjectResult>;
  /** Decides preconditions and the range; bytes flow only when the result's `body` is iterated. */
  getObject(request: GetObjectRequest): Promise<GetObjectResult>;
  headObject(request: HeadObjectRequest): Promise<ObjectInfo>;
  objectParts(
    request: Pick<HeadObjectRequest, "bucket" | "key" | "versionId" | "customerKey">,
  ): Promise<ObjectPartsResult>;
  /** Deleting what does not exist is fine. */
  deleteObject(request: DeleteTarget & { readonly bucket: string }): Promise<DeletedObject>;
  /** In the order asked; at most 1,000. */
  deleteObjects(request: {
    readonly bucket: string;
    readonly targets: readonly DeleteTarget[];
  }): Promise<readonly DeleteOutcome[]>;
  copyObject(request: CopyObjectRequest): Promise<CopyObjectResult>;
  /** Atomic: at no time there are both keys or neither. Refuses "object-not-found", "precondition-failed", "copy-to-itself", "token-reused". */
  renameObject(request: RenameObjectRequest): Promise<void>;
  listObjects(request: ListObjectsRequest): Promise<ListObjectsResult>;
  listVersions(request: ListVersionsRequest): Promise<ListVersionsResult>;
  listChanges(request: ListChangesRequest): Promise<ListChangesResult>;

  createUpload(request: CreateUploadRequest): Promise<CreateUploadResult>;
  uploadPart(request: UploadPartRequest): Promise<UploadPartResult>;
  uploadPartCopy(request: UploadPartCopyRequest): Promise<UploadPartCopyResult>;
  completeUpload(request: CompleteUploadRequest): Promise<PutObjectResult>;
  abortUpload(request: UploadAddress): Promise<void>;
  /** Undefined: its parts are not encrypted, or there is no such upload. */
  uploadEncryption(address: UploadAddress): Promise<EncryptionInfo | undefined>;
  listParts(
    request: UploadAddress & { readonly after: number; readonly limit: number },
  ): Promise<ListPartsResult>;
  listUploads(request: ListUploadsRequest): Promise<ListUploadsResult>;
}

export interface BucketInfo {
  readonly name: string;
  readonly region: string;
  readonly owner: Owner;
  readonly createdAtMs: number;
}

export interface ListBucketsRequest {
  readonly principal: Principal;
  readonly prefix: string;
  /** Exclusive. */
  readonly after: string;
  readonly limit: number;
}

export interface ListBucketsResult {
  readonly buckets: readonly BucketInfo[];
  /** The last name of this page when there are more. */
  readonly next: string | undefined;
}

/** ETags without quotes; "*" stands for any. Times in milliseconds since the epoch, whole seconds. */
export interface Preconditions {
  readonly ifMatch?: readonly string[];
  readonly ifNoneMatch?: readonly string[];
  readonly ifModifiedSinceMs?: number;
  readonly ifUnmodifiedSinceMs?: number;
  readonly ifMatchSize?: number;
  /** Equal to the second. */
  readonly ifMatchModifiedMs?: number;
}

/** What a client says about an object beside its bytes. Names of user metadata are in lower case without "x-amz-meta-". */
export interface ObjectAttributes {
  readonly contentType: string;
  /** cache-control, content-disposition, content-encoding, content-language, expires. */
  readonly headers: ReadonlyMap<string, string>;
  readonly userMetadata: ReadonlyMap<string, string>;
  readonly storageClass: string;
  readonly tags?: readonly Tag[];
  readonly retention?: Retention;
  readonly legalHold?: LegalHold;
  /** Grants, as `access` encodes them; undefined: the owner alone. */
  readonly acl?: Uint8Array;
}

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64, with "-N" behind it for a composite one. */
  readonly value: string;
}

/**
 * The bytes of a request, already stripped of transfer encodings. `size` is known before the first byte (S3 demands it), and the source
 * throws an `ObjectError` ("body-truncated", "body-too-long", "chunk-signature", ...) when the bytes do not keep what was promised. A piece
 * stays unchanged until the next one is asked for.
 */
export interface BodySource {
  readonly sizeBytes: number;
  /** So many bytes more may come, as the source learns only at its end: a few, as they are held. Only for an object that is put as a whole. */
  readonly slackBytes?: number;
  /** A piece is valid until the next one is asked for: who keeps it copies it. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What the whole body must hash to. Trailer checksums are known only at the end: `checksumAfterEnd`. */
  readonly expected: {
    readonly md5?: Uint8Array;
    /** From x-amz-content-sha256 when the payload was signed as a whole. */
    readonly sha256?: Uint8Array;
    readonly checksum?: Checksum;
    /** The algorithm whose value arrives in a trailer; asked for after the last byte. */
    readonly trailer?: { readonly algorithm: ChecksumAlgorithm; readonly value: () => string | undefined };
  };
}

export interface PutObjectRequest {
  readonly bucket: string;
  readonly key: string;
  readonly body: BodySource;
  readonly attributes: ObjectAttributes;
  readonly preconditions?: Preconditions;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  /** Undefined: as the bucket says. */
  readonly encryption?: EncryptionRequest;
}

export interface PutObjectResult {
  /** "null" while versioning is suspended; undefined in a bucket that was never versioned. */
  readonly versionId: string | undefined;
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly size: number;
  readonly checksum: Checksum | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
  readonly encryption?: EncryptionInfo | undefined;
}

export interface ObjectInfo {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly attributes: ObjectAttributes;
  readonly checksum: Checksum | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
  readonly owner: Owner;
  readonly partsCount: number | undefined;
  readonly encryption?: EncryptionInfo | undefined;
}

/** Of a multipart upload, in order; none for a single one. */
export type ObjectParts = readonly {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly checksum: Checksum | undefined;
}[];

export interface ObjectPartsResult {
  readonly info: ObjectInfo;
  readonly parts: ObjectParts;
}

export type RangeRequest =
  /** Inclusive on both ends; `last` may lie beyond the end. */
  | { readonly kind: "from-to"; readonly first: number; readonly last: number | undefined }
  | { readonly kind: "suffix"; readonly length: number }
  | { readonly kind: "part"; readonly partNumber: number };

export interface HeadObjectRequest {
  readonly bucket: string;
  readonly key: string;
  /** As answers give it, or "null"; undefined: the current version. */
  readonly versionId?: string | undefined;
  readonly preconditions?: Preconditions;
  readonly partNumber?: number;
  readonly customerKey?: CustomerKey;
}

/** Who waits for an answer. Its signal is looked at only where something has to be waited for: it is not cheap to make, and small objects need none. */
export interface Caller {
  readonly signal: AbortSignal;
}

export interface GetObjectRequest {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly preconditions?: Preconditions;
  /** An unsatisfiable one is refused with "range-not-satisfiable". */
  readonly range?: RangeRequest;
  readonly caller: Caller;
  readonly customerKey?: CustomerKey;
}

export interface GetObjectResult {
  readonly info: ObjectInfo;
  /** What `body` delivers; `partial` when a range was asked for. */
  readonly first: number;
  readonly length: number;
  readonly partial: boolean;
  /** Of the part that was asked for, where the upload had checksums. */
  readonly partChecksum?: Checksum | undefined;
  /** Verified bytes. Throws "data-unavailable" when no good copy can be read: the connection must then be cut, not ended. */
  readonly body: AsyncIterable<Uint8Array>;
  /** All that `body` delivers, where it was at hand: then `body` need not be iterated. Never to be changed: others read it too. */
  readonly held?: Uint8Array;
}

export interface DeleteTarget {
  readonly key: string;
  /** This version goes for good; undefined: the current one, or a delete marker takes its place. */
  readonly versionId?: string | undefined;
  readonly preconditions?: Preconditions;
  /** A governance retention does not keep it. */
  readonly bypassGovernance?: boolean;
}

export interface DeletedObject {
  /** Of the delete marker that was made or the version that was removed. */
  readonly versionId: string | undefined;
  /** A delete marker was made or removed. */
  readonly deleteMarker: boolean;
}

export type DeleteOutcome =
  | ({ readonly kind: "deleted" } & DeletedObject)
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export interface CopyObjectRequest {
  readonly sourceBucket: string;
  readonly sourceKey: string;
  readonly sourceVersionId?: string | undefined;
  readonly sourcePreconditions?: Preconditions;
  readonly bucket: string;
  readonly key: string;
  /** Undefined: the source's. */
  readonly attributes: ObjectAttributes | undefined;
  /** Undefined: the source's. */
  readonly tags?: readonly Tag[] | undefined;
  /** Beside attributes that are the source's; never the source's itself. Undefined: that of an object for which nobody names one. */
  readonly storageClass?: string | undefined;
  /** Beside attributes that are the source's; never the source's itself. */
  readonly websiteRedirect?: string | undefined;
  /** Never the source's. */
  readonly retention?: Retention | undefined;
  readonly legalHold?: LegalHold | undefined;
  /** Grants on the copy, as `access` encodes them; those of the source are never taken over. */
  readonly acl?: Uint8Array | undefined;
  readonly preconditions?: Preconditions;
  readonly owner: Owner;
  readonly sourceCustomerKey?: CustomerKey;
  readonly encryption?: EncryptionRequest;
  /** Computed anew from the bytes. Undefined: the source's checksum. */
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly signal: AbortSignal;
}

export interface RenameObjectRequest {
  readonly bucket: string;
  readonly sourceKey: string;
  readonly sourcePreconditions?: Preconditions;
  readonly key: string;
  /** Of what is under the new key. */
  readonly preconditions?: Preconditions;
  /** The same token for the same rename: it is done once. */
  readonly clientToken?: string;
}

export interface CopyObjectResult extends PutObjectResult {
  readonly sourceVersionId: string | undefined;
}

export interface ListObjectsRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** "" for none. */
  readonly delimiter: string;
  /** Exclusive: a key or a common prefix. */
  readonly after: string;
  /** 0 to 1,000; keys and common prefixes count alike. */
  readonly limit: number;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly storageClass: string;
  readonly owner: Owner;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
}

export interface ListObjectsResult {
  readonly objects: readonly ListedObject[];
  readonly commonPrefixes: readonly string[];
  /** Set only when more follows: the last key or common prefix of this page. */
  readonly next: string | undefined;
}

export interface CreateUploadRequest {
  readonly bucket: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
  readonly owner: Owner;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
  readonly encryption?: EncryptionRequest;
}

export interface CreateUploadResult {
  readonly uploadId: string;
  readonly encryption?: EncryptionInfo | undefined;
}

export interface UploadAddress {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
}

export interface UploadPartRequest extends UploadAddress {
  readonly partNumber: number;
  readonly body: BodySource;
  readonly signal: AbortSignal;
  readonly customerKey?: CustomerKey;
}

export interface UploadPartResult {
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly checksum: Checksum | undefined;
  readonly encryption?: EncryptionInfo | undefined;
}

export interface UploadPartCopyResult extends UploadPartResult {
  readonly sourceVersionId: string | undefined;
}

export interface UploadPartCopyRequest extends UploadAddress {
  readonly partNumber: number;
  readonly sourceBucket: string;
  readonly sourceKey: string;
  readonly sourceVersionId?: string | undefined;
  readonly sourcePreconditions?: Preconditions;
  /** Inclusive; must lie inside the source. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly signal: AbortSignal;
  readonly sourceCustomerKey?: CustomerKey;
  readonly customerKey?: CustomerKey;
}

export interface CompleteUploadRequest extends UploadAddress {
  readonly parts: readonly {
    readonly partNumber: number;
    readonly etag: string;
    readonly checksum?: Checksum;
  }[];
  readonly preconditions?: Preconditions;
  /** x-amz-checksum-*: what the whole must have. */
  readonly checksum?: Checksum;
  readonly checksumType?: "COMPOSITE" | "FULL_OBJECT";
  /** x-amz-mp-object-size. */
  readonly size?: number;
  readonly customerKey?: CustomerKey;
}

export interface ListedPart {
  readonly partNumber: number;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly checksum: Checksum | undefined;
}

export interface ListPartsResult {
  readonly parts: readonly ListedPart[];
  readonly next: number | undefined;
  readonly owner: Owner;
  readonly storageClass: string;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
}

export interface ListUploadsRequest {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly afterKey: string;
  readonly afterUploadId: string;
  readonly limit: number;
}

export interface ListedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedAtMs: number;
  readonly owner: Owner;
  readonly storageClass: string;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: "COMPOSITE" | "FULL_OBJECT" | undefined;
}

export interface ListUploadsResult {
  readonly uploads: readonly ListedUpload[];
  readonly commonPrefixes: readonly string[];
  readonly next: { readonly key: string; readonly uploadId: string } | undefined;
}
