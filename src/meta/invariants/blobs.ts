import { fromHex, toHex } from "../../base/index.ts";
import {
  type BlobRow,
  BlobRowSchema,
  type BlobSlice,
  BlobState,
  ManifestRowSchema,
  ObjectRowSchema,
  PartRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { holdersOf } from "../holders.ts";
import {
  blobKey,
  copysetKey,
  nodeKey,
  OUTSIDE_NODE_ID,
  objectKey,
  parseReferenceKey,
  partKey,
  pendingDeleteKey,
  type Referrer,
  rangeOfPrefix,
  referenceKey,
  searchStoreKey,
  trailingBlobId,
  unlinkOrderKey,
  versionKey,
} from "../keys.ts";
import type { Check } from "./check.ts";

export async function checkBlobs(check: Check): Promise<void> {
  for await (const { key, row } of check.table("blob", BlobRowSchema)) {
    const blobHex = toHex(row.blobId);
    check.holds(key === blobKey(blobHex), "a blob lies at its id", key);
    const references = await countReferences(check, blobHex);
    check.holds(row.referenceCount === references, "a reference count is the number of reference rows", key);
    checkState(check, row, blobHex);
    checkBytes(check, row, key);
  }
}

async function countReferences(check: Check, blobHex: string): Promise<bigint> {
  let count = 0n;
  for await (const _ of check.scan(rangeOfPrefix(referenceKey(blobHex, "")))) count++;
  return count;
}

function checkState(check: Check, blob: BlobRow, blobHex: string): void {
  const at = blobKey(blobHex);
  const isUnreferenced = blob.referenceCount === 0n && !blob.isInline;
  switch (blob.state) {
    case BlobState.LIVE:
      check.holds(blob.referenceCount > 0n, "a live blob is referred to", at);
      return;
    case BlobState.PENDING_DELETE:
      check.holds(isUnreferenced, "a pending blob is not referred to", at);
      check.holds(
        check.has(pendingDeleteKey(blob.stateSinceMs, blobHex)),
        "every pending blob is in the queue",
        at,
      );
      return;
    case BlobState.DELETING:
      check.holds(isUnreferenced, "a blob being deleted is not referred to", at);
      check.holds(deletersOf(blob).length > 0, "a blob being deleted has a holder left", at);
      for (const nodeId of deletersOf(blob)) {
        check.holds(check.has(unlinkOrderKey(nodeId, blobHex)), "every holder is ordered to unlink", at);
      }
      return;
    default:
      check.holds(false, "a blob has a known state", at);
  }
}

/** Whoever has an order for a blob that is being deleted. */
function deletersOf(blob: BlobRow): readonly bigint[] {
  return blob.searchStoreId === 0n ? holdersOf(blob) : [OUTSIDE_NODE_ID];
}

function checkBytes(check: Check, blob: BlobRow, at: string): void {
  if (blob.searchStoreId !== 0n) {
    const isOutside = blob.chunks.length === 0 && blob.inlineData.length === 0 && blob.copysetId === 0n;
    check.holds(isOutside && !blob.isInline, "a blob outside the cluster has no bytes in it", at);
    check.holds(check.has(searchStoreKey(blob.searchStoreId)), "the store of a blob exists", at);
    return;
  }
  const inlineBytes = BigInt(blob.inlineData.length);
  const chunkBytes = blob.chunks.reduce((sum, chunk) => sum + BigInt(chunk.length), 0n);
  check.holds(
    blob.size === (blob.isInline ? inlineBytes : chunkBytes),
    "a blob has the size of its bytes",
    at,
  );
  if (blob.isInline) return;
  check.holds(check.has(copysetKey(blob.copysetId)), "the copyset of a blob exists", at);
  for (const nodeId of holdersOf(blob)) {
    check.holds(check.has(nodeKey(nodeId)), "the holder of a blob is a known node", at);
  }
}

export async function checkReferences(check: Check): Promise<void> {
  for await (const key of check.keys("reference")) {
    const parsed = parseReferenceKey(key);
    check.holds(parsed !== undefined, "a reference's key can be read", key);
    if (parsed === undefined) continue;
    check.holds(check.has(blobKey(parsed.blobHex)), "every blob that is referred to exists", key);
    const slices = slicesOf(check, parsed.referrer);
    const refers = slices.some((slice) => toHex(slice.blobId) === parsed.blobHex);
    check.holds(refers, "every referrer exists and names the blob", key);
  }
}

function slicesOf(check: Check, referrer: Referrer): readonly Pick<BlobSlice, "blobId">[] {
  if (referrer.kind === "manifest") {
    const row = check.row(referrer.storeKey, ManifestRowSchema);
    return row === undefined ? [] : [row];
  }
  if (referrer.kind === "object") {
    const { bucketId, key, versionId } = referrer;
    const head = check.row(objectKey(bucketId, key), ObjectRowSchema);
    if (head !== undefined && toHex(head.versionId) === versionId) return head.slices;
    const id = fromHex(versionId);
    return (id && check.row(versionKey(bucketId, key, id), ObjectRowSchema)?.slices) ?? [];
  }
  const uploadId = fromHex(referrer.uploadId);
  return (uploadId && check.row(partKey(uploadId, referrer.partNumber), PartRowSchema)?.slices) ?? [];
}

export async function checkQueues(check: Check): Promise<void> {
  for await (const key of check.keys("pendingDelete")) {
    const blob = check.row(blobKey(toHex(trailingBlobId(key))), BlobRowSchema);
    const expected =
      blob?.state === BlobState.PENDING_DELETE && pendingDeleteKey(blob.stateSinceMs, toHex(blob.blobId));
    check.holds(key === expected, "every blob in the queue is pending", key);
  }
  for await (const key of check.keys("unlinkOrder")) {
    const blob = check.row(blobKey(toHex(trailingBlobId(key))), BlobRowSchema);
    const holders = blob?.state === BlobState.DELETING ? deletersOf(blob) : [];
    const isHolder = holders.some((nodeId) => key === unlinkOrderKey(nodeId, toHex(trailingBlobId(key))));
    check.holds(isHolder, "every unlink order is for a holder of a blob being deleted", key);
  }
}
