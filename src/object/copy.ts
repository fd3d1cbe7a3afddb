import { create } from "@bufbuild/protobuf";
import { CommitObjectSchema, CopyObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type {
  ObjectAttributes as AttributesRow,
  BucketRow,
  ObjectEncryption,
  ObjectRow,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { attributesFromRow, attributesToRow, checkAttributes, checksumTypeFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { wantedEncryption } from "./encryption/bucket-default.ts";
import { checkCustomerKey, encryptionInfo } from "./encryption/object-keys.ts";
import { encryptedAs } from "./encryption/requested.ts";
import { ObjectError } from "./errors.ts";
import { freshObject, objectBytes } from "./get.ts";
import { checkKey } from "./names.ts";
import type { CopyObjectRequest, EncryptionRequest, PutObjectResult } from "./ports.ts";
import { checkSourcePreconditions } from "./preconditions.ts";
import { MAX_SINGLE_PUT_BYTES, storeBody, withPreconditions } from "./put.ts";
import { expectResult } from "./refusals.ts";

/** How often a copy begins again because its source was written meanwhile. */
const SOURCE_ATTEMPTS = 5;

/** Adds references to the source's blobs; no bytes move unless the copy is encrypted and the source is not, or the other way round. The commit checks that the source is still the version that was read. */
export async function copyObject(
  context: ObjectContext,
  request: CopyObjectRequest,
): Promise<PutObjectResult> {
  checkKey(request.key);
  if (request.attributes !== undefined) checkAttributes(request.attributes);
  const toItself = request.sourceBucket === request.bucket && request.sourceKey === request.key;
  if (toItself && request.attributes === undefined && request.encryption === undefined) {
    throw new ObjectError(
      "copy-to-itself",
      "a copy onto itself must change the metadata, the storage class or the encryption",
    );
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await copyOnce(context, request);
    } catch (error) {
      const changed = error instanceof ObjectError && error.code === "source-changed";
      if (!changed || attempt === SOURCE_ATTEMPTS) throw error;
    }
  }
}

async function copyOnce(context: ObjectContext, request: CopyObjectRequest): Promise<PutObjectResult> {
  const source = await freshObject(context, request.sourceBucket, request.sourceKey);
  checkSourcePreconditions(
    { etag: source.etag, modifiedAtMs: Number(source.modifiedAtMs) },
    request.sourcePreconditions,
  );
  if (source.size > BigInt(MAX_SINGLE_PUT_BYTES)) {
    throw new ObjectError("object-too-large", "a copy in one piece has at most 5 GiB; use UploadPartCopy");
  }
  const bucket = await context.knownBucket(request.bucket);
  const kept = source.attributes?.encryption;
  const wanted = wantedEncryption(context, bucket, request.encryption);
  if ((kept === undefined) !== (wanted === undefined) || request.checksumAlgorithm !== undefined) {
    return rewrite(context, { request, source, bucket, wanted });
  }
  checkCustomerKey(kept, request.sourceCustomerKey);
  // The bytes stay as they are; only their data key is wrapped anew.
  const encryption = kept && wanted && (await context.keys.rewrap(kept, request.sourceCustomerKey, wanted));
  const attributes = copiedAttributes(source, request, encryption);
  const result = await context.submit({
    case: "copyObject",
    value: create(CopyObjectSchema, {
      sourceBucket: request.sourceBucket,
      sourceKey: request.sourceKey,
      sourceVersionId: source.versionId,
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId: context.options.newId(),
      ...(attributes !== undefined && { attributes }),
      ...withPreconditions(request.preconditions),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
    }),
  });
  const committed = expectResult(result, "objectCommitted");
  return {
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: Number(committed.size),
    checksum: checksumFromRows(attributes?.checksums ?? []),
    checksumType: checksumTypeFromRow(attributes),
    encryption: encryptionInfo(encryption),
  };
}

/** A copy whose bytes are other ones than the source's, or must be read for a new checksum: they flow through this node. */
async function rewrite(
  context: ObjectContext,
  copy: {
    readonly request: CopyObjectRequest;
    readonly source: ObjectRow;
    readonly bucket: BucketRow;
    readonly wanted: EncryptionRequest | undefined;
  },
): Promise<PutObjectResult> {
  const { request, source, bucket, wanted } = copy;
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
  const attributes = request.attributes ?? attributesFromRow(source.attributes);
  const result = await context.submit({
    case: "commitObject",
    value: create(CommitObjectSchema, {
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId: context.options.newId(),
      size: source.size,
      etag: stored.etag,
      attributes: attributesToRow(attributes, stored.checksum, checksumType, sealed?.row),
      ...stored.rows,
      ...withPreconditions(request.preconditions),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
    }),
  });
  const committed = expectResult(result, "objectCommitted");
  return {
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: sizeBytes,
    checksum: stored.checksum,
    checksumType,
    encryption: encryptionInfo(sealed?.row),
  };
}

/** The bytes are the same, so the checksums stay whatever the client says about the rest. */
function copiedAttributes(
  source: ObjectRow,
  request: CopyObjectRequest,
  encryption: ObjectEncryption | undefined,
): AttributesRow | undefined {
  if (request.attributes === undefined) {
    const { attributes } = source;
    return attributes && encryption ? { ...attributes, encryption } : attributes;
  }
  const checksum = checksumFromRows(source.attributes?.checksums ?? []);
  return attributesToRow(request.attributes, checksum, checksumTypeFromRow(source.attributes), encryption);
}
