import { followSignal, type Permit, type WeightedSemaphore } from "../base/index.ts";
import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Clock, Timers } from "../platform/index.ts";
import { CHUNK_BYTES, type ChunkAddress } from "../segment/index.ts";
import { BlobError } from "./errors.ts";
import type { ChunkTarget, ChunkTargets } from "./ports.ts";

/** Bytes of a chunk that are asked for at a time: bounds what one reader holds, whatever the object's size. */
const READ_STEP_BYTES = 1024 * 1024;
/** The same when the readers of the node hold all that they may: whoever is stalled holds little, and keeps nobody else from going on. */
const LEAST_STEP_BYTES = 64 * 1024;
/** A read is hedged when it takes this many times the usual latency ... */
const HEDGE_FACTOR = 4;
/** ... but never before this, in milliseconds. */
const LEAST_HEDGE_MS = 50;
/** Weight of a new observation in the usual latency. */
const LATENCY_WEIGHT = 0.1;

export interface BlobReaderOptions {
  readonly targets: ChunkTargets;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Bytes that all readers may hold before they go on in small steps. */
  readonly budget: WeightedSemaphore;
  /** The row of a blob as of now, whose chunks may have been moved; undefined: it is gone, or cannot be looked up. Default: always the latter. */
  readonly findBlob?: (blobId: Uint8Array) => Promise<BlobRow | undefined>;
}

/** Bytes of a blob that lie in its row, which needed no verifying but the row's own; undefined: they lie elsewhere. */
export function inlineBytes(blob: BlobRow, offset: number, length: number): Uint8Array | undefined {
  return blob.isInline ? blob.inlineData.subarray(offset, offset + length) : undefined;
}

interface Step {
  /** Of the budget; undefined: a small step, which needs none. */
  readonly permit: Permit | undefined;
  readonly chunkIndex: number;
  readonly offset: number;
  readonly length: number;
}

/** A blob that is being read. */
interface Reading {
  /** As it was at the beginning, or when the last step could not be read from it. */
  row: BlobRow;
}

/** Reads blobs from whichever node has a good copy, nearest first, the next on failure, two at once when the first is slow. */
export class BlobReader {
  readonly #options: BlobReaderOptions;
  #usualLatencyMs = 0;

  constructor(options: BlobReaderOptions) {
    this.#options = options;
  }

  /**
   * See `BlobStore.read`. One step is read ahead while the consumer is busy with the one before, as long as the budget has room for it. Nobody waits for
   * the budget: who has to do without goes on in small steps, one after the other.
   */
  async *read(blob: BlobRow, offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    if (length === 0) return;
    if (blob.isInline) {
      yield blob.inlineData.subarray(offset, offset + length);
      return;
    }
    const abort = new AbortController();
    const release = followSignal(signal, abort);
    const reading: Reading = { row: blob };
    const steps = new Steps(blob, offset, length, this.#options.budget);
    // Also when the consumer is told that it is over, and never says that it has heard.
    abort.signal.addEventListener("abort", () => steps.releaseAll(), { once: true });
    const begin = (step: Step | undefined): BegunStep | undefined => {
      if (step === undefined) return undefined;
      const pieces = this.#readStep(reading, step, abort.signal);
      pieces.catch(() => undefined);
      return { step, pieces };
    };
    let isWhole = false;
    try {
      for (let now = begin(steps.next()); now !== undefined; ) {
        const ahead = begin(steps.nextAhead());
        const pieces = await now.pieces;
        isWhole = ahead === undefined && steps.isOver;
        yield* pieces;
        steps.release(now.step);
        now = ahead ?? begin(steps.next());
      }
    } finally {
      release();
      steps.releaseAll();
      if (!isWhole) abort.abort(new BlobError("canceled", "the reader went away"));
    }
  }

  async #readStep(reading: Reading, step: Step, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const candidates = this.#candidates(reading.row, step);
    const startedMs = this.#options.clock.monotonicMs();
    const read = { address: { blobId: reading.row.blobId, chunkIndex: step.chunkIndex }, step, signal };
    let pieces: readonly Uint8Array[];
    try {
      pieces = await this.#race(candidates, read);
    } catch (error) {
      if (!(error instanceof BlobError) || error.code !== "data-unavailable") throw error;
      const moved = await this.#newCandidates(reading, step, candidates);
      if (moved.length === 0) throw error;
      return this.#race(moved, read);
    }
    const tookMs = this.#options.clock.monotonicMs() - startedMs;
    this.#usualLatencyMs += (tookMs - this.#usualLatencyMs) * LATENCY_WEIGHT;
    return pieces;
  }

  /** Nodes that have the chunk since repair moved it, for this step and those to come. */
  async #newCandidates(
    reading: Reading,
    step: Step,
    tried: readonly ChunkTarget[],
  ): Promise<readonly ChunkTarget[]> {
    const row = await this.#options.findBlob?.(reading.row.blobId);
    if (row === undefined) return [];
    reading.row = row;
    const triedIds = new Set(tried.map(({ nodeId }) => nodeId));
    return this.#candidates(row, step).filter(({ nodeId }) => !triedIds.has(nodeId));
  }

  #candidates(row: BlobRow, { chunkIndex }: Step): ChunkTarget[] {
    const { targets } = this.#options;
    const nodeIds = row.chunks[chunkIndex]?.nodeIds ?? [];
    return nodeIds
      .map((id) => targets.target(Number(id)))
      .filter((target) => target !== undefined)
      .sort((a, b) => targets.distance(a.nodeId) - targets.distance(b.nodeId));
  }

  #race(
    candidates: readonly ChunkTarget[],
    read: { readonly address: ChunkAddress; readonly step: Step; readonly signal: AbortSignal },
  ): Promise<readonly Uint8Array[]> {
    const { address, step, signal } = read;
    return new Promise((resolve, reject) => {
      // Where there is only one there are no losers.
      const losers = candidates.length > 1 ? new AbortController() : undefined;
      const release = losers && followSignal(signal, losers);
      let next = 0;
      let pending = 0;
      let finished = false;
      let hedge: { cancel(): void } | undefined;
      let lastError: unknown;
      const finish = (): void => {
        finished = true;
        hedge?.cancel();
        signal.removeEventListener("abort", onAbort);
        release?.();
        // One of those under way has won, or all of them are told by the signal itself.
        if (pending > 1) losers?.abort(new BlobError("canceled", "another copy was faster"));
      };
      const onAbort = (): void => {
        finish();
        reject(new BlobError("canceled", "the read was given up"));
      };
      const tryNext = (): void => {
        const target = candidates[next];
        if (target === undefined) {
          if (pending > 0) return;
          finish();
          const message = `chunk ${address.chunkIndex} cannot be read from any of its ${candidates.length} known nodes`;
          reject(new BlobError("data-unavailable", message, { cause: lastError }));
          return;
        }
        next += 1;
        pending += 1;
        hedge?.cancel();
        if (next < candidates.length) hedge = this.#options.timers.after(this.#hedgeMs(), tryNext);
        target.read(address, step.offset, step.length, losers?.signal ?? signal).then(
          (bytes) => {
            if (finished) return;
            finish();
            resolve(bytes.pieces);
          },
          (error: unknown) => {
            pending -= 1;
            lastError = error;
            if (!finished) tryNext();
          },
        );
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      tryNext();
    });
  }

  #hedgeMs(): number {
    return Math.max(LEAST_HEDGE_MS, this.#usualLatencyMs * HEDGE_FACTOR);
  }
}

interface BegunStep {
  readonly step: Step;
  readonly pieces: Promise<readonly Uint8Array[]>;
}

/** The steps of one read, and what they hold of the budget. */
class Steps {
  readonly #blob: BlobRow;
  readonly #end: number;
  readonly #budget: WeightedSemaphore;
  readonly #held = new Set<Permit>();
  #position: number;

  constructor(blob: BlobRow, offset: number, length: number, budget: WeightedSemaphore) {
    this.#blob = blob;
    this.#position = offset;
    this.#end = offset + length;
    this.#budget = budget;
  }

  get isOver(): boolean {
    return this.#position >= this.#end;
  }

  /** Undefined at the end. */
  next(): Step | undefined {
    return this.nextAhead() ?? (this.isOver ? undefined : this.#advance(LEAST_STEP_BYTES, undefined));
  }

  /** Undefined also where the budget has no room for another one. */
  nextAhead(): Step | undefined {
    if (this.isOver) return undefined;
    const { length } = this.#upTo(READ_STEP_BYTES);
    const permit = length > this.#budget.limit ? undefined : this.#budget.tryAcquire(length);
    if (permit === undefined) return undefined;
    this.#held.add(permit);
    return this.#advance(READ_STEP_BYTES, permit);
  }

  release({ permit }: Step): void {
    if (permit === undefined) return;
    this.#held.delete(permit);
    permit.release();
  }

  releaseAll(): void {
    for (const permit of this.#held) permit.release();
    this.#held.clear();
  }

  #advance(stepBytes: number, permit: Permit | undefined): Step {
    const range = this.#upTo(stepBytes);
    this.#position += range.length;
    return { ...range, permit };
  }

  /** From the position to the next multiple of `stepBytes` in its chunk, or the end. */
  #upTo(stepBytes: number): Omit<Step, "permit"> {
    const { chunks } = this.#blob;
    // All but the last have the length of the first.
    const fullBytes = chunks[0]?.length ?? CHUNK_BYTES;
    const chunkIndex = Math.floor(this.#position / fullBytes);
    const chunk = chunks[chunkIndex];
    const within = this.#position - chunkIndex * fullBytes;
    if (chunk === undefined || within >= chunk.length) {
      throw new BlobError("data-unavailable", `the blob has no byte at ${this.#position}`);
    }
    const upToStep = stepBytes - (within % stepBytes);
    return {
      chunkIndex,
      offset: within,
      length: Math.min(this.#end - this.#position, chunk.length - within, upToStep),
    };
  }
}
