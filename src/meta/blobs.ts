/**
 * Writing rows of blobs, with everything that is derived from them: which node holds which blob, how much that is, and which live blobs have
 * fewer copies than they should. Whoever changes a blob's row does it through here.
 */

import { assert } from "../base/index.ts";
import {
  type BlobRow,
  BlobRowSchema,
  BlobState,
  CopysetRowSchema,
  HoldingsRowSchema,
  SearchStoreRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { copiesPresent, heldBytes } from "./holders.ts";
import {
  blobHexOf,
  blobKey,
  copysetKey,
  heldBlobKey,
  holdingsKey,
  searchStoreKey,
  UNDER_REPLICATED_TOTAL_KEY,
  underReplicatedKey,
} from "./keys.ts";

export function readBlob(state: ApplyState, blobHex: string): BlobRow | undefined {
  return state.read(blobKey(blobHex), BlobRowSchema);
}

/** Writes `after` in the place of `before`, which is the row as it is now; undefined: there is none, or there shall be none. */
export function replaceBlob(
  state: ApplyState,
  before: BlobRow | undefined,
  after: BlobRow | undefined,
): void {
  const some = after ?? before;
  assert(some !== undefined, "a blob is made, changed or removed");
  const blobHex = blobHexOf(some.blobId);
  if (after === undefined) state.delete(blobKey(blobHex));
  else state.write(blobKey(blobHex), BlobRowSchema, after);
  if (before === undefined) state.newBlobIds?.add(blobHex);
  if (some.isInline) {
    if (after?.referenceCount === 1n) state.soleInlineBlobs.add(blobHex);
    else state.soleInlineBlobs.delete(blobHex);
    return;
  }
  if (some.searchStoreId !== 0n) {
    if (before === undefined) countStored(state, some, 1n);
    if (after === undefined) countStored(state, some, -1n);
    return;
  }
  // A change of state or of the reference count leaves the holders as they are.
  if (before?.chunks !== after?.chunks) updateHoldings(state, blobHex, before, after);
  updateUnderReplicated(state, blobHex, before, after);
}

/** Takes an inline blob away with its only reference, if it is known to be one; whether it was. Its row, with all its bytes, is not even read. */
export function removeSoleInline(state: ApplyState, blobHex: string): boolean {
  if (!state.soleInlineBlobs.has(blobHex)) return false;
  state.soleInlineBlobs.delete(blobHex);
  state.delete(blobKey(blobHex));
  return true;
}

/** A blob that comes to a store outside the cluster, or is gone from it. */
function countStored(state: ApplyState, { searchStoreId, size }: BlobRow, sign: bigint): void {
  const key = searchStoreKey(searchStoreId);
  const store = state.read(key, SearchStoreRowSchema);
  assert(store !== undefined, "the store of a blob exists");
  const blobs = store.blobs + sign;
  const bytes = store.bytes + sign * size;
  assert(blobs >= 0n && bytes >= 0n, "a store has no less than nothing");
  state.write(key, SearchStoreRowSchema, { ...store, blobs, bytes });
}

/** Copies that a blob should have: one on each node of its home. */
export function targetCopies(state: ApplyState, blob: BlobRow): number {
  const home = state.read(copysetKey(blob.copysetId), CopysetRowSchema);
  assert(home !== undefined, "the home of a blob exists");
  return home.nodeIds.length;
}

function updateHoldings(
  state: ApplyState,
  blobHex: string,
  before: BlobRow | undefined,
  after: BlobRow | undefined,
): void {
  const was = heldBytes(before?.chunks ?? []);
  const is = heldBytes(after?.chunks ?? []);
  for (const [nodeId, bytes] of is) {
    const wasBytes = was.get(nodeId);
    if (wasBytes === undefined) state.putEmpty(heldBlobKey(nodeId, blobHex));
    count(state, holdingsKey(nodeId), wasBytes === undefined ? 1n : 0n, bytes - (wasBytes ?? 0n));
  }
  for (const [nodeId, bytes] of was) {
    if (is.has(nodeId)) continue;
    state.delete(heldBlobKey(nodeId, blobHex));
    count(state, holdingsKey(nodeId), -1n, -bytes);
  }
}

function updateUnderReplicated(
  state: ApplyState,
  blobHex: string,
  before: BlobRow | undefined,
  after: BlobRow | undefined,
): void {
  const was = before && missingKey(state, blobHex, before);
  const is = after && missingKey(state, blobHex, after);
  if (was === is) return;
  if (was !== undefined) state.delete(was);
  if (is !== undefined) state.putEmpty(is);
  if (was === undefined) count(state, UNDER_REPLICATED_TOTAL_KEY, 1n, after?.size ?? 0n);
  if (is === undefined) count(state, UNDER_REPLICATED_TOTAL_KEY, -1n, -(before?.size ?? 0n));
}

/** The blob's key in the index of those with too few copies; undefined when it does not belong there. */
function missingKey(state: ApplyState, blobHex: string, blob: BlobRow): string | undefined {
  if (blob.state !== BlobState.LIVE) return undefined;
  const copies = copiesPresent(blob);
  return copies < targetCopies(state, blob) ? underReplicatedKey(copies, blobHex) : undefined;
}

function count(state: ApplyState, key: string, blobs: bigint, bytes: bigint): void {
  if (blobs === 0n && bytes === 0n) return;
  const row = state.read(key, HoldingsRowSchema);
  const next = { blobs: (row?.blobs ?? 0n) + blobs, bytes: (row?.bytes ?? 0n) + bytes };
  assert(next.blobs >= 0n && next.bytes >= 0n, "holdings are not negative");
  if (next.blobs === 0n) {
    assert(next.bytes === 0n, "no blobs have no bytes");
    state.delete(key);
  } else {
    state.write(key, HoldingsRowSchema, { $typeName: "skerry.meta.v1.HoldingsRow", ...next });
  }
}
