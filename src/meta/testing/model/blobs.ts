/** The blobs of the model: how many refer to each is found by looking at all manifests. */

import type { ModelSlice } from "./rows.ts";

/** The copysets of the model test: 1 and 2, of three nodes each. */
const HOMES = 2;
const TARGET_COPIES = 3;
const WRITE_QUORUM = 2;
export const DRAINING_NODE = 4;

export interface ModelBlob {
  readonly size: number;
  readonly isInline: boolean;
  state: "live" | "pending" | "deleting";
  sinceMs: number;
  /** Of its only chunk. */
  holders: number[];
  home: number;
  discards: number;
}

export class ModelBlobs {
  readonly rows = new Map<number, ModelBlob>();
  /** "node/blob": told to be discarded. */
  readonly discards = new Set<string>();
  readonly #graceMs: number;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  beginDelete(ids: readonly number[], nowMs: number): string {
    for (const id of ids) {
      const blob = this.rows.get(id);
      if (blob?.state !== "pending" || blob.sinceMs + this.#graceMs > nowMs) continue;
      // All of its copies were reported lost: there is nobody to tell.
      if (blob.holders.length === 0) this.rows.delete(id);
      blob.state = "deleting";
      blob.sinceMs = nowMs;
      if (blob.holders.length === 0) this.rows.delete(id);
    }
    return "done";
  }

  acknowledge(nodeId: number, ids: readonly number[]): string {
    for (const id of ids) {
      const blob = this.rows.get(id);
      if (blob?.state !== "deleting") continue;
      blob.holders = blob.holders.filter((holder) => holder !== nodeId);
      if (blob.holders.length === 0) this.rows.delete(id);
    }
    return "done";
  }

  /** Node 4 is draining, all others are active. */
  recordCopies(nodeId: number, ids: readonly number[], seenDiscards: number): string {
    if (nodeId === DRAINING_NODE) return "NODE_UNKNOWN";
    return this.#forEach(ids, (blob, id) => {
      if (blob.discards !== seenDiscards || this.discards.has(`${nodeId}/${id}`)) return "COPY_REFUSED";
      if (!blob.holders.includes(nodeId)) blob.holders.push(nodeId);
      return undefined;
    });
  }

  reportLost(nodeId: number, ids: readonly number[]): string {
    return this.#forEach(ids, (blob) => {
      blob.holders = blob.holders.filter((holder) => holder !== nodeId);
      return undefined;
    });
  }

  rehome(ids: readonly number[], from: number, to: number): string {
    return this.#forEach(ids, (blob) => {
      if (blob.home !== from) return "COPY_REFUSED";
      if (to > HOMES) return "LAYOUT_STALE";
      blob.home = to;
      return undefined;
    });
  }

  dropCopies(nodeId: number, ids: readonly number[]): string {
    return this.#forEach(ids, (blob, id) => {
      const left = blob.holders.filter((holder) => holder !== nodeId);
      const isHolder = left.length < blob.holders.length;
      const good = left.filter((holder) => holder !== DRAINING_NODE).length;
      const needed = blob.state === "pending" && nodeId === DRAINING_NODE ? WRITE_QUORUM : TARGET_COPIES;
      if (isHolder && good < needed) return "COPY_REFUSED";
      blob.holders = left;
      blob.discards++;
      this.discards.add(`${nodeId}/${id}`);
      return undefined;
    });
  }

  acknowledgeDiscard(nodeId: number, ids: readonly number[]): string {
    for (const id of ids) this.discards.delete(`${nodeId}/${id}`);
    return "done";
  }

  /** Live blobs with too few copies. */
  underReplicated(): number[] {
    const missing = [...this.rows].filter(
      ([, blob]) => blob.state === "live" && !blob.isInline && blob.holders.length < TARGET_COPIES,
    );
    return missing.map(([id]) => id);
  }

  /** What was passed over, as the result names it. */
  #forEach(ids: readonly number[], change: (blob: ModelBlob, id: number) => string | undefined): string {
    const skipped = ids.flatMap((id) => {
      const blob = this.rows.get(id);
      const isMovable = blob !== undefined && !blob.isInline && blob.state !== "deleting";
      const code = isMovable ? change(blob, id) : "BLOB_GONE";
      return code === undefined ? [] : [`${id} ${code}`];
    });
    return `copiesChanged, but ${skipped.join(", ") || "nothing"}`;
  }

  /** Nobody refers to some of them any more. */
  collect(manifests: Iterable<{ readonly slices: readonly ModelSlice[] }>, nowMs: number): void {
    const counts = referencesOf(manifests);
    for (const [id, blob] of [...this.rows]) {
      if (blob.state !== "live" || counts.has(id)) continue;
      if (blob.isInline) this.rows.delete(id);
      else {
        blob.state = "pending";
        blob.sinceMs = nowMs;
      }
    }
  }
}

/** Manifests that refer to each blob. */
export function referencesOf(
  manifests: Iterable<{ readonly slices: readonly ModelSlice[] }>,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { slices } of manifests) {
    for (const blob of new Set(slices.map((slice) => slice.blob)))
      counts.set(blob, (counts.get(blob) ?? 0) + 1);
  }
  return counts;
}
