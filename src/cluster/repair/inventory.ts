/** Compares what this node's disk really holds with the metadata, both ways, without reading the bytes. */

import { create } from "@bufbuild/protobuf";
import { fromHex, timeOfIdMs, toHex } from "../../base/index.ts";
import { DropCopiesSchema, DroppedCopySchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Clock } from "../../platform/ports.ts";
import type { ClusterWorker, SegmentUnlinker } from "../ports.ts";
import { submitTimeoutMs } from "../workers/submit.ts";
import type { BlobLocks } from "./blob-locks.ts";
import type { BlobCopier } from "./copier.ts";
import { reportLost } from "./lost-chunks.ts";
import type { ChunkCopies, LocalAddress, RepairMetadata } from "./ports.ts";
import { readUnknown, type UpkeepStore, writeUnknown } from "./upkeep-rows.ts";

/** Blobs of the metadata that one unit compares with the disk. */
const UNIT_BLOBS = 500;
/** Chunks of the disk that one unit compares with the metadata. */
const UNIT_CHUNKS = 2_000;
/** Blobs of unknown bytes that are kept an eye on at once; further ones come later. */
const MAX_UNKNOWN_BLOBS = 100_000;

export interface InventoryOptions {
  readonly nodeId: number;
  readonly metadata: RepairMetadata;
  readonly chunks: ChunkCopies;
  /** What the disk holds, in order of (blob id, chunk). */
  readonly inventory: () => AsyncIterable<LocalAddress & { readonly length: number }>;
  readonly segments: SegmentUnlinker;
  readonly copier: Pick<BlobCopier, "copy">;
  readonly locks: BlobLocks;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly store: UpkeepStore;
  /** From the end of one pass to the next, in milliseconds. */
  readonly intervalMs: number;
  /** How long bytes that nobody knows are kept after they were first seen, in milliseconds. */
  readonly unknownKeptMs: number;
  /** Bytes are nobody's so long after the blob's id was made, by leader time, in milliseconds: no commit can name them any more. */
  readonly writeLimitMs: number;
  readonly onMissing: (address: LocalAddress) => void;
  readonly onRemoved: (blobId: Uint8Array) => void;
}

/** The chunks of one blob that the disk has. */
interface OnDisk {
  readonly blobId: Uint8Array;
  readonly indexes: number[];
}

type Phase =
  | { readonly kind: "resting"; readonly untilMs: number }
  | { readonly kind: "missing"; readonly after: Uint8Array | undefined }
  | { readonly kind: "unknown"; readonly disk: AsyncIterator<LocalAddress>; readonly seen: Set<string> };

/**
 * A pass has two halves.
 *
 * missing   each chunk that the metadata says is here and the disk does not have is reported, and repair brings it back
 * unknown   each chunk on the disk that this node is not recorded for:
 *             of a blob that has too few copies, or that belongs here: compared and recorded
 *             of a blob that has enough: the cluster is asked for an order to discard it
 *             of no blob: left alone until no commit can bring the blob into being any more (so that uploads may be as slow as they are allowed to
 *             be), then kept for a while longer, then checked once more behind a linearizable read, and removed
 */
export class Inventory {
  readonly #options: InventoryOptions;
  #phase: Phase = { kind: "resting", untilMs: Number.NEGATIVE_INFINITY };
  #unknown: Map<string, number> | undefined;
  #isAsked = false;

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  worker(): ClusterWorker {
    return { name: "inventory", idleMs: 5_000, runUnit: (signal) => this.#runUnit(signal) };
  }

  /** The next unit begins anew. The caller wakes the worker. */
  start(): void {
    this.#isAsked = true;
  }

  async #runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    if (this.#isAsked) this.#phase = { kind: "missing", after: undefined };
    this.#isAsked = false;
    const { clock, intervalMs } = this.#options;
    const phase = this.#phase;
    switch (phase.kind) {
      case "resting":
        if (clock.monotonicMs() < phase.untilMs) return "idle";
        this.#phase = { kind: "missing", after: undefined };
        return "more";
      case "missing":
        this.#phase = await this.#compareMetadata(phase.after, signal);
        return "more";
      case "unknown":
        // A disk that could not be listed to its end is listed anew, with what was seen so far.
        this.#phase = { kind: "missing", after: undefined };
        if (await this.#compareDisk(phase, signal)) {
          this.#phase = phase;
          return "more";
        }
        await this.#forgetKnown(phase.seen);
        this.#phase = { kind: "resting", untilMs: clock.monotonicMs() + intervalMs };
        return "idle";
    }
  }

  async #compareMetadata(after: Uint8Array | undefined, signal: AbortSignal): Promise<Phase> {
    const { metadata, nodeId, chunks, onMissing } = this.#options;
    const blobIds = await metadata.view.heldBlobs(nodeId, { after, limit: UNIT_BLOBS });
    const missing: LocalAddress[] = [];
    for (const blob of await metadata.view.blobs(blobIds)) {
      if (blob.state === BlobState.DELETING) continue;
      for (const [chunkIndex, chunk] of blob.chunks.entries()) {
        const address = { blobId: blob.blobId, chunkIndex };
        if (!chunk.nodeIds.includes(BigInt(nodeId)) || chunks.has(address)) continue;
        missing.push(address);
        onMissing(address);
      }
    }
    if (missing.length > 0) await reportLost(metadata, nodeId, missing, signal);
    if (blobIds.length === UNIT_BLOBS) return { kind: "missing", after: blobIds.at(-1) };
    const disk = this.#options.inventory()[Symbol.asyncIterator]();
    return { kind: "unknown", disk, seen: new Set() };
  }

  /** True: the disk has more. */
  async #compareDisk(phase: Extract<Phase, { kind: "unknown" }>, signal: AbortSignal): Promise<boolean> {
    const found = new Map<string, OnDisk>();
    let isEnd = false;
    for (let count = 0; count < UNIT_CHUNKS && !isEnd; count++) {
      const next = await phase.disk.next();
      isEnd = next.done === true;
      if (next.done === true) break;
      const { blobId, chunkIndex } = next.value;
      const hex = toHex(blobId);
      const onDisk = found.get(hex) ?? { blobId, indexes: [] };
      onDisk.indexes.push(chunkIndex);
      found.set(hex, onDisk);
    }
    const strangers = [...found.values()].filter((onDisk) => this.#isStrange(onDisk));
    if (strangers.length > 0) await this.#settle(strangers, phase.seen, signal);
    return !isEnd;
  }

  /** Whether this node is not recorded for some of it, as far as is known here. */
  #isStrange({ blobId, indexes }: OnDisk): boolean {
    const blob = this.#options.metadata.view.blob(blobId);
    return blob === undefined || indexes.some((index) => !this.#isHolder(blob, index));
  }

  #isHolder(blob: BlobRow, index: number): boolean {
    return blob.chunks[index]?.nodeIds.includes(BigInt(this.#options.nodeId)) === true;
  }

  async #settle(strangers: readonly OnDisk[], seen: Set<string>, signal: AbortSignal): Promise<void> {
    const { metadata } = this.#options;
    // What was committed anywhere before this moment is known here after it.
    await metadata.barrier({ timeoutMs: submitTimeoutMs });
    const unknown: OnDisk[] = [];
    const spare: OnDisk[] = [];
    for (const onDisk of strangers) {
      const blob = metadata.view.blob(onDisk.blobId);
      if (blob === undefined) unknown.push(onDisk);
      else if (blob.state !== BlobState.DELETING && !blob.isInline) {
        if (await this.#adopt(blob, onDisk, signal)) continue;
        const isHere = blob.chunks.some((_, index) => this.#isHolder(blob, index));
        // Chunks cannot be discarded one by one: what belongs to a blob that this node holds part of stays until the blob goes.
        if (!isHere && blob.state === BlobState.LIVE) spare.push(onDisk);
      }
    }
    await this.#askToDiscard(spare, signal);
    await this.#removeUnknown(unknown, seen);
  }

  /** Compares and records what the blob needs of it. False: it needs nothing. */
  async #adopt(blob: BlobRow, onDisk: OnDisk, signal: AbortSignal): Promise<boolean> {
    const { metadata, nodeId, copier } = this.#options;
    const home = metadata.view.copyset(blob.copysetId);
    const belongs = home?.nodeIds.includes(BigInt(nodeId)) === true;
    const wanted = onDisk.indexes.filter((index) => {
      const chunk = blob.chunks[index];
      if (chunk === undefined || this.#isHolder(blob, index)) return false;
      return belongs || chunk.nodeIds.length < (home?.nodeIds.length ?? 0);
    });
    if (wanted.length === 0) return false;
    const chunks = wanted.map((index) => ({ index, sources: [] }));
    await copier.copy([{ blobId: blob.blobId, chunks }], signal);
    return true;
  }

  async #askToDiscard(spare: readonly OnDisk[], signal: AbortSignal): Promise<void> {
    const { metadata, nodeId, locks } = this.#options;
    const copies = spare
      .filter(({ blobId }) => {
        // Somebody is bringing it here at the moment, or has been told to discard it already.
        const unlock = locks.take(blobId);
        unlock?.();
        return unlock !== undefined && !metadata.view.isDiscarding(nodeId, blobId);
      })
      .map(({ blobId }) => create(DroppedCopySchema, { blobId, nodeId: BigInt(nodeId) }));
    if (copies.length === 0) return;
    const value = create(DropCopiesSchema, { copies: copies.slice(0, UNIT_BLOBS) });
    await metadata.submit({ case: "dropCopies", value }, { timeoutMs: submitTimeoutMs, signal });
  }

  async #removeUnknown(unknown: readonly OnDisk[], seen: Set<string>): Promise<void> {
    const { clock, store, unknownKeptMs } = this.#options;
    this.#unknown ??= await readUnknown(store, MAX_UNKNOWN_BLOBS);
    const known = this.#unknown;
    const nowMs = clock.wallMs();
    const added = new Map<string, number>();
    const removed: string[] = [];
    for (const { blobId } of unknown) {
      const hex = toHex(blobId);
      if (!this.#isNobodys(blobId)) continue;
      seen.add(hex);
      const sinceMs = known.get(hex);
      if (sinceMs === undefined) {
        if (known.size + added.size < MAX_UNKNOWN_BLOBS) added.set(hex, nowMs);
      } else if (sinceMs > nowMs) {
        // Noted by a clock that was ahead: since when is not known, so since now.
        added.set(hex, nowMs);
      } else if (nowMs - sinceMs >= unknownKeptMs && (await this.#remove(blobId))) removed.push(hex);
    }
    await writeUnknown(store, added, removed);
    for (const [hex, sinceMs] of added) known.set(hex, sinceMs);
    for (const hex of removed) known.delete(hex);
  }

  /** Whether no commit can bring the blob into being any more. */
  #isNobodys(blobId: Uint8Array): boolean {
    const { metadata, writeLimitMs } = this.#options;
    if (metadata.view.blob(blobId) !== undefined) return false;
    return timeOfIdMs(blobId) + writeLimitMs < metadata.view.appliedTimeMs();
  }

  async #remove(blobId: Uint8Array): Promise<boolean> {
    const { metadata, locks, segments, onRemoved } = this.#options;
    const unlock = locks.take(blobId);
    if (unlock === undefined) return false;
    try {
      await metadata.barrier({ timeoutMs: submitTimeoutMs });
      if (!this.#isNobodys(blobId)) return false;
      await segments.unlink([blobId]);
      onRemoved(blobId);
      return true;
    } finally {
      unlock();
    }
  }

  /** Rows of blobs that were unknown and are not on the disk any more, or known by now. */
  async #forgetKnown(seen: ReadonlySet<string>): Promise<void> {
    const known = this.#unknown;
    if (known === undefined) return;
    const gone = [...known.keys()].filter((hex) => !seen.has(hex) && fromHex(hex) !== undefined);
    await writeUnknown(this.#options.store, new Map(), gone);
    for (const hex of gone) known.delete(hex);
  }
}
