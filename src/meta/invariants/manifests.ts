import { fromBinary } from "@bufbuild/protobuf";
import { fromHex, toHex } from "../../base/index.ts";
import {
  BlobRowSchema,
  type BlobSlice,
  BucketConfigurationRowSchema,
  BucketRowSchema,
  CompletedUploadRowSchema,
  ObjectRowSchema,
  PartRowSchema,
  type UploadRow,
  UploadRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { hasKind, kindsOf } from "../configurations.ts";
import { storedObjectSize, storedSize } from "../encryption.ts";
import {
  blobKey,
  bucketConfigurationKey,
  bucketKey,
  completedUploadKey,
  objectKey,
  objectReferrer,
  partKey,
  partReferrer,
  referenceKey,
  tableRange,
  trailingUploadId,
  uploadKey,
  uploadOrderKey,
} from "../keys.ts";
import { partNumbers } from "../uploads.ts";
import type { Check } from "./check.ts";

export async function readBuckets(check: Check): Promise<void> {
  let count = 0;
  for await (const { key, row } of check.table("bucket", BucketRowSchema)) {
    count++;
    check.holds(key === bucketKey(row.name), "a bucket lies at its name", key);
    check.holds(!check.buckets.has(row.bucketId), "a bucket id is used once", key);
    check.holds(row.bucketId < (check.applied?.nextBucketId ?? 0n), "a bucket id was given out", key);
    check.buckets.set(row.bucketId, {
      key,
      name: row.name,
      configuredKinds: row.configuredKinds,
      objects: 0n,
      bytes: 0n,
      versions: 0n,
      versionBytes: 0n,
      uploads: 0n,
    });
  }
  check.holds(
    count === (check.cluster?.bucketCount ?? 0),
    "the cluster counts its buckets",
    tableRange("bucket").gte,
  );
}

/** After objects and uploads have been read. */
export async function checkBucketCounters(check: Check): Promise<void> {
  for await (const { key, row } of check.table("bucket", BucketRowSchema)) {
    const tally = check.buckets.get(row.bucketId);
    check.holds(row.objectCount === tally?.objects, "a bucket counts its objects", key);
    check.holds(row.objectBytes === tally?.bytes, "a bucket counts its bytes", key);
    check.holds(row.versionCount === tally?.versions, "a bucket counts its versions", key);
    check.holds(row.versionBytes === tally?.versionBytes, "a bucket counts the bytes of its versions", key);
    check.holds(row.uploadCount === tally?.uploads, "a bucket counts its uploads", key);
  }
}

/** Both ways: every document is one that its bucket knows of, and every one that it knows of is there. */
export async function checkConfigurations(check: Check): Promise<void> {
  for await (const { key, row } of check.table("bucketConfiguration", BucketConfigurationRowSchema)) {
    const expected = bucketConfigurationKey(row.bucketId, row.kind);
    check.holds(key === expected, "a configuration lies at its bucket and kind", key);
    const kinds = check.buckets.get(row.bucketId)?.configuredKinds ?? 0n;
    check.holds(hasKind(kinds, row.kind), "every configuration is known to its bucket", key);
  }
  for (const [bucketId, { key, configuredKinds }] of check.buckets) {
    for (const kind of kindsOf(configuredKinds)) {
      const has = check.has(bucketConfigurationKey(bucketId, kind));
      check.holds(has, "every configuration that a bucket knows of exists", key);
    }
  }
}

export async function checkObjects(check: Check): Promise<void> {
  for await (const { key, row } of check.table("object", ObjectRowSchema)) {
    const bucketId = bucketIdOf(key);
    const bucket = check.buckets.get(bucketId);
    check.holds(bucket !== undefined, "every object is in a bucket", key);
    if (bucket === undefined) continue;
    bucket.objects++;
    bucket.bytes += row.size;
    check.countUse(row.attributes?.encryption, key);
    check.holds(key === objectKey(bucketId, row.key), "an object lies at its key", key);
    const referrer = objectReferrer(bucketId, row.key, row.versionId);
    checkManifest(check, { slices: row.slices, size: storedObjectSize(row), referrer, at: key });
    const parts = row.parts.reduce((sum, part) => sum + part.size, 0n);
    check.holds(
      row.parts.length === 0 || parts === row.size,
      "the parts of an object add up to its size",
      key,
    );
  }
}

export async function checkUploads(check: Check): Promise<void> {
  for await (const { key, row } of check.table("upload", UploadRowSchema)) {
    check.holds(key === uploadKey(row.uploadId), "an upload lies at its id", key);
    check.holds(
      check.has(uploadOrderKey(row.bucketId, row.key, row.uploadId)),
      "every upload is listed",
      key,
    );
    check.holds(!check.has(completedUploadKey(row.uploadId)), "an upload is open or completed", key);
    const bucket = check.buckets.get(row.bucketId);
    check.holds(bucket?.name === row.bucket, "every upload is in a bucket", key);
    if (bucket !== undefined) bucket.uploads++;
    check.countUse(row.attributes?.encryption, key);
    checkParts(check, row);
  }
  for await (const key of check.keys("uploadOrder")) {
    const row = check.row(uploadKey(trailingUploadId(key)), UploadRowSchema);
    const expected = row && uploadOrderKey(row.bucketId, row.key, row.uploadId);
    check.holds(key === expected, "every listed upload exists", key);
  }
  for await (const { key, row } of check.table("completedUpload", CompletedUploadRowSchema)) {
    check.holds(key === completedUploadKey(row.uploadId), "a completed upload lies at its id", key);
  }
  await checkPartsAreKnown(check);
}

function checkParts(check: Check, upload: UploadRow): void {
  for (const partNumber of partNumbers(upload.partBitmap)) {
    const at = partKey(upload.uploadId, partNumber);
    const part = check.row(at, PartRowSchema);
    check.holds(part !== undefined, "every part of the bitmap exists", at);
    if (part === undefined) continue;
    check.holds(part.partNumber === partNumber, "a part lies at its number", at);
    const referrer = partReferrer(upload.uploadId, partNumber);
    checkManifest(check, { slices: part.slices, size: storedSize(part.size, part.salt), referrer, at });
  }
}

async function checkPartsAreKnown(check: Check): Promise<void> {
  for await (const { key, row } of check.table("part", PartRowSchema)) {
    const uploadId = fromHex(key.slice(5, 37));
    const upload = uploadId && check.row(uploadKey(uploadId), UploadRowSchema);
    const bit = (upload?.partBitmap[row.partNumber >>> 3] ?? 0) & (1 << (row.partNumber & 7));
    check.holds(bit !== 0, "every part is in the bitmap of its upload", key);
  }
}

interface CheckedManifest {
  readonly slices: readonly BlobSlice[];
  readonly size: bigint;
  readonly referrer: string;
  readonly at: string;
}

/** Slices inside their blobs, adding up, and a reference row for each blob. */
export function checkManifest(check: Check, { slices, size, referrer, at }: CheckedManifest): void {
  let total = 0n;
  for (const slice of slices) {
    total += slice.length;
    const blobHex = toHex(slice.blobId);
    const bytes = check.get(blobKey(blobHex));
    check.holds(bytes !== undefined, "every blob of a manifest exists", at);
    if (bytes === undefined) continue;
    const blob = fromBinary(BlobRowSchema, bytes);
    check.holds(
      slice.length > 0n && slice.offset + slice.length <= blob.size,
      "a slice lies in its blob",
      at,
    );
    check.holds(check.has(referenceKey(blobHex, referrer)), "every reference of a manifest has a row", at);
  }
  check.holds(total === size, "the slices of a manifest add up to its size", at);
}

/** The bucket id in the key of an object's or a version's row; -1 where there is none. */
export function bucketIdOf(storeKey: string): bigint {
  const digits = /^.{5}([0-9a-f]{16})\//s.exec(storeKey)?.[1];
  return digits === undefined ? -1n : BigInt(`0x${digits}`);
}
