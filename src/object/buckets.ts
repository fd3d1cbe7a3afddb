import { create } from "@bufbuild/protobuf";
import { mayTouchBucket } from "../access/index.ts";
import {
  AbortUploadSchema,
  type CommandResult,
  CreateBucketSchema,
  DeleteBucketSchema,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import type { BucketRow, UploadRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { configurationMessage } from "./bucket-configuration.ts";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkBucketName } from "./names.ts";
import type { BucketInfo, ListBucketsRequest, ListBucketsResult, ObjectStore } from "./ports.ts";
import { expectResult } from "./refusals.ts";
import { inSteps, type Releasing, referencesOfUpload } from "./released-references.ts";

/** Rows that are read at a time where only some of them may be shown. */
const PAGE_ROWS = 1000;

export async function createBucket(
  context: ObjectContext,
  request: Parameters<ObjectStore["createBucket"]>[0],
): Promise<BucketInfo> {
  checkBucketName(request.bucket);
  const result = await context.submit({
    case: "createBucket",
    value: create(CreateBucketSchema, {
      name: request.bucket,
      region: request.region,
      ownerId: request.owner.id,
      ownerDisplayName: request.owner.displayName,
      objectLock: request.objectLock ?? false,
      configurations: (request.configurations ?? []).map(configurationMessage),
    }),
  });
  const exists = result.result.case === "refusal" ? context.view.bucket(request.bucket) : undefined;
  if (exists?.ownerId === request.owner.id) {
    throw new ObjectError("bucket-owned-by-you", "you have a bucket of this name already", {
      details: { BucketName: request.bucket },
    });
  }
  expectResult(result, "bucketCreated");
  const row = context.view.bucket(request.bucket);
  if (row === undefined)
    throw new ObjectError("bucket-not-found", "the bucket was removed at once by another client");
  return bucketInfo(row);
}

export async function headBucket(context: ObjectContext, name: string): Promise<BucketInfo> {
  return bucketInfo(await context.freshBucket(name));
}

/** Uploads that are read at once, and at most aborted at once. */
const ABORTED_AT_ONCE = 64;

/**
 * Refuses "bucket-not-empty" when there are objects, and changes nothing then. Uploads that were never completed do not keep a bucket: it is closed, so that nothing
 * can get into it any more, and they are aborted. Who fails in between leaves it closed; the next call goes on.
 */
export async function deleteBucket(context: ObjectContext, name: string): Promise<void> {
  const bucket = await context.freshBucket(name);
  const { bucketId } = bucket;
  const value = create(DeleteBucketSchema, { name, bucketId, closes: true });
  expectResult(await context.submit({ case: "deleteBucket", value }), "done");
  while (isThere(context, bucket)) {
    await abortUploads(context, bucket);
    const result = await context.submit({ case: "deleteBucket", value });
    if (!isGone(result)) expectResult(result, "done");
  }
}

function isThere({ view }: ObjectContext, { name, bucketId }: BucketRow): boolean {
  return view.bucket(name)?.bucketId === bucketId;
}

/** Another one deleted the closed bucket meanwhile, and perhaps it was made again. */
function isGone({ result }: CommandResult): boolean {
  if (result.case !== "refusal") return false;
  return result.value.code === RefusalCode.BUCKET_UNKNOWN || result.value.code === RefusalCode.BUCKET_CHANGED;
}

/** All that are open in a closed bucket. */
async function abortUploads(context: ObjectContext, { bucketId }: BucketRow): Promise<void> {
  const page = { prefix: "", afterKey: "", afterUploadId: undefined, limit: ABORTED_AT_ONCE };
  for (;;) {
    const uploads = await context.view.uploads(bucketId, page);
    if (uploads.length === 0) return;
    for await (const step of inSteps(releasingUploads(context, uploads), ABORTED_AT_ONCE)) {
      await Promise.all(step.map((upload) => abort(context, upload)));
    }
  }
}

async function* releasingUploads(
  { view }: ObjectContext,
  uploads: readonly UploadRow[],
): AsyncGenerator<Releasing<UploadRow>> {
  for (const upload of uploads) yield { item: upload, references: await referencesOfUpload(view, upload) };
}

async function abort(context: ObjectContext, { bucket, key, uploadId }: UploadRow): Promise<void> {
  const value = create(AbortUploadSchema, { bucket, key, uploadId });
  const result = await context.submit({ case: "abortUpload", value });
  const { case: kind, value: refusal } = result.result;
  // Aborted by its own client meanwhile.
  if (kind === "refusal" && refusal.code === RefusalCode.UPLOAD_UNKNOWN) return;
  expectResult(result, "done");
}

/** Only the buckets that the principal may touch; a page is filled from as many rows as that takes. */
export async function listBuckets(
  context: ObjectContext,
  request: ListBucketsRequest,
): Promise<ListBucketsResult> {
  const { principal, prefix, limit } = request;
  await context.barrier();
  const found: BucketInfo[] = [];
  let after = request.after;
  for (;;) {
    const rows = await context.view.buckets({ prefix, after, limit: PAGE_ROWS });
    for (const row of rows) {
      if (!mayTouchBucket(principal, row.name)) continue;
      // A user is shown what it owns, an operator's key everything in its scope.
      if (principal.role === "user" && row.ownerId !== principal.owner.id) continue;
      if (found.length === limit) return { buckets: found, next: found.at(-1)?.name };
      found.push(bucketInfo(row));
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) {
      return { buckets: found, next: undefined };
    }
    after = last.name;
  }
}

function bucketInfo(row: BucketRow): BucketInfo {
  return {
    name: row.name,
    region: row.region,
    owner: { id: row.ownerId, displayName: row.ownerDisplayName },
    createdAtMs: Number(row.createdAtMs),
  };
}
