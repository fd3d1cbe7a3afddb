/** What all commands that write objects share: finding the bucket, checking names, and replacing a head row. */

import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  type Refusal,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import {
  BlobState,
  type BucketRow,
  BucketRowSchema,
  type ObjectChange_Kind,
  type ObjectRow,
  ObjectRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { replaceBlob } from "./blobs.ts";
import { bucketKey, objectKey, objectReferrer, referenceKey } from "./keys.ts";
import { MAX_KEY_BYTES, MAX_NAME_BYTES, META_ID_BYTES } from "./limits.ts";
import type { AcceptedBlob } from "./manifest.ts";
import { logObjectChange } from "./oplog.ts";
import type { ReferenceChanges } from "./references.ts";
import { refusal } from "./result.ts";

/** The bucket that a command means. `bucketId` 0: whichever has the name now. */
export function findBucket(state: ApplyState, name: string, bucketId: bigint): BucketRow | Refusal {
  const bucket = state.read(bucketKey(name), BucketRowSchema);
  if (bucket === undefined) return refusal(RefusalCode.BUCKET_UNKNOWN, "");
  if (bucketId !== 0n && bucket.bucketId !== bucketId) {
    return refusal(RefusalCode.BUCKET_CHANGED, "the bucket was removed and made again");
  }
  return bucket;
}

export function isRefusal(value: { readonly $typeName: string }): value is Refusal {
  return value.$typeName === "skerry.meta.v1.Refusal";
}

export function findHead(state: ApplyState, bucket: BucketRow, key: string): ObjectRow | undefined {
  return state.read(objectKey(bucket.bucketId, key), ObjectRowSchema);
}

/** An object key and the id of a version that does not exist yet. */
export function checkNewVersion(
  key: string,
  versionId: Uint8Array,
  current: ObjectRow | undefined,
): Refusal | undefined {
  if (versionId.length !== META_ID_BYTES) return refusal(RefusalCode.INVALID, "a version id has 16 bytes");
  if (current !== undefined && equalBytes(current.versionId, versionId)) {
    return refusal(RefusalCode.INVALID, "a version id is used once");
  }
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

/** A row with nothing in it, to be spread: cheaper than `create` where every PUT comes by. */
export const BLANK_OBJECT: Readonly<ObjectRow> = create(ObjectRowSchema);

export interface HeadReplacement {
  readonly kind: ObjectChange_Kind;
  readonly bucket: BucketRow;
  readonly previous: ObjectRow | undefined;
  readonly next: ObjectRow;
  /** Holds what `next` adds; what `previous` held is dropped here. */
  readonly references: ReferenceChanges;
  /** Change of the bucket's number of uploads. */
  readonly uploads?: bigint;
}

/** What `replaceHead` will drop, so that a check before it sees the whole change. */
export function dropHeadReferences(
  references: ReferenceChanges,
  bucket: BucketRow,
  head: ObjectRow | undefined,
): void {
  if (head === undefined) return;
  references.drop(head.slices, objectReferrer(bucket.bucketId, head.key, head.versionId));
}

/** Makes `next` the current version: rows, references, counters, oplog. Nothing can be refused any more. */
export function replaceHead(state: ApplyState, replacement: HeadReplacement): CommandResult {
  const { bucket, previous, next } = replacement;
  replacement.references.settle();
  state.write(objectKey(bucket.bucketId, next.key), ObjectRowSchema, next);
  state.write(bucketKey(bucket.name), BucketRowSchema, {
    ...bucket,
    objectCount: bucket.objectCount + (previous === undefined ? 1n : 0n),
    objectBytes: bucket.objectBytes - (previous?.size ?? 0n) + next.size,
    uploadCount: bucket.uploadCount + (replacement.uploads ?? 0n),
  });
  logObjectChange(state, replacement.kind, bucket, next);
  return committed(next);
}

export function committed(row: {
  readonly versionId: Uint8Array;
  readonly modifiedAtMs: bigint;
  readonly etag: string;
  readonly size: bigint;
}): CommandResult {
  const { versionId, modifiedAtMs, etag, size } = row;
  return create(CommandResultSchema, {
    result: { case: "objectCommitted", value: { versionId, modifiedAtMs, etag, size } },
  });
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
      referenceCount: 1n,
      state: BlobState.LIVE,
      stateSinceMs: state.nowMs,
      createdAtMs: state.nowMs,
      discards: 0n,
    });
    state.putEmpty(referenceKey(blobHex, referrer));
  }
}
