import { create } from "@bufbuild/protobuf";
import { CommitObjectSchema, CopyObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { BucketRow, ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import {
  attributesFromRow,
  attributesToRow,
  checkAttributes,
  checksumTypeFromRow,
  DEFAULT_STORAGE_CLASS,
  withWebsiteRedirect,
} from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { wantedEncryption } from "./encryption/bucket-default.ts";
import { encryptionInfo, proveCustomerKey } from "./encryption/object-keys.ts";
import { encryptedAs } from "./encryption/requested.ts";
import { submitWrapped } from "./encryption/submit-wrapped.ts";
import { ObjectError } from "./errors.ts";
import { freshSource, ofUnchangedSource } from "./find-version.ts";
import { objectBytes } from "./get.ts";
import { checkKey } from "./names.ts";
import type { CopyObjectRequest, CopyObjectResult, EncryptionRequest, ObjectAttributes } from "./ports.ts";
import { checkSourcePreconditions } from "./preconditions.ts";
import { MAX_SINGLE_PUT_BYTES, storeBody, writeConditions } from "./put.ts";
import { expectResult } from "./refusals.ts";
import { checkTags, MAX_OBJECT_TAGS } from "./tags.ts";
import { shownVersionId } from "./version-id.ts";
import { checkFuture } from "./version-settings.ts";

/** Adds references to the source's blobs; no bytes move unless the copy is encrypted and the source is not, or the other way round. The commit checks that the source is still the version that was read. */
export async function copyObject(
  context: ObjectContext,
  request: CopyObjectRequest,
): Promise<CopyObjectResult> {
  checkKey(request.key);
  if (request.attributes !== undefined) checkAttributes(request.attributes);
  if (request.tags !== undefined) checkTags(request.tags, MAX_OBJECT_TAGS);
  if (request.retention !== undefined) checkFuture(context, request.retention);
  return await ofUnchangedSource(() => copyOnce(context, request));
}

/**
 * As S3 decides it: by what is asked for, though it be what is there already (a storage class), and by a default encryption of the bucket; another checksum
 * is no change.
 */
function changesNothing(context: ObjectContext, bucket: BucketRow, request: CopyObjectRequest): boolean {
  const isSameKey = request.sourceBucket === request.bucket && request.sourceKey === request.key;
  if (!isSameKey || request.sourceVersionId !== undefined) return false;
  const { attributes, tags, websiteRedirect, storageClass } = request;
  const encryption = wantedEncryption(context, bucket, request.encryption);
  return (attributes ?? tags ?? websiteRedirect ?? storageClass ?? encryption) === undefined;
}

async function copyOnce(context: ObjectContext, request: CopyObjectRequest): Promise<CopyObjectResult> {
  const { bucket: sourceBucket, row: source } = await freshSource(context, request);
  if (changesNothing(context, sourceBucket, request)) {
    throw new ObjectError(
      "copy-to-itself",
      "a copy onto itself must change the metadata, the tags, the storage class, the website redirect or the encryption",
    );
  }
  const sourceVersionId = shownVersionId(sourceBucket, source);
  const kept = source.attributes?.encryption;
  // Before anything that tells of the content: its ETag, its size.
  proveCustomerKey(kept, request.sourceCustomerKey);
  checkSourcePreconditions(
    { etag: source.etag, modifiedAtMs: Number(source.modifiedAtMs) },
    request.sourcePreconditions,
  );
  if (source.size > BigInt(MAX_SINGLE_PUT_BYTES)) {
    throw new ObjectError("object-too-large", "a copy in one piece has at most 5 GiB; use UploadPartCopy");
  }
  const bucket = await context.knownBucket(request.bucket);
  const wanted = wantedEncryption(context, bucket, request.encryption);
  if ((kept === undefined) !== (wanted === undefined) || request.checksumAlgorithm !== undefined) {
    return rewrite(context, { request, source, sourceVersionId, bucket, wanted });
  }
  // The bytes stay as they are; only their data key is wrapped anew.
  const wrapped = kept && wanted && (await context.keys.rewrap(kept, request.sourceCustomerKey, wanted));
  const checksum = checksumFromRows(source.attributes?.checksums ?? []);
  const checksumType = checksumTypeFromRow(source.attributes);
  const attributes = copiedAttributes(source, request);
  const versionId = context.options.newId();
  const result = await submitWrapped(context, wrapped, (encryption) => ({
    case: "copyObject",
    value: create(CopyObjectSchema, {
      sourceBucket: request.sourceBucket,
      sourceKey: request.sourceKey,
      sourceVersionId: source.versionId,
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId,
      attributes: attributesToRow(attributes, checksum, checksumType, encryption),
      ...writeConditions(context, request),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
    }),
  }));
  const committed = expectResult(result, "objectCommitted");
  return {
    versionId: shownVersionId(context.asCommitted(bucket), committed),
    sourceVersionId,
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: Number(committed.size),
    checksum,
    checksumType,
    encryption: encryptionInfo(wrapped?.row),
  };
}

/** A copy whose bytes are other ones than the source's, or must be read for a new checksum: they flow through this node. */
async function rewrite(
  context: ObjectContext,
  copy: {
    readonly request: CopyObjectRequest;
    readonly source: ObjectRow;
    readonly sourceVersionId: string | undefined;
    readonly bucket: BucketRow;
    readonly wanted: EncryptionRequest | undefined;
  },
): Promise<CopyObjectResult> {
  const { request, source, sourceVersionId, bucket, wanted } = copy;
  const sizeBytes = Number(source.size);
  const range = { first: 0, length: sizeBytes, signal: request.signal };
  const bytes = await objectBytes(context, source, range, request.sourceCustomerKey);
  const sealed = wanted && (await encryptedAs(context, wanted));
  const fallbackChecksum =
    request.checksumAlgorithm ?? checksumFromRows(source.attributes?.checksums ?? [])?.algorithm;
  const stored = await storeBody(
    context,
    { sizeBytes, bytes, expected: {} },
    {
      signal: request.signal,
      ...(fallbackChecksum !== undefined && { fallbackChecksum }),
      ...(sealed !== undefined && { key: sealed.key }),
    },
  );
  const checksumType = stored.checksum === undefined ? undefined : "FULL_OBJECT";
  const attributes = copiedAttributes(source, request);
  const versionId = context.options.newId();
  const result = await submitWrapped(context, sealed, (encryption) => ({
    case: "commitObject",
    value: create(CommitObjectSchema, {
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId,
      size: source.size,
      etag: stored.etag,
      attributes: attributesToRow(attributes, stored.checksum, checksumType, encryption),
      ...stored.rows,
      ...writeConditions(context, request),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
    }),
  }));
  const committed = expectResult(result, "objectCommitted");
  return {
    versionId: shownVersionId(context.asCommitted(bucket), committed),
    sourceVersionId,
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: sizeBytes,
    checksum: stored.checksum,
    checksumType,
    encryption: encryptionInfo(sealed?.row),
  };
}

/**
 * What keeps the source (retention, legal hold) is never the copy's, nor is who else may use it, nor where its website redirects, nor, as in S3, its storage
 * class.
 */
function copiedAttributes(source: ObjectRow, request: CopyObjectRequest): ObjectAttributes {
  const before = attributesFromRow(source.attributes);
  const { contentType, headers, userMetadata, storageClass } = request.attributes ?? {
    ...withWebsiteRedirect(before, request.websiteRedirect),
    storageClass: request.storageClass ?? DEFAULT_STORAGE_CLASS,
  };
  const tags = request.tags ?? before.tags;
  return {
    contentType,
    headers,
    userMetadata,
    storageClass,
    ...(tags && { tags }),
    ...(request.retention && { retention: request.retention }),
    ...(request.legalHold && { legalHold: request.legalHold }),
    ...(request.acl && { acl: request.acl }),
  };
}
