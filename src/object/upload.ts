import { create } from "@bufbuild/protobuf";
import { concatBytes, EMPTY_BYTES, equalBytes, fromHex, toHex } from "../base/index.ts";
import {
  AbortUploadSchema,
  CommitPartSchema,
  CompletePartSchema,
  CompleteUploadSchema,
  CreateUploadSchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BlobSlice,
  BlobSliceSchema,
  type BucketRow,
  type CompletedUploadRow,
  type ObjectRow,
  type PartRow,
  type UploadRow,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { attributesToRow, checkAttributes, checksumTypeFromRow } from "./attributes.ts";
import {
  BodyDigests,
  type ChecksumType,
  checkChecksumType,
  checksumFromRows,
  checksumOfParts,
  checksumRows,
  defaultChecksumType,
} from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { wantedEncryption } from "./encryption/bucket-default.ts";
import { checkCustomerKey, encryptionInfo, proveCustomerKey } from "./encryption/object-keys.ts";
import { partKey } from "./encryption/requested.ts";
import { submitWrapped } from "./encryption/submit-wrapped.ts";
import { ObjectError } from "./errors.ts";
import { freshSource, ofUnchangedSource } from "./find-version.ts";
import { objectBytes } from "./get.ts";
import { checkKey } from "./names.ts";
import type {
  Checksum,
  ChecksumAlgorithm,
  CompleteUploadRequest,
  CreateUploadRequest,
  CreateUploadResult,
  PutObjectResult,
  UploadAddress,
  UploadPartCopyRequest,
  UploadPartCopyResult,
  UploadPartRequest,
  UploadPartResult,
} from "./ports.ts";
import { checkSourcePreconditions } from "./preconditions.ts";
import { MAX_SINGLE_PUT_BYTES, storeBody, writeConditions } from "./put.ts";
import { readSlices } from "./read-slices.ts";
import { expectResult } from "./refusals.ts";
import { formatUploadId, parseUploadId, uploadNotFound } from "./upload-id.ts";
import { shownVersionId } from "./version-id.ts";
import { checkFuture } from "./version-settings.ts";

/** Parts of one upload, as in S3. */
export const MAX_PARTS = 10_000;
/** Greatest size of an object, in bytes: 5 TiB, as in S3. */
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

export async function createUpload(
  context: ObjectContext,
  request: CreateUploadRequest,
): Promise<CreateUploadResult> {
  checkKey(request.key);
  checkAttributes(request.attributes);
  if (request.attributes.retention !== undefined) checkFuture(context, request.attributes.retention);
  const { checksumAlgorithm: algorithm } = request;
  const type = request.checksumType ?? (algorithm && defaultChecksumType(algorithm));
  if (algorithm !== undefined && type !== undefined) checkChecksumType(algorithm, type);
  if (algorithm === undefined && request.checksumType !== undefined) {
    throw new ObjectError("checksum-type-invalid", "a checksum type needs a checksum algorithm");
  }
  const bucket = await context.knownBucket(request.bucket);
  const wanted = wantedEncryption(context, bucket, request.encryption);
  const wrapped = wanted && (await context.keys.create(wanted));
  const uploadId = context.options.newId();
  const result = await submitWrapped(context, wrapped, (encryption) => ({
    case: "createUpload",
    value: create(CreateUploadSchema, {
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      uploadId,
      attributes: attributesToRow(request.attributes, undefined, type, encryption),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
      checksumAlgorithm: algorithm ?? "",
    }),
  }));
  return {
    uploadId: formatUploadId(expectResult(result, "uploadCreated").uploadId),
    encryption: encryptionInfo(wrapped?.row),
  };
}

export async function uploadPart(
  context: ObjectContext,
  request: UploadPartRequest,
): Promise<UploadPartResult> {
  checkPartNumber(request.partNumber);
  const upload = await knownUpload(context, request);
  const algorithm = algorithmOf(upload);
  const sent = request.body.expected.checksum?.algorithm ?? request.body.expected.trailer?.algorithm;
  if (algorithm !== undefined && sent !== undefined && sent !== algorithm) {
    throw new ObjectError(
      "checksum-type-invalid",
      `the upload was begun with ${algorithm}, the part has ${sent}`,
    );
  }
  const encryption = upload.attributes?.encryption;
  const key = await partKey(context, encryption, request.customerKey);
  const stored = await storeBody(context, request.body, {
    signal: request.signal,
    ...(key !== undefined && { key }),
    ...(algorithm !== undefined && { fallbackChecksum: algorithm }),
  });
  const result = await context.submit({
    case: "commitPart",
    value: create(CommitPartSchema, {
      bucket: request.bucket,
      key: request.key,
      uploadId: upload.uploadId,
      partNumber: request.partNumber,
      size: BigInt(request.body.sizeBytes),
      etag: stored.etag,
      ...stored.rows,
      checksums: checksumRows(stored.checksum),
      ...(key !== undefined && { salt: key.salt }),
    }),
  });
  const committed = expectResult(result, "partCommitted");
  return {
    etag: stored.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    checksum: stored.checksum,
    encryption: encryptionInfo(encryption),
  };
}

/**
 * A part made of another object's bytes: references to its blobs. The bytes are read once, for the part's MD5 (and checksum), and none
 * are written; again when the source was overwritten meanwhile.
 */
export async function uploadPartCopy(
  context: ObjectContext,
  request: UploadPartCopyRequest,
): Promise<UploadPartCopyResult> {
  checkPartNumber(request.partNumber);
  return await ofUnchangedSource(() => copyPartOnce(context, request));
}

async function copyPartOnce(
  context: ObjectContext,
  request: UploadPartCopyRequest,
): Promise<UploadPartCopyResult> {
  const upload = await knownUpload(context, request);
  const { bucket: sourceBucket, row: source } = await freshSource(context, request);
  const sourceVersionId = shownVersionId(sourceBucket, source);
  // Before anything that tells of the content: its ETag, its size.
  proveCustomerKey(source.attributes?.encryption, request.sourceCustomerKey);
  checkSourcePreconditions(
    { etag: source.etag, modifiedAtMs: Number(source.modifiedAtMs) },
    request.sourcePreconditions,
  );
  const size = Number(source.size);
  const first = request.range?.first ?? 0;
  const length = request.range === undefined ? size : request.range.last - first + 1;
  if (length < 0 || first + length > size) {
    throw new ObjectError("range-not-satisfiable", "the range lies outside the copy source", {
      details: { ActualObjectSize: String(size) },
    });
  }
  if (length > MAX_SINGLE_PUT_BYTES) throw new ObjectError("object-too-large", "a part has at most 5 GiB");
  const algorithm = algorithmOf(upload);
  if (source.attributes?.encryption !== undefined || upload.attributes?.encryption !== undefined) {
    const rewritten = await rewritePart(context, { request, upload, source, first, length });
    return { ...rewritten, sourceVersionId };
  }
  checkCustomerKey(undefined, request.customerKey);
  const { etag, checksum } = await digestSlices(context, source.slices, {
    first,
    length,
    algorithm,
    signal: request.signal,
  });
  const result = await context.submit({
    case: "commitPart",
    value: create(CommitPartSchema, {
      bucket: request.bucket,
      key: request.key,
      uploadId: upload.uploadId,
      partNumber: request.partNumber,
      size: BigInt(length),
      etag,
      slices: cutSlices(source.slices, first, length),
      checksums: checksumRows(checksum),
      sourceBucket: request.sourceBucket,
      sourceKey: request.sourceKey,
      sourceVersionId: source.versionId,
    }),
  });
  const committed = expectResult(result, "partCommitted");
  return { etag, modifiedAtMs: Number(committed.modifiedAtMs), checksum, sourceVersionId };
}

/** A copied part where source or upload is encrypted: its bytes flow through this node and are a body of their own. */
async function rewritePart(
  context: ObjectContext,
  copy: {
    readonly request: UploadPartCopyRequest;
    readonly upload: UploadRow;
    readonly source: ObjectRow;
    readonly first: number;
    readonly length: number;
  },
): Promise<UploadPartResult> {
  const { request, upload, source, first, length } = copy;
  const { signal, sourceCustomerKey, customerKey } = request;
  const encryption = upload.attributes?.encryption;
  const key = await partKey(context, encryption, customerKey);
  const bytes = await objectBytes(context, source, { first, length, signal }, sourceCustomerKey);
  const algorithm = algorithmOf(upload);
  const stored = await storeBody(
    context,
    { sizeBytes: length, bytes, expected: {} },
    {
      signal,
      ...(key !== undefined && { key }),
      ...(algorithm !== undefined && { fallbackChecksum: algorithm }),
    },
  );
  const result = await context.submit({
    case: "commitPart",
    value: create(CommitPartSchema, {
      bucket: request.bucket,
      key: request.key,
      uploadId: upload.uploadId,
      partNumber: request.partNumber,
      size: BigInt(length),
      etag: stored.etag,
      ...stored.rows,
      checksums: checksumRows(stored.checksum),
      ...(key !== undefined && { salt: key.salt }),
    }),
  });
  const committed = expectResult(result, "partCommitted");
  return {
    etag: stored.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    checksum: stored.checksum,
    encryption: encryptionInfo(encryption),
  };
}

export async function completeUpload(
  context: ObjectContext,
  request: CompleteUploadRequest,
): Promise<PutObjectResult> {
  const uploadId = parseUploadId(request.uploadId);
  checkPartList(request);
  await context.barrier();
  const upload = context.view.upload(uploadId);
  if (upload === undefined || upload.bucket !== request.bucket || upload.key !== request.key) {
    return repeatedCompletion(context, request, uploadId);
  }
  const encryption = upload.attributes?.encryption;
  proveCustomerKey(encryption, request.customerKey);
  const parts = checkedParts(context, uploadId, request);
  if (parts === undefined) return repeatedCompletion(context, request, uploadId);
  const total = parts.reduce((sum, part) => sum + Number(part.size), 0);
  if (request.size !== undefined && request.size !== total) {
    throw new ObjectError(
      "size-mismatch",
      `the parts have ${total} bytes, x-amz-mp-object-size says ${request.size}`,
    );
  }
  if (total > MAX_OBJECT_BYTES) throw new ObjectError("object-too-large", "an object has at most 5 TiB");
  const { checksum, type } = completedChecksum(context, upload, parts, request);
  const result = await context.submit({
    case: "completeUpload",
    value: create(CompleteUploadSchema, {
      bucket: request.bucket,
      key: request.key,
      uploadId,
      parts: parts.map(({ partNumber, etag }) => create(CompletePartSchema, { partNumber, etag })),
      versionId: context.options.newId(),
      ...writeConditions(context, request),
      etag: multipartEtag(context, parts),
      checksums: checksumRows(checksum),
      checksumType: type ?? "",
      minimumPartSize: BigInt(context.options.minimumPartBytes),
    }),
  });
  const committed = expectResult(result, "objectCommitted");
  const bucket = await context.knownBucket(request.bucket);
  return {
    versionId: shownVersionId(bucket, committed),
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: Number(committed.size),
    checksum,
    checksumType: type,
    encryption: encryptionInfo(encryption),
  };
}

export async function abortUpload(context: ObjectContext, request: UploadAddress): Promise<void> {
  const upload = await knownUpload(context, request);
  const result = await context.submit({
    case: "abortUpload",
    value: create(AbortUploadSchema, { bucket: request.bucket, key: request.key, uploadId: upload.uploadId }),
  });
  expectResult(result, "done");
}

/** An upload is bound to its bucket and key: the id alone opens nothing. */
export async function knownUpload(context: ObjectContext, address: UploadAddress): Promise<UploadRow> {
  const uploadId = parseUploadId(address.uploadId);
  let upload = context.view.upload(uploadId);
  if (upload === undefined) {
    await context.freshBucket(address.bucket);
    upload = context.view.upload(uploadId);
  }
  if (upload === undefined || upload.bucket !== address.bucket || upload.key !== address.key) {
    throw uploadNotFound(address.uploadId);
  }
  return upload;
}

export function algorithmOf(upload: UploadRow): ChecksumAlgorithm | undefined {
  return upload.checksumAlgorithm === "" ? undefined : (upload.checksumAlgorithm as ChecksumAlgorithm);
}

function checkPartNumber(partNumber: number): void {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PARTS) {
    throw new ObjectError("part-number-invalid", `a part number lies between 1 and ${MAX_PARTS}`);
  }
}

function checkPartList(request: CompleteUploadRequest): void {
  const { parts } = request;
  if (parts.length === 0) throw new ObjectError("part-invalid", "a completion names at least one part");
  if (parts.length > MAX_PARTS)
    throw new ObjectError("part-invalid", `an upload has at most ${MAX_PARTS} parts`);
  for (const [index, part] of parts.entries()) {
    checkPartNumber(part.partNumber);
    const before = parts[index - 1];
    if (before !== undefined && before.partNumber >= part.partNumber) {
      throw new ObjectError("part-order", "the parts must be named in ascending order, each once");
    }
  }
}

/** Undefined: the upload was completed, or aborted, while they were looked at. */
function checkedParts(
  context: ObjectContext,
  uploadId: Uint8Array,
  request: CompleteUploadRequest,
): readonly PartRow[] | undefined {
  try {
    return request.parts.map((wanted) => checkedPart(context, uploadId, wanted));
  } catch (error) {
    if (context.view.upload(uploadId) === undefined) return undefined;
    throw error;
  }
}

function checkedPart(
  context: ObjectContext,
  uploadId: Uint8Array,
  wanted: CompleteUploadRequest["parts"][number],
): PartRow {
  const part = context.view.part(uploadId, wanted.partNumber);
  const details = { PartNumber: String(wanted.partNumber), ETag: wanted.etag };
  if (part === undefined || part.etag !== wanted.etag) {
    throw new ObjectError("part-invalid", `part ${wanted.partNumber} was not uploaded, or has another ETag`, {
      details,
    });
  }
  if (wanted.checksum !== undefined) {
    const stored = part.checksums.find((header) => header.name === wanted.checksum?.algorithm);
    if (stored?.value !== wanted.checksum.value) {
      throw new ObjectError("part-invalid", `part ${wanted.partNumber} has another checksum`, { details });
    }
  }
  return part;
}

/**
 * The answer to a completion that has been done already, as S3 gives it: the same again. Refuses "upload-not-found" for another one of the same upload, and
 * "bucket-not-found".
 */
function repeatedCompletion(
  context: ObjectContext,
  request: CompleteUploadRequest,
  uploadId: Uint8Array,
): PutObjectResult {
  const bucket = context.bucket(request.bucket);
  const completed: CompletedUploadRow | undefined = context.view.completedUpload(uploadId);
  if (completed === undefined || !isSameCompletion(context, request, completed, bucket)) {
    throw uploadNotFound(request.uploadId);
  }
  const row = context.view.object(bucket.bucketId, request.key);
  const isCurrent = row !== undefined && equalBytes(row.versionId, completed.versionId);
  const current = isCurrent ? row : context.view.version(bucket.bucketId, request.key, completed.versionId);
  return {
    versionId: shownVersionId(bucket, completed),
    etag: completed.etag,
    modifiedAtMs: Number(completed.completedAtMs),
    size: Number(completed.size),
    checksum: checksumFromRows(current?.attributes?.checksums ?? []),
    checksumType: checksumTypeFromRow(current?.attributes),
    encryption: encryptionInfo(current?.attributes?.encryption),
  };
}

function isSameCompletion(
  context: ObjectContext,
  request: CompleteUploadRequest,
  completed: CompletedUploadRow,
  bucket: BucketRow,
): boolean {
  if (completed.bucket !== request.bucket || completed.key !== request.key) return false;
  // Made anew under the name since: the object is not in it. Times of entries never go back.
  if (bucket.createdAtMs > completed.completedAtMs) return false;
  if (request.size !== undefined && request.size !== Number(completed.size)) return false;
  return multipartEtag(context, request.parts) === completed.etag;
}

function completedChecksum(
  context: ObjectContext,
  upload: UploadRow,
  parts: readonly PartRow[],
  request: CompleteUploadRequest,
): { readonly checksum: Checksum | undefined; readonly type: ChecksumType | undefined } {
  const algorithm = algorithmOf(upload);
  if (algorithm === undefined) return { checksum: undefined, type: undefined };
  const type = checksumTypeFromRow(upload.attributes) ?? defaultChecksumType(algorithm);
  if (request.checksumType !== undefined && request.checksumType !== type) {
    throw new ObjectError("checksum-type-invalid", `the upload was begun with checksum type ${type}`);
  }
  const checksum = checksumOfParts(context.options.hasher, parts, algorithm, type);
  const promised = request.checksum;
  if (promised !== undefined && (promised.algorithm !== algorithm || promised.value !== checksum?.value)) {
    throw new ObjectError(
      "checksum-mismatch",
      `the ${promised.algorithm} that you gave is not that of the parts`,
    );
  }
  return checksum === undefined ? { checksum: undefined, type: undefined } : { checksum, type };
}

/** MD5 of the parts' MD5s, with their number, as S3 does. */
function multipartEtag(context: ObjectContext, parts: readonly Pick<PartRow, "etag">[]): string {
  const md5s = parts.map((part) => fromHex(part.etag) ?? EMPTY_BYTES);
  return `${toHex(context.options.hasher.digest("md5", concatBytes(md5s)))}-${parts.length}`;
}

async function digestSlices(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  what: {
    readonly first: number;
    readonly length: number;
    readonly algorithm: ChecksumAlgorithm | undefined;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly etag: string; readonly checksum: Checksum | undefined }> {
  const body = { sizeBytes: what.length, bytes: readSlices(context, slices, what), expected: {} };
  const judge = new BodyDigests(body, what.algorithm);
  const digest = context.options.hasher.start(judge.algorithms, what.length);
  try {
    for await (const piece of body.bytes) await digest.update(piece);
    return judge.verify(await digest.finish());
  } catch (error) {
    digest.abandon();
    throw error;
  }
}

/** The slices that make up [first, first + length) of a manifest. */
export function cutSlices(slices: readonly BlobSlice[], first: number, length: number): BlobSlice[] {
  const cut: BlobSlice[] = [];
  let skip = first;
  let left = length;
  for (const slice of slices) {
    const sliceLength = Number(slice.length);
    if (skip >= sliceLength) {
      skip -= sliceLength;
      continue;
    }
    if (left === 0) break;
    const count = Math.min(left, sliceLength - skip);
    cut.push(
      create(BlobSliceSchema, {
        blobId: slice.blobId,
        offset: slice.offset + BigInt(skip),
        length: BigInt(count),
      }),
    );
    skip = 0;
    left -= count;
  }
  return cut;
}
