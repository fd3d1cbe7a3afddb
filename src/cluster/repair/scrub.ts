/** Reads everything that this node is recorded for again and again, and compares it with the hashes in the metadata. */

import { fromHex, toHex } from "../../base/index.ts";
import { type BlobRow, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Clock, Hasher, Timers } from "../../platform/ports.ts";
import type { ClusterWorker } from "../ports.ts";
import { codeOf, isChunk } from "./copier.ts";
import { reportLost } from "./lost-chunks.ts";
import type { ChunkCopies, LocalAddress, RepairMetadata } from "./ports.ts";
import { readScrub, type ScrubCycle, type UpkeepStore, writeScrub } from "./upkeep-rows.ts";

/** Bytes that one unit reads. */
const UNIT_BYTES = 32 * 1024 * 1024;
/** Blobs that one unit looks at. */
const UNIT_BLOBS = 100;
/** Chunks in a row that cannot be read before the disk is taken for failing: then nothing is reported. */
const MAX_UNREADABLE_IN_A_ROW = 8;

export interface ScrubOptions {
  readonly nodeId: number;
  readonly metadata: RepairMetadata;
  readonly chunks: ChunkCopies;
  readonly hasher: Pick<Hasher, "blake3">;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly store: UpkeepStore;
  /** From the beginning of one cycle to the next, in milliseconds. */
  readonly intervalMs: number;
  readonly bytesPerSecond: number;
  readonly onChecked: (bytes: number) => void;
  /** "missing", "damaged" or "unreadable". */
  readonly onBad: (address: LocalAddress, why: string) => void;
}

export interface ScrubStatus {
  readonly isRunning: boolean;
  readonly startedMs: number | undefined;
  readonly finishedMs: number | undefined;
  readonly checkedBytes: number;
  /** What this node is recorded for now. */
  readonly totalBytes: number;
  readonly badChunks: number;
}

/** What `Scrub.runUnit` found at one address. */
type Verdict = "good" | "missing" | "damaged" | "in-doubt";

/**
 * A cycle goes over the node's blobs in order of their ids. Where it is, is kept across restarts. What is missing, damaged, or another chunk
 * than it should be is quarantined and reported; repair does the rest.
 */
export class Scrub {
  readonly #options: ScrubOptions;
  #cycle: ScrubCycle | undefined;
  #isAsked = false;
  /** Chunks that could not be read, since the last one that could: of a bad sector each, or of a bad disk all. */
  #unreadable: LocalAddress[] = [];

  constructor(options: ScrubOptions) {
    this.#options = options;
    this.#cycle = readScrub(options.store);
  }

  worker(): ClusterWorker {
    return {
      name: "scrub",
      idleMs: 5_000,
      runUnit: (signal) => this.#runUnit(signal),
      progress: () => {
        const { checkedBytes, totalBytes } = this.status();
        return { done: checkedBytes, total: totalBytes, unit: "bytes" };
      },
    };
  }

  /** The next unit begins a new cycle, unless one is under way. The caller wakes the worker. */
  start(): void {
    if (this.#cycle === undefined || this.#cycle.finishedMs !== undefined) this.#isAsked = true;
  }

  status(): ScrubStatus {
    const { metadata, nodeId } = this.#options;
    const cycle = this.#cycle;
    return {
      isRunning: this.#isAsked || (cycle !== undefined && cycle.finishedMs === undefined),
      startedMs: cycle?.startedMs,
      finishedMs: cycle?.finishedMs,
      checkedBytes: cycle?.checkedBytes ?? 0,
      totalBytes: metadata.view.holdings(nodeId).bytes,
      badChunks: cycle?.badChunks ?? 0,
    };
  }

  async #runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    const { clock, timers, bytesPerSecond, store } = this.#options;
    const cycle = this.#present();
    if (cycle === undefined) return "idle";
    const begunMs = clock.monotonicMs();
    const next = await this.#checkSome(cycle, signal);
    this.#cycle = next;
    await writeScrub(store, next);
    if (next.finishedMs !== undefined) return "idle";
    const bytes = next.checkedBytes - cycle.checkedBytes;
    const restMs = (bytes / bytesPerSecond) * 1000 - (clock.monotonicMs() - begunMs);
    if (restMs > 0) await timers.sleep(restMs, signal);
    return "more";
  }

  /** The cycle under way, or a new one if it is time; undefined: it is not. */
  #present(): ScrubCycle | undefined {
    const cycle = this.#cycle;
    if (cycle !== undefined && cycle.finishedMs === undefined) return cycle;
    const nowMs = this.#options.clock.wallMs();
    const sinceMs = cycle === undefined ? undefined : nowMs - cycle.startedMs;
    // One that seems to come from the future was begun by a clock that was wrong.
    const isDue = sinceMs === undefined || sinceMs < 0 || sinceMs >= this.#options.intervalMs;
    if (!isDue && !this.#isAsked) return undefined;
    this.#isAsked = false;
    return {
      startedMs: nowMs,
      finishedMs: undefined,
      blobHex: "",
      chunkIndex: 0,
      checkedBytes: 0,
      badChunks: 0,
    };
  }

  async #checkSome(cycle: ScrubCycle, signal: AbortSignal): Promise<ScrubCycle> {
    const { metadata, nodeId, clock } = this.#options;
    const bad: LocalAddress[] = [];
    let at = cycle;
    try {
      for (const blob of await this.#blobsFrom(cycle)) {
        at = await this.#checkBlob(blob, at, cycle.checkedBytes + UNIT_BYTES, { bad, signal });
        if (at.checkedBytes - cycle.checkedBytes >= UNIT_BYTES) return at;
      }
      const isEnd = at.blobHex === cycle.blobHex && at.chunkIndex === cycle.chunkIndex;
      if (!isEnd) return at;
      const badChunks = at.badChunks + this.#condemn(bad);
      return { ...at, badChunks, finishedMs: clock.wallMs() };
    } finally {
      // Also when the disk gave up in the middle: what was found until then holds.
      if (bad.length > 0 && !signal.aborted) await reportLost(metadata, nodeId, bad, signal);
    }
  }

  /** The blob in which the cycle stands, if it is not done with it, and those behind it. */
  async #blobsFrom(cycle: ScrubCycle): Promise<readonly BlobRow[]> {
    const { metadata, nodeId } = this.#options;
    const after = cycle.blobHex === "" ? undefined : fromHex(cycle.blobHex);
    const current = after !== undefined && cycle.chunkIndex > 0 ? [after] : [];
    const behind = await metadata.view.heldBlobs(nodeId, { after, limit: UNIT_BLOBS });
    return metadata.view.blobs([...current, ...behind]);
  }

  async #checkBlob(
    blob: BlobRow,
    cycle: ScrubCycle,
    untilBytes: number,
    found: { readonly bad: LocalAddress[]; readonly signal: AbortSignal },
  ): Promise<ScrubCycle> {
    const blobHex = toHex(blob.blobId);
    const first = cycle.blobHex === blobHex ? cycle.chunkIndex : 0;
    let { checkedBytes, badChunks } = cycle;
    for (let chunkIndex = first; chunkIndex < blob.chunks.length; chunkIndex++) {
      if (checkedBytes >= untilBytes) return { ...cycle, blobHex, chunkIndex, checkedBytes, badChunks };
      const chunk = blob.chunks[chunkIndex]!;
      const isHere = chunk.nodeIds.includes(BigInt(this.#options.nodeId));
      if (!isHere || blob.state === BlobState.DELETING) continue;
      const address = { blobId: blob.blobId, chunkIndex };
      const verdict = await this.#check(address, chunk, found.signal);
      checkedBytes += chunk.length;
      this.#options.onChecked(chunk.length);
      if (verdict === "good") badChunks += this.#condemn(found.bad);
      if (verdict === "good" || verdict === "in-doubt" || !this.#isExpected(address)) continue;
      badChunks++;
      found.bad.push(address);
      this.#options.onBad(address, verdict);
    }
    // 0: done with this blob.
    return { ...cycle, blobHex, chunkIndex: 0, checkedBytes, badChunks };
  }

  async #check(
    address: LocalAddress,
    chunk: { readonly length: number; readonly blake3: Uint8Array },
    signal: AbortSignal,
  ): Promise<Verdict> {
    const { chunks, hasher, nodeId } = this.#options;
    for (let attempt = 0; attempt < 2; attempt++) {
      signal.throwIfAborted();
      if (!chunks.has(address)) return "missing";
      try {
        const pieces = await chunks.read(nodeId, address, chunk.length, signal);
        if (isChunk(hasher, chunk, pieces)) return "good";
        chunks.quarantine(address);
        return "damaged";
      } catch (error) {
        const code = codeOf(error);
        if (code === "not-found") return "missing";
        if (code === "damaged") return "damaged";
        if (code === "invalid") {
          // Shorter than it should be: another chunk lies at this address.
          chunks.quarantine(address);
          return "damaged";
        }
        if (code !== "io") throw error;
      }
    }
    this.#unreadable.push(address);
    if (this.#unreadable.length < MAX_UNREADABLE_IN_A_ROW) return "in-doubt";
    this.#unreadable = [];
    throw new Error("the disk fails one read after the other");
  }

  /** As of now: what was deleted or discarded since its row was read is not lost. */
  #isExpected({ blobId, chunkIndex }: LocalAddress): boolean {
    const { metadata, nodeId } = this.#options;
    const blob = metadata.view.blob(blobId);
    if (blob === undefined || blob.state === BlobState.DELETING) return false;
    return blob.chunks[chunkIndex]?.nodeIds.includes(BigInt(nodeId)) === true;
  }

  /** Other chunks can be read, so those that could not are lost; how many. */
  #condemn(bad: LocalAddress[]): number {
    const unreadable = this.#unreadable.splice(0).filter((address) => this.#isExpected(address));
    for (const address of unreadable) {
      this.#options.chunks.quarantine(address);
      this.#options.onBad(address, "unreadable");
    }
    bad.push(...unreadable);
    return unreadable.length;
  }
}
