import { followSignal } from "../base/index.ts";
import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Clock, Timers } from "../platform/index.ts";
import { CHUNK_BYTES, type ChunkAddress } from "../segment/index.ts";
import { BlobError } from "./errors.ts";
import type { ChunkTarget, ChunkTargets } from "./ports.ts";

/** Bytes of a chunk that are asked for at a time: bounds what one reader holds, whatever the object's size. */
const READ_STEP_BYTES = 1024 * 1024;
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
  /** The row of a blob as of now, whose chunks may have been moved; undefined: it is gone, or cannot be looked up. Default: always the latter. */
  readonly findBlob?: (blobId: Uint8Array) => Promise<BlobRow | undefined>;
}

/** Bytes of a blob that lie in its row, which needed no verifying but the row's own; undefined: they lie elsewhere. */
export function inlineBytes(blob: BlobRow, offset: number, length: number): Uint8Array | undefined {
  return blob.isInline ? blob.inlineData.subarray(offset, offset + length) : undefined;
}

interface Step {
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

  /** See `BlobStore.read`. One step is read ahead while the consumer is busy with the one before. */
  async *read(blob: BlobRow, offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    if (length === 0) return;
    if (blob.isInline) {
      yield blob.inlineData.subarray(offset, offset + length);
      return;
    }
    const abort = new AbortController();
    const release = followSignal(signal, abort);
    let isWhole = false;
    try {
      let ahead: Promise<readonly Uint8Array[]> | undefined;
      const reading: Reading = { row: blob };
      for (const step of steps(blob, offset, length)) {
        const next = this.#readStep(reading, step, abort.signal);
        next.catch(() => undefined);
        if (ahead !== undefined) yield* await ahead;
        ahead = next;
      }
      const last = await ahead;
      isWhole = true;
      if (last !== undefined) yield* last;
    } finally {
      release();
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

function* steps(blob: BlobRow, offset: number, length: number): Iterable<Step> {
  const end = offset + length;
  // All but the last have the length of the first.
  const fullBytes = blob.chunks[0]?.length ?? CHUNK_BYTES;
  let position = offset;
  while (position < end) {
    const chunkIndex = Math.floor(position / fullBytes);
    const chunk = blob.chunks[chunkIndex];
    const within = position - chunkIndex * fullBytes;
    if (chunk === undefined || within >= chunk.length) {
      throw new BlobError("data-unavailable", `the blob has no byte at ${position}`);
    }
    const upToStep = READ_STEP_BYTES - (within % READ_STEP_BYTES);
    const count = Math.min(end - position, chunk.length - within, upToStep);
    yield { chunkIndex, offset: within, length: count };
    position += count;
  }
}
