/**
 * References from manifests to blobs. There is one row for each (blob, referrer), and the count in the blob's row is maintained in the same
 * apply. A command collects what it adds and drops; blobs whose count does not change in the end (a part that becomes a piece of its object)
 * are not read or written.
 */

import { assert } from "../base/index.ts";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, type BlobSlice, BlobState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { readBlob, removeSoleInline, replaceBlob } from "./blobs.ts";
import { blobHexOf, pendingDeleteKey, referenceKey } from "./keys.ts";
import { refusal } from "./result.ts";

interface ReferenceChange {
  readonly blobHex: string;
  added: boolean;
  dropped: boolean;
}

export class ReferenceChanges {
  readonly #state: ApplyState;
  /** By reference key, in the order in which they were first named. */
  readonly #changes = new Map<string, ReferenceChange>();

  constructor(state: ApplyState) {
    this.#state = state;
  }

  /** `referrer` will refer to the blobs of these slices. Naming a blob twice is one reference. */
  add(slices: readonly BlobSlice[], referrer: string): void {
    for (const slice of slices) this.#change(slice.blobId, referrer).added = true;
  }

  /** `referrer` will not refer to the blobs of these slices any more. Added and dropped at once: it stays. */
  drop(slices: readonly BlobSlice[], referrer: string): void {
    for (const slice of slices) this.#change(slice.blobId, referrer).dropped = true;
  }

  #change(blobId: Uint8Array, referrer: string): ReferenceChange {
    const blobHex = blobHexOf(blobId);
    const key = referenceKey(blobHex, referrer);
    let change = this.#changes.get(key);
    if (change === undefined) {
      change = { blobHex, added: false, dropped: false };
      this.#changes.set(key, change);
    }
    return change;
  }

  /** Refuses BLOB_GONE when a blob that would gain a reference is being deleted. Changes nothing. */
  check(): Refusal | undefined {
    for (const [blobHex, delta] of this.#deltas()) {
      if (delta <= 0n) continue;
      const blob = readBlob(this.#state, blobHex);
      if (blob === undefined || blob.state === BlobState.DELETING) {
        return refusal(RefusalCode.BLOB_GONE, "the bytes have been given up");
      }
    }
    return undefined;
  }

  /** Writes the rows. The blobs must exist by now. */
  settle(): void {
    for (const [key, change] of this.#changes) {
      if (change.added && !change.dropped) this.#state.putEmpty(key);
      if (change.dropped && !change.added) this.#state.delete(key);
    }
    for (const [blobHex, delta] of this.#deltas()) {
      if (delta !== 0n) changeCount(this.#state, blobHex, delta);
    }
  }

  #deltas(): Map<string, bigint> {
    const deltas = new Map<string, bigint>();
    for (const { blobHex, added, dropped } of this.#changes.values()) {
      const delta = added === dropped ? 0n : added ? 1n : -1n;
      deltas.set(blobHex, (deltas.get(blobHex) ?? 0n) + delta);
    }
    return deltas;
  }
}

function changeCount(state: ApplyState, blobHex: string, delta: bigint): void {
  if (delta === -1n && removeSoleInline(state, blobHex)) return;
  const blob = readBlob(state, blobHex);
  assert(blob !== undefined, "a blob that is referred to exists");
  assert(blob.state !== BlobState.DELETING, "a blob that is being deleted has no references");
  const referenceCount = blob.referenceCount + delta;
  assert(referenceCount >= 0n, "a blob's reference count is not negative");
  if (referenceCount > 0n) {
    if (blob.state === BlobState.PENDING_DELETE) revive(state, blob, blobHex, referenceCount);
    else replaceBlob(state, blob, { ...blob, referenceCount });
  } else if (blob.isInline) {
    replaceBlob(state, blob, undefined);
  } else {
    state.putEmpty(pendingDeleteKey(state.nowMs, blobHex));
    replaceBlob(state, blob, {
      ...blob,
      referenceCount,
      state: BlobState.PENDING_DELETE,
      stateSinceMs: state.nowMs,
    });
  }
}

function revive(state: ApplyState, blob: BlobRow, blobHex: string, referenceCount: bigint): void {
  state.delete(pendingDeleteKey(blob.stateSinceMs, blobHex));
  replaceBlob(state, blob, {
    ...blob,
    referenceCount,
    state: BlobState.LIVE,
    stateSinceMs: state.nowMs,
  });
}
