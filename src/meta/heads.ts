/** What all commands that write objects share: finding the bucket, checking names, and making a new version. */

import { create } from "@bufbuild/protobuf";
import { type CommandResult, type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  BlobState,
  type BucketRow,
  BucketRowSchema,
  type ObjectChange_Kind,
  type ObjectRow,
  ObjectRowSchema,
  VersioningState,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { replaceBlob } from "./blobs.ts";
import { bucketKey, referenceKey } from "./keys.ts";
import { MAX_KEY_BYTES, MAX_NAME_BYTES, META_ID_BYTES } from "./limits.ts";
import type { AcceptedBlob } from "./manifest.ts";
import { logObjectChange } from "./oplog.ts";
import { refusal } from "./result.ts";
import { withDefaultRetention } from "./retention.ts";
import type { BucketCounts, KeyVersions } from "./versions.ts";

/** The bucket that a command means. `bucketId` 0: whichever has the name now. */
export function findBucket(state: ApplyState, name: string, bucketId: bigint): BucketRow | Refusal {
  const bucket = state.read(bucketKey(name), BucketRowSchema);
  if (bucket === undefined) return refusal(RefusalCode.BUCKET_UNKNOWN, "");
  if (bucketId !== 0n && bucket.bucketId !== bucketId) {
    return refusal(RefusalCode.BUCKET_CHANGED, "the bucket was removed and made again");
  }
  return bucket;
}

/** The same of a bucket that something is put into: one that is closed counts as removed. */
export function findOpenBucket(state: ApplyState, name: string, bucketId: bigint): BucketRow | Refusal {
  const bucket = findBucket(state, name, bucketId);
  if (isRefusal(bucket) || !bucket.closed) return bucket;
  return refusal(RefusalCode.BUCKET_UNKNOWN, "the bucket is being deleted");
}

export function isRefusal(value: { readonly $typeName: string }): value is Refusal {
  return value.$typeName === "skerry.meta.v1.Refusal";
}

/** An object key and the id that is proposed for a new version. */
export function checkNewVersion(key: string, versionId: Uint8Array): Refusal | undefined {
  if (versionId.length !== META_ID_BYTES) return refusal(RefusalCode.INVALID, "a version id has 16 bytes");
  // So that there always is a greater one.
  if (versionId[0] === 0xff) return refusal(RefusalCode.INVALID, "a version id does not begin with 0xff");
  return checkObjectKey(key);
}

export function checkObjectKey(key: string): Refusal | undefined {
  const sizeBytes = utf8Length(key);
  if (sizeBytes >= 1 && sizeBytes <= MAX_KEY_BYTES) return undefined;
  return refusal(RefusalCode.INVALID, "an object key has 1 to 1,024 bytes");
}

/** Names of buckets, nodes, keys and tokens: the callers know finer rules, this bounds what a row key can be. */
export function isName(name: string): boolean {
  return name.length > 0 && utf8Length(name) <= MAX_NAME_BYTES && !name.includes("\u0000");
}

function utf8Length(text: string): number {
  let sizeBytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate is two units and four bytes: two of them each.
    sizeBytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return sizeBytes;
}

/**
 * A row with nothing in it, to be spread: cheaper than `create` where every PUT comes by. It is a copy of what `create` makes, for that is an object whose
 * fields are found by hashing, and so would be all that is made of it.
 */
export const BLANK_OBJECT: Readonly<ObjectRow> = { ...create(ObjectRowSchema) };

export interface NewVersion {
  readonly kind: ObjectChange_Kind;
  readonly bucket: BucketRow;
  /** Of the key; its references hold what `next` adds. */
  readonly versions: KeyVersions;
  readonly counts: BucketCounts;
  readonly next: ObjectRow;
  /** Change of the bucket's number of uploads. */
  readonly uploads?: bigint;
}

/** Makes `next` the current version: rows, references, counters, oplog. Nothing can be refused any more. */
export function commitVersion(state: ApplyState, version: NewVersion): CommandResult {
  const { bucket, versions, counts } = version;
  const next = withDefaultRetention(
    { ...version.next, versioned: bucket.versioning === VersioningState.ENABLED },
    bucket,
    state.nowMs,
  );
  versions.add(next);
  versions.references.settle();
  const counted = counts.addedTo(bucket);
  const { uploads = 0n } = version;
  const settled = uploads === 0n ? counted : { ...counted, uploadCount: bucket.uploadCount + uploads };
  state.write(bucketKey(bucket.name), BucketRowSchema, settled);
  logObjectChange(state, version.kind, bucket, next);
  return committed(next);
}

export function committed(row: {
  readonly versionId: Uint8Array;
  readonly modifiedAtMs: bigint;
  readonly etag: string;
  readonly size: bigint;
  readonly versioned: boolean;
}): CommandResult {
  const { versionId, modifiedAtMs, etag, size, versioned } = row;
  return {
    $typeName: "skerry.meta.v1.CommandResult",
    result: {
      case: "objectCommitted",
      value: {
        $typeName: "skerry.meta.v1.ObjectCommitted",
        versionId,
        modifiedAtMs,
        etag,
        size,
        versioned,
      },
    },
  };
}

/** Rows of blobs that come into being with their one reference. */
export function writeNewBlobs(state: ApplyState, blobs: readonly AcceptedBlob[], referrer: string): void {
  for (const { blob, blobHex, chunks } of blobs) {
    replaceBlob(state, undefined, {
      $typeName: "skerry.meta.v1.BlobRow",
      blobId: blob.blobId,
      size: blob.size,
      copysetId: blob.copysetId,
      layoutEpoch: blob.layoutEpoch,
      chunks,
      inlineData: blob.inlineData,
      isInline: blob.isInline,
      searchStoreId: blob.searchStoreId,
      referenceCount: 1n,
      state: BlobState.LIVE,
      stateSinceMs: state.nowMs,
      createdAtMs: state.nowMs,
      discards: 0n,
    });
    state.putEmpty(referenceKey(blobHex, referrer));
  }
}
