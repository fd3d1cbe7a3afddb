import { create } from "@bufbuild/protobuf";
import { type CommitObject, CommitObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { attributesToRow, checkAttributes } from "./attributes.ts";
import { BodyDigests, type ChecksumType } from "./checksums.ts";
import { type ObjectContext, translate } from "./context.ts";
import { wantedEncryption } from "./encryption/bucket-default.ts";
import { type BodyKey, encryptionInfo } from "./encryption/object-keys.ts";
import { encryptedAs } from "./encryption/requested.ts";
import { storeSealed } from "./encryption/store-sealed.ts";
import { submitWrapped } from "./encryption/submit-wrapped.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { BodySource, ChecksumAlgorithm, PutObjectRequest, PutObjectResult } from "./ports.ts";
import { preconditionsMessage } from "./preconditions.ts";
import { expectResult } from "./refusals.ts";
import { storeOpenEnded } from "./store-open-ended.ts";
import { rowsOf, type StoredBody } from "./stored-body.ts";
import { shownVersionId } from "./version-id.ts";
import { checkFuture } from "./version-settings.ts";

/** Greatest size of a single PUT or part, in bytes: 5 GiB, as in S3. */
export const MAX_SINGLE_PUT_BYTES = 5 * 1024 ** 3;

/** To be spread. A copy: what `create` makes is slow to read, and so is all that is made of it. */
const BLANK_COMMIT: CommitObject = { ...create(CommitObjectSchema) };

export async function putObject(context: ObjectContext, request: PutObjectRequest): Promise<PutObjectResult> {
  checkKey(request.key);
  checkAttributes(request.attributes);
  if (request.attributes.retention !== undefined) checkFuture(context, request.attributes.retention);
  const bucket = await context.knownBucket(request.bucket);
  const wanted = wantedEncryption(context, bucket, request.encryption);
  const sealed = wanted && (await encryptedAs(context, wanted));
  const stored = await storeBody(context, request.body, {
    signal: request.signal,
    ...(sealed !== undefined && { key: sealed.key }),
  });
  const checksumType: ChecksumType | undefined = stored.checksum === undefined ? undefined : "FULL_OBJECT";
  const versionId = context.options.newId();
  const result = await submitWrapped(context, sealed, (encryption) => ({
    case: "commitObject",
    value: {
      ...BLANK_COMMIT,
      bucket: request.bucket,
      bucketId: bucket.bucketId,
      key: request.key,
      versionId,
      size: BigInt(stored.sizeBytes),
      etag: stored.etag,
      attributes: attributesToRow(request.attributes, stored.checksum, checksumType, encryption),
      ...stored.rows,
      ...writeConditions(context, request),
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
    },
  }));
  const committed = expectResult(result, "objectCommitted");
  return {
    versionId: shownVersionId(context.asCommitted(bucket), committed),
    etag: committed.etag,
    modifiedAtMs: Number(committed.modifiedAtMs),
    size: Number(committed.size),
    checksum: stored.checksum,
    checksumType,
    encryption: encryptionInfo(sealed?.row),
  };
}

/**
 * Of a write of an object. Where its bucket demands If-Match for overwriting, a request without one may only create: the apply decides it, so nothing comes
 * in between.
 */
export function writeConditions(
  context: ObjectContext,
  request: Pick<PutObjectRequest, "bucket" | "preconditions">,
) {
  const { bucket, preconditions } = request;
  const mustCreate =
    preconditions?.ifMatch === undefined && context.options.requiresIfMatch?.(bucket) === true;
  return withPreconditions(mustCreate ? { ...preconditions, ifNoneMatch: ["*"] } : preconditions);
}

export function withPreconditions(preconditions: PutObjectRequest["preconditions"]) {
  const message = preconditionsMessage(preconditions);
  return message === undefined ? {} : { preconditions: message };
}

/** Makes the bytes durable and checks everything that was promised about them. Nothing is visible yet. */
export async function storeBody(
  context: ObjectContext,
  body: BodySource,
  options: {
    readonly signal: AbortSignal;
    readonly fallbackChecksum?: ChecksumAlgorithm;
    /** The blobs hold the bytes encrypted. */
    readonly key?: BodyKey;
  },
): Promise<StoredBody> {
  if (body.sizeBytes > MAX_SINGLE_PUT_BYTES) {
    throw new ObjectError("object-too-large", "a single upload has at most 5 GiB; use a multipart upload", {
      details: { ProposedSize: String(body.sizeBytes), MaxSizeAllowed: String(MAX_SINGLE_PUT_BYTES) },
    });
  }
  const judge = new BodyDigests(body, options.fallbackChecksum);
  const { slackBytes } = body;
  if (slackBytes !== undefined) {
    const { key, signal } = options;
    return storeOpenEnded(context, { ...body, slackBytes }, { judge, key, signal });
  }
  if (options.key !== undefined) {
    return storeSealed(context, body, { judge, key: options.key, signal: options.signal });
  }
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
  return { ...judge.verify(written.digests), rows: rowsOf(written), sizeBytes: body.sizeBytes };
}
