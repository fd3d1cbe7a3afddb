import { create } from "@bufbuild/protobuf";
import { CopyObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectAttributes as AttributesRow, ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { attributesToRow, checkAttributes, checksumTypeFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { freshObject } from "./get.ts";
import { checkKey } from "./names.ts";
import type { CopyObjectRequest, PutObjectResult } from "./ports.ts";
import { checkSourcePreconditions } from "./preconditions.ts";
import { MAX_SINGLE_PUT_BYTES, withPreconditions } from "./put.ts";
import { expectResult } from "./refusals.ts";

/** How often a copy begins again because its source was written meanwhile. */
const SOURCE_ATTEMPTS = 5;

/** Adds references to the source's blobs; no bytes move. The commit checks that the source is still the version that was read. */
export async function copyObject(
  context: ObjectContext,
  request: CopyObjectRequest,
): Promise<PutObjectResult> {
  checkKey(request.key);
  if (request.attributes !== undefined) checkAttributes(request.attributes);
  const toItself = request.sourceBucket === request.bucket && request.sourceKey === request.key;
  if (toItself && request.attributes === undefined) {
    throw new ObjectError(
      "copy-to-itself",
      "a copy onto itself must change the metadata or the storage class",
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
  const attributes = copiedAttributes(source, request);
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
  };
}

/** The bytes are the same, so the checksums stay whatever the client says about the rest. */
function copiedAttributes(source: ObjectRow, request: CopyObjectRequest): AttributesRow | undefined {
  if (request.attributes === undefined) return source.attributes;
  const checksum = checksumFromRows(source.attributes?.checksums ?? []);
  return attributesToRow(request.attributes, checksum, checksumTypeFromRow(source.attributes));
}
