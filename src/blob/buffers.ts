import { assert, WeightedSemaphore } from "../base/index.ts";

/** Least size of a pooled buffer. */
const SMALLEST_BYTES = 64 * 1024;

/** A buffer that is held until nobody reads it any more. */
export interface HeldBuffer {
  readonly bytes: Uint8Array;
  /** Gives it back, to be used again. */
  release(): void;
}

/**
 * Buffers for chunks on their way, in powers of two, over shared memory so that digests can be computed on another thread without a copy.
 * The budget bounds what all requests of a node hold together: when it is used up, requests wait instead of growing the process. So nothing is left to the
 * collector, which does not count shared memory and takes its time: what was given up is held like everything else until nobody reads it.
 */
export class ChunkBuffers {
  readonly #budget: WeightedSemaphore;
  readonly #free = new Map<number, Uint8Array[]>();
  readonly #budgetBytes: number;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
    this.#budget = new WeightedSemaphore(budgetBytes);
  }

  /** Waits for `sizeBytes` of the budget; rejects with the signal's reason when aborted first. */
  async acquire(sizeBytes: number, signal: AbortSignal): Promise<HeldBuffer> {
    const size = sizeClass(sizeBytes);
    assert(size <= this.#budgetBytes, "a chunk buffer fits the budget");
    const permit = await this.#budget.acquire(size, signal);
    const bytes = this.#free.get(size)?.pop() ?? new Uint8Array(new SharedArrayBuffer(size));
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#keep(size, bytes);
      permit.release();
    };
    return { bytes, release };
  }

  #keep(size: number, bytes: Uint8Array): void {
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [bytes]);
    else if ((list.length + 1) * size <= this.#budgetBytes / 4) list.push(bytes);
  }
}

function sizeClass(sizeBytes: number): number {
  let size = SMALLEST_BYTES;
  while (size < sizeBytes) size *= 2;
  return size;
}
