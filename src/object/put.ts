import { create } from "@bufbuild/protobuf";
import type { BlobWritten } from "../blob/index.ts";
import { CommitObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BlobSlice, BlobSliceSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { attributesToRow, checkAttributes } from "./attributes.ts";
import { BodyDigests, type ChecksumType } from "./checksums.ts";
import { type ObjectContext, translate } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { BodySource, Checksum, ChecksumAlgorithm, PutObjectRequest, PutObjectResult } from "./ports.ts";
import { preconditionsMessage } from "./preconditions.ts";
import { expectResult } from "./refusals.ts";

/** Greatest size of a single PUT or part, in bytes: 5 GiB, as in S3. */
export const MAX_SINGLE_PUT_BYTES = 5 * 1024 ** 3;

export async function putObject(context: ObjectContext, request: PutObjectRequest): Promise<PutObjectResult> {
  checkKey(request.key);
  checkAttributes(request.attributes);
  const bucket = await context.knownBucket(request.bucket);
  const stored = await storeBody(context, request.body, { signal: request.signal });
  const checksumType: ChecksumType | undefined = stored.checksum === undefined ? undefined : "FULL_OBJECT";
  const result = await context.submit({
    case: "commitObject",
    value: create(CommitObjectSchema, {
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId: context.options.newId(),
      size: BigInt(request.body.sizeBytes),
      etag: stored.etag,
      attributes: attributesToRow(request.attributes, stored.checksum, checksumType),
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
    size: Number(committed.size),
    checksum: stored.checksum,
    checksumType,
  };
}

export function withPreconditions(preconditions: PutObjectRequest["preconditions"]) {
  const message = preconditionsMessage(preconditions);
  return message === undefined ? {} : { preconditions: message };
}

export interface StoredBody {
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  /** What the commit names. */
  readonly rows: { readonly blobs: NonNullable<BlobWritten["blob"]>[]; readonly slices: BlobSlice[] };
}

/** Makes the bytes durable and checks everything that was promised about them. Nothing is visible yet. */
export async function storeBody(
  context: ObjectContext,
  body: BodySource,
  options: { readonly signal: AbortSignal; readonly fallbackChecksum?: ChecksumAlgorithm },
): Promise<StoredBody> {
  if (body.sizeBytes > MAX_SINGLE_PUT_BYTES) {
    throw new ObjectError("object-too-large", "a single upload has at most 5 GiB; use a multipart upload", {
      details: { ProposedSize: String(body.sizeBytes), MaxSizeAllowed: String(MAX_SINGLE_PUT_BYTES) },
    });
  }
  const judge = new BodyDigests(body, options.fallbackChecksum);
  const written = await context.options.blobs
    .write({
      sizeBytes: body.sizeBytes,
      bytes: body.bytes,
      digests: judge.algorithms,
      signal: options.signal,
    })
    .catch((error: unknown) => {
      throw translate(error);
    });
  return { ...judge.verify(written.digests), rows: rowsOf(written) };
}

function rowsOf(written: BlobWritten): StoredBody["rows"] {
  const { blob } = written;
  if (blob === undefined) return { blobs: [], slices: [] };
  const slice = create(BlobSliceSchema, { blobId: blob.blobId, offset: 0n, length: blob.size });
  return { blobs: [blob], slices: [slice] };
}
