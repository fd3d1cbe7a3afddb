import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { BucketSchema, type BucketService, ChangeSchema } from "../gen/skerry/storage/v1/storage_pb.js";
import type { BucketInfo, ListedChange, ObjectStore } from "../object/index.ts";
import type { Guard } from "./guard.ts";
import { pageSize, parsePageToken, toPageToken } from "./pages.ts";

export function bucketService(
  objects: ObjectStore,
  guard: Guard,
  region: string,
): ServiceImpl<typeof BucketService> {
  return {
    createBucket: ({ bucket }, context) =>
      guard.unary("BucketService/CreateBucket", context, [{ bucket }], async ({ principal }) => ({
        bucket: bucketMessage(await objects.createBucket({ bucket, region, owner: principal.owner })),
      })),
    listBuckets: (request, context) =>
      guard.unary("BucketService/ListBuckets", context, [], async ({ principal }) => {
        const page = await objects.listBuckets({
          principal,
          prefix: request.prefix,
          after: parsePageToken(request.pageToken),
          limit: pageSize(request.pageSize),
        });
        return { buckets: page.buckets.map(bucketMessage), nextPageToken: toPageToken(page.next) };
      }),
    getBucket: ({ bucket }, context) =>
      guard.unary("BucketService/GetBucket", context, [{ bucket }], async () => ({
        bucket: bucketMessage(await objects.headBucket(bucket)),
      })),
    deleteBucket: ({ bucket }, context) =>
      guard.unary("BucketService/DeleteBucket", context, [{ bucket }], async () => {
        await objects.deleteBucket(bucket);
        return {};
      }),
    listChanges: ({ bucket, afterSequence: after, pageSize: size }, context) =>
      guard.unary("BucketService/ListChanges", context, [{ bucket }], async () => {
        const { changes, next, more } = await objects.listChanges({ bucket, after, limit: pageSize(size) });
        return { changes: changes.map(changeMessage), nextSequence: next, more };
      }),
  };
}

function changeMessage({ sequence, timeMs, name, key, versionId, size, etag }: ListedChange) {
  return create(ChangeSchema, {
    sequence,
    timeMs: BigInt(timeMs),
    event: name,
    key,
    versionId,
    size: BigInt(size),
    etag,
  });
}

function bucketMessage(bucket: BucketInfo) {
  return create(BucketSchema, {
    name: bucket.name,
    region: bucket.region,
    createdAtMs: BigInt(bucket.createdAtMs),
    ownerId: bucket.owner.id,
  });
}
