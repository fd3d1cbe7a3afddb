import {
  compareKeys,
  concatBytes,
  equalBytes,
  fromBase64,
  fromHex,
  toBase64,
  toHex,
} from "../../base/index.ts";
import {
  type BodySource,
  type BucketInfo,
  type Checksum,
  type ChecksumAlgorithm,
  type CompleteUploadRequest,
  type CopyObjectRequest,
  type CreateUploadRequest,
  checkBucketName,
  type DeleteOutcome,
  type GetObjectRequest,
  type GetObjectResult,
  type HeadObjectRequest,
  type ListBucketsRequest,
  type ListBucketsResult,
  type ListedObject,
  type ListedUpload,
  type ListObjectsRequest,
  type ListObjectsResult,
  type ListPartsResult,
  type ListUploadsRequest,
  type ListUploadsResult,
  type ObjectAttributes,
  ObjectError,
  type ObjectInfo,
  type ObjectStore,
  type Preconditions,
  type PutObjectRequest,
  type PutObjectResult,
  type RangeRequest,
  type UploadAddress,
  type UploadPartCopyRequest,
  type UploadPartRequest,
  type UploadPartResult,
} from "../../object/index.ts";
import type { DigestAlgorithm, Hasher } from "../../platform/index.ts";

interface StoredObject {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
  /** Lengths of the parts of a completed upload. */
  readonly parts: readonly number[];
}

interface StoredPart extends UploadPartResult {
  readonly partNumber: number;
  readonly bytes: Uint8Array;
}

interface Upload {
  readonly uploadId: string;
  readonly request: CreateUploadRequest;
  readonly initiatedAtMs: number;
  readonly parts: Map<number, StoredPart>;
}

interface Bucket {
  readonly info: BucketInfo;
  readonly objects: Map<string, StoredObject>;
  readonly uploads: Map<string, Upload>;
}

export interface MemoryObjectStoreOptions {
  readonly hasher: Hasher;
  readonly nowMs: () => number;
  /** S3's is 5 MiB; tests may do with less. */
  readonly minimumPartBytes?: number;
  /** Greatest length of the pieces that bodies come in. */
  readonly pieceBytes?: number;
}

const DIGEST_OF: Readonly<Record<ChecksumAlgorithm, DigestAlgorithm>> = {
  CRC32: "crc32",
  CRC32C: "crc32c",
  CRC64NVME: "crc64nvme",
  SHA1: "sha1",
  SHA256: "sha256",
};

/**
 * All of `ObjectStore` in memory, written as plainly as can be: the gateway's tests run against it, and it says in few lines what the port
 * means. Nothing of it is meant to be fast.
 */
export class MemoryObjectStore implements ObjectStore {
  /** Set to make the next read fail after so many bytes, as when no good copy is left. */
  failReadsAfterBytes: number | undefined;
  readonly #options: MemoryObjectStoreOptions;
  readonly #buckets = new Map<string, Bucket>();
  #lastUpload = 0;

  constructor(options: MemoryObjectStoreOptions) {
    this.#options = options;
  }

  async listBuckets(request: ListBucketsRequest): Promise<ListBucketsResult> {
    const { principal, prefix, after, limit } = request;
    const found = [...this.#buckets.values()]
      .map((bucket) => bucket.info)
      .filter(({ name }) => principal.buckets === undefined || principal.buckets.includes(name))
      .filter(({ name }) => name.startsWith(prefix) && name > after)
      .sort((left, right) => compareKeys(left.name, right.name));
    const buckets = found.slice(0, limit);
    return { buckets, next: found.length > limit ? buckets.at(-1)?.name : undefined };
  }

  async createBucket(request: Parameters<ObjectStore["createBucket"]>[0]): Promise<BucketInfo> {
    checkBucketName(request.bucket);
    const known = this.#buckets.get(request.bucket);
    if (known !== undefined) {
      const own = known.info.owner.id === request.owner.id;
      throw new ObjectError(own ? "bucket-owned-by-you" : "bucket-exists", "a bucket of this name exists");
    }
    const info: BucketInfo = {
      name: request.bucket,
      region: request.region,
      owner: request.owner,
      createdAtMs: this.#options.nowMs(),
    };
    this.#buckets.set(request.bucket, { info, objects: new Map(), uploads: new Map() });
    return info;
  }

  async headBucket(bucket: string): Promise<BucketInfo> {
    return this.#bucket(bucket).info;
  }

  async deleteBucket(name: string): Promise<void> {
    const bucket = this.#bucket(name);
    if (bucket.objects.size > 0) throw new ObjectError("bucket-not-empty", "not empty");
    this.#buckets.delete(name);
  }

  async putObject(request: PutObjectRequest): Promise<PutObjectResult> {
    this.#bucket(request.bucket);
    const { bytes, etag, checksum } = await this.#read(request.body, undefined);
    const bucket = this.#bucket(request.bucket);
    checkWrite(bucket.objects.get(request.key), request.preconditions);
    return this.#store(bucket, request, {
      bytes,
      etag,
      checksum,
      checksumType: checksum && "FULL_OBJECT",
      parts: [],
    });
  }

  async getObject(request: GetObjectRequest): Promise<GetObjectResult> {
    const object = this.#object(request.bucket, request.key);
    checkRead(object.info, request.preconditions);
    const { first, length } = resolveRange(object, request.range);
    const bytes = object.bytes.subarray(first, first + length);
    return {
      info: object.info,
      first,
      length,
      partial: request.range !== undefined,
      body: this.#pieces(bytes),
    };
  }

  async headObject(request: HeadObjectRequest): Promise<ObjectInfo> {
    const { info } = this.#object(request.bucket, request.key);
    checkRead(info, request.preconditions);
    return info;
  }

  async deleteObject(request: Parameters<ObjectStore["deleteObject"]>[0]): Promise<void> {
    const { objects } = this.#bucket(request.bucket);
    checkWrite(objects.get(request.key), request.preconditions);
    objects.delete(request.key);
  }

  async deleteObjects(
    request: Parameters<ObjectStore["deleteObjects"]>[0],
  ): Promise<readonly DeleteOutcome[]> {
    this.#bucket(request.bucket);
    const outcomes: DeleteOutcome[] = [];
    for (const target of request.targets) {
      try {
        await this.deleteObject({ bucket: request.bucket, ...target });
        outcomes.push({ kind: "deleted" });
      } catch (error) {
        if (!(error instanceof ObjectError)) throw error;
        outcomes.push({ kind: "refused", code: error.code, message: error.message });
      }
    }
    return outcomes;
  }

  async copyObject(request: CopyObjectRequest): Promise<PutObjectResult> {
    const source = this.#object(request.sourceBucket, request.sourceKey);
    checkSource(source.info, request.sourcePreconditions);
    const bucket = this.#bucket(request.bucket);
    checkWrite(bucket.objects.get(request.key), request.preconditions);
    const same = request.sourceBucket === request.bucket && request.sourceKey === request.key;
    if (same && request.attributes === undefined)
      throw new ObjectError("copy-to-itself", "nothing would change");
    const attributes = request.attributes ?? source.info.attributes;
    const { etag, checksum, checksumType } = source.info;
    return this.#store(
      bucket,
      { key: request.key, owner: request.owner, attributes },
      { bytes: source.bytes, etag, checksum, checksumType, parts: source.parts },
    );
  }

  async listObjects(request: ListObjectsRequest): Promise<ListObjectsResult> {
    const { objects } = this.#bucket(request.bucket);
    const keys = [...objects.keys()].filter((key) => key.startsWith(request.prefix)).sort(compareKeys);
    const page = foldPage(keys, request, (key) => compareKeys(key, request.after) > 0);
    return {
      objects: page.keys.map((key) => listed(objects.get(key)!)),
      commonPrefixes: page.commonPrefixes,
      next: page.next,
    };
  }

  async createUpload(request: CreateUploadRequest): Promise<{ readonly uploadId: string }> {
    const bucket = this.#bucket(request.bucket);
    const { checksumAlgorithm: algorithm, checksumType: type } = request;
    const sha = algorithm === "SHA1" || algorithm === "SHA256";
    const crc64 = algorithm === "CRC64NVME";
    if ((sha && type === "FULL_OBJECT") || (crc64 && type === "COMPOSITE") || (type && !algorithm)) {
      throw new ObjectError("checksum-type-invalid", `${algorithm} does not have checksum type ${type}`);
    }
    this.#lastUpload += 1;
    const uploadId = `upload${String(this.#lastUpload).padStart(8, "0")}`;
    bucket.uploads.set(uploadId, {
      uploadId,
      request,
      initiatedAtMs: this.#options.nowMs(),
      parts: new Map(),
    });
    return { uploadId };
  }

  async uploadPart(request: UploadPartRequest): Promise<UploadPartResult> {
    const upload = this.#upload(request);
    const { bytes, etag, checksum } = await this.#read(request.body, upload.request.checksumAlgorithm);
    const part = {
      partNumber: request.partNumber,
      bytes,
      etag,
      checksum,
      modifiedAtMs: this.#options.nowMs(),
    };
    this.#upload(request).parts.set(request.partNumber, part);
    return part;
  }

  async uploadPartCopy(request: UploadPartCopyRequest): Promise<UploadPartResult> {
    const upload = this.#upload(request);
    const source = this.#object(request.sourceBucket, request.sourceKey);
    checkSource(source.info, request.sourcePreconditions);
    const { first, last } = request.range ?? { first: 0, last: source.bytes.length - 1 };
    if (last >= source.bytes.length)
      throw new ObjectError("copy-source-invalid", "the range lies outside the source");
    const bytes = source.bytes.subarray(first, last + 1);
    const etag = toHex(this.#options.hasher.digest("md5", bytes));
    const algorithm = upload.request.checksumAlgorithm;
    const checksum = algorithm && { algorithm, value: this.#digest(algorithm, bytes) };
    const part = {
      partNumber: request.partNumber,
      bytes,
      etag,
      checksum,
      modifiedAtMs: this.#options.nowMs(),
    };
    upload.parts.set(request.partNumber, part);
    return part;
  }

  async completeUpload(request: CompleteUploadRequest): Promise<PutObjectResult> {
    const upload = this.#upload(request);
    const parts = this.#chosenParts(upload, request);
    const bytes = concatBytes(parts.map((part) => part.bytes));
    if (request.size !== undefined && request.size !== bytes.length) {
      throw new ObjectError("size-mismatch", `the parts have ${bytes.length} bytes`);
    }
    const bucket = this.#bucket(request.bucket);
    checkWrite(bucket.objects.get(request.key), request.preconditions);
    const md5s = concatBytes(parts.map((part) => fromHex(part.etag)!));
    const etag = `${toHex(this.#options.hasher.digest("md5", md5s))}-${parts.length}`;
    const { checksum, checksumType } = this.#completedChecksum(upload, parts, bytes);
    if (request.checksum !== undefined && request.checksum.value !== checksum?.value) {
      throw new ObjectError("checksum-mismatch", "the checksum is not that of the parts");
    }
    bucket.uploads.delete(upload.uploadId);
    const lengths = parts.map((part) => part.bytes.length);
    return this.#store(bucket, upload.request, { bytes, etag, checksum, checksumType, parts: lengths });
  }

  async abortUpload(request: UploadAddress): Promise<void> {
    const upload = this.#upload(request);
    this.#bucket(request.bucket).uploads.delete(upload.uploadId);
  }

  async listParts(request: Parameters<ObjectStore["listParts"]>[0]): Promise<ListPartsResult> {
    const upload = this.#upload(request);
    const found = [...upload.parts.values()]
      .filter((part) => part.partNumber > request.after)
      .sort((left, right) => left.partNumber - right.partNumber);
    const parts = found.slice(0, request.limit);
    return {
      parts: parts.map((part) => ({ ...part, size: part.bytes.length })),
      next: found.length > request.limit ? parts.at(-1)?.partNumber : undefined,
      owner: upload.request.owner,
      storageClass: upload.request.attributes.storageClass,
      checksumAlgorithm: upload.request.checksumAlgorithm,
      checksumType: upload.request.checksumType,
    };
  }

  async listUploads(request: ListUploadsRequest): Promise<ListUploadsResult> {
    const uploads = [...this.#bucket(request.bucket).uploads.values()]
      .filter((upload) => upload.request.key.startsWith(request.prefix))
      .sort((left, right) => compareKeys(idOf(left), idOf(right)));
    const after = `${request.afterKey}\u0000${request.afterUploadId}`;
    const isAfter = (id: string): boolean =>
      request.afterUploadId === ""
        ? compareKeys(id.slice(0, id.indexOf("\u0000")), request.afterKey) > 0
        : compareKeys(id, after) > 0;
    const page = foldPage(uploads.map(idOf), request, isAfter);
    const chosen = uploads.filter((upload) => page.keys.includes(idOf(upload)));
    const [key = "", uploadId = ""] = page.next?.split("\u0000") ?? [];
    return {
      uploads: chosen.map(listedUpload),
      commonPrefixes: page.commonPrefixes,
      next: page.next === undefined ? undefined : { key, uploadId },
    };
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new ObjectError("bucket-not-found", "there is no bucket of this name");
    return bucket;
  }

  #object(bucket: string, key: string): StoredObject {
    const object = this.#bucket(bucket).objects.get(key);
    if (object === undefined) throw new ObjectError("object-not-found", "there is no object of this key");
    return object;
  }

  #upload(address: UploadAddress): Upload {
    const upload = this.#bucket(address.bucket).uploads.get(address.uploadId);
    if (upload?.request.key !== address.key)
      throw new ObjectError("upload-not-found", "there is no such upload");
    return upload;
  }

  #store(
    bucket: Bucket,
    request: {
      readonly key: string;
      readonly owner: ObjectInfo["owner"];
      readonly attributes: ObjectAttributes;
    },
    what: Pick<ObjectInfo, "etag" | "checksum" | "checksumType"> & Pick<StoredObject, "bytes" | "parts">,
  ): PutObjectResult {
    const info: ObjectInfo = {
      key: request.key,
      size: what.bytes.length,
      etag: what.etag,
      modifiedAtMs: this.#options.nowMs(),
      attributes: request.attributes,
      checksum: what.checksum,
      checksumType: what.checksumType,
      owner: request.owner,
      partsCount: what.parts.length === 0 ? undefined : what.parts.length,
    };
    bucket.objects.set(request.key, { info, bytes: what.bytes, parts: what.parts });
    return info;
  }

  async #read(
    body: BodySource,
    fallback: ChecksumAlgorithm | undefined,
  ): Promise<{ bytes: Uint8Array; etag: string; checksum: Checksum | undefined }> {
    const pieces: Uint8Array[] = [];
    for await (const piece of body.bytes) pieces.push(piece.slice());
    const bytes = concatBytes(pieces);
    if (bytes.length !== body.sizeBytes) throw new Error("the source broke its promise about the length");
    const { md5, sha256, checksum, trailer } = body.expected;
    const computedMd5 = this.#options.hasher.digest("md5", bytes);
    if (md5 !== undefined && !equalBytes(md5, computedMd5))
      throw new ObjectError("md5-mismatch", "wrong MD5");
    if (sha256 !== undefined && !equalBytes(sha256, this.#options.hasher.digest("sha256", bytes))) {
      throw new ObjectError("sha256-mismatch", "wrong SHA-256");
    }
    const algorithm = checksum?.algorithm ?? trailer?.algorithm ?? fallback;
    if (algorithm === undefined) return { bytes, etag: toHex(computedMd5), checksum: undefined };
    const value = this.#digest(algorithm, bytes);
    const promised = checksum?.value ?? trailer?.value();
    if (trailer !== undefined && promised === undefined)
      throw new ObjectError("trailer-missing", "no trailer");
    if (promised !== undefined && promised !== value)
      throw new ObjectError("checksum-mismatch", "wrong checksum");
    return { bytes, etag: toHex(computedMd5), checksum: { algorithm, value } };
  }

  #digest(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
    return toBase64(this.#options.hasher.digest(DIGEST_OF[algorithm], bytes));
  }

  #chosenParts(upload: Upload, request: CompleteUploadRequest): StoredPart[] {
    const minimum = this.#options.minimumPartBytes ?? 5 * 1024 * 1024;
    const numbers = request.parts.map((part) => part.partNumber);
    if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!)) {
      throw new ObjectError("part-order", "order");
    }
    return request.parts.map((wanted, index) => {
      const part = upload.parts.get(wanted.partNumber);
      const sameChecksum = wanted.checksum === undefined || wanted.checksum.value === part?.checksum?.value;
      if (part === undefined || part.etag !== wanted.etag || !sameChecksum)
        throw new ObjectError("part-invalid", "part");
      const last = index === request.parts.length - 1;
      if (!last && part.bytes.length < minimum) throw new ObjectError("part-too-small", "part");
      return part;
    });
  }

  #completedChecksum(
    upload: Upload,
    parts: readonly StoredPart[],
    bytes: Uint8Array,
  ): Pick<ObjectInfo, "checksum" | "checksumType"> {
    const { checksumAlgorithm: algorithm } = upload.request;
    if (algorithm === undefined) return { checksum: undefined, checksumType: undefined };
    const checksumType =
      upload.request.checksumType ?? (algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
    if (checksumType === "FULL_OBJECT") {
      return { checksum: { algorithm, value: this.#digest(algorithm, bytes) }, checksumType };
    }
    const digests = concatBytes(parts.map((part) => fromBase64(part.checksum!.value)!));
    return {
      checksum: { algorithm, value: `${this.#digest(algorithm, digests)}-${parts.length}` },
      checksumType,
    };
  }

  async *#pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    const pieceBytes = this.#options.pieceBytes ?? 64 * 1024;
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      if (this.failReadsAfterBytes !== undefined && offset >= this.failReadsAfterBytes) {
        throw new ObjectError("data-unavailable", "no good copy can be read");
      }
      yield bytes.subarray(offset, offset + pieceBytes);
    }
  }
}

/** Uploads in the order of their listing: by key, then by id. */
function idOf(upload: Upload): string {
  return `${upload.request.key}\u0000${upload.uploadId}`;
}

function foldPage(
  sorted: readonly string[],
  request: { readonly prefix: string; readonly delimiter: string; readonly limit: number },
  isAfter: (key: string) => boolean,
): {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  readonly next: string | undefined;
} {
  const entries: { readonly name: string; readonly isPrefix: boolean }[] = [];
  for (const key of sorted) {
    const at = request.delimiter === "" ? -1 : key.indexOf(request.delimiter, request.prefix.length);
    const name = at < 0 ? key : key.slice(0, at + request.delimiter.length);
    if (isAfter(at < 0 ? key : name) && entries.at(-1)?.name !== name)
      entries.push({ name, isPrefix: at >= 0 });
  }
  const page = entries.slice(0, request.limit);
  return {
    keys: page.filter((entry) => !entry.isPrefix).map((entry) => entry.name),
    commonPrefixes: page.filter((entry) => entry.isPrefix).map((entry) => entry.name),
    next: request.limit > 0 && entries.length > request.limit ? page.at(-1)?.name : undefined,
  };
}

function listed({ info }: StoredObject): ListedObject {
  return {
    ...info,
    storageClass: info.attributes.storageClass,
    checksumAlgorithm: info.checksum?.algorithm,
  };
}

function listedUpload(upload: Upload): ListedUpload {
  const { request, uploadId, initiatedAtMs } = upload;
  return {
    key: request.key,
    uploadId,
    initiatedAtMs,
    owner: request.owner,
    storageClass: request.attributes.storageClass,
    checksumAlgorithm: request.checksumAlgorithm,
    checksumType: request.checksumType,
  };
}

function resolveRange(
  object: StoredObject,
  range: RangeRequest | undefined,
): { first: number; length: number } {
  const size = object.bytes.length;
  if (range === undefined) return { first: 0, length: size };
  if (range.kind === "part") return resolvePart(object, range.partNumber);
  const first = range.kind === "suffix" ? Math.max(size - range.length, 0) : range.first;
  const last = range.kind === "suffix" ? size - 1 : Math.min(range.last ?? size - 1, size - 1);
  if (first > last) {
    throw new ObjectError("range-not-satisfiable", "the range lies behind the end", {
      details: { ActualObjectSize: String(size) },
    });
  }
  return { first, length: last - first + 1 };
}

function resolvePart(object: StoredObject, partNumber: number): { first: number; length: number } {
  const lengths = object.parts.length === 0 ? [object.bytes.length] : object.parts;
  const length = lengths[partNumber - 1];
  if (length === undefined) throw new ObjectError("part-not-found", "there is no such part");
  return { first: lengths.slice(0, partNumber - 1).reduce((sum, each) => sum + each, 0), length };
}

function matches(etags: readonly string[], etag: string): boolean {
  return etags.includes("*") || etags.includes(etag);
}

function checkRead(info: ObjectInfo, conditions: Preconditions | undefined): void {
  if (conditions === undefined) return;
  const { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs } = conditions;
  const modifiedMs = Math.floor(info.modifiedAtMs / 1000) * 1000;
  const failed = ifMatch
    ? !matches(ifMatch, info.etag)
    : ifUnmodifiedSinceMs !== undefined && modifiedMs > ifUnmodifiedSinceMs;
  if (failed) throw new ObjectError("precondition-failed", "a precondition did not hold");
  const unchanged = ifNoneMatch
    ? matches(ifNoneMatch, info.etag)
    : ifModifiedSinceMs !== undefined && modifiedMs <= ifModifiedSinceMs;
  if (!unchanged) return;
  throw new ObjectError("not-modified", "the object has not changed", {
    details: { ETag: info.etag, LastModified: String(info.modifiedAtMs) },
  });
}

function checkSource(info: ObjectInfo, conditions: Preconditions | undefined): void {
  try {
    checkRead(info, conditions);
  } catch {
    throw new ObjectError("precondition-failed", "a precondition on the source did not hold");
  }
}

function checkWrite(present: StoredObject | undefined, conditions: Preconditions | undefined): void {
  if (conditions === undefined) return;
  const { ifMatch, ifNoneMatch, ifMatchSize } = conditions;
  if (present === undefined) {
    if (ifMatch !== undefined) throw new ObjectError("object-not-found", "there is no object of this key");
    return;
  }
  const { etag, size } = present.info;
  const holds =
    (ifMatch === undefined || matches(ifMatch, etag)) &&
    (ifNoneMatch === undefined || !matches(ifNoneMatch, etag)) &&
    (ifMatchSize === undefined || ifMatchSize === size);
  if (!holds) throw new ObjectError("precondition-failed", "a precondition did not hold");
}
