/** Weighted permits out of a limited number, such as the bytes of a memory budget, given in the order in which they were asked for. */

import { assert } from "./assert.ts";
import { Deferred } from "./deferred.ts";

/** Held until released; releasing it again does nothing. */
export interface Permit {
  release(): void;
}

interface Waiter {
  readonly weight: number;
  readonly granted: Deferred<Permit>;
}

export class WeightedSemaphore {
  readonly limit: number;
  #held = 0;
  /** A Set keeps the order of arrival and lets an aborted waiter leave from the middle. */
  readonly #waiters = new Set<Waiter>();

  constructor(limit: number) {
    assert(limit > 0, "a semaphore's limit is positive");
    this.limit = limit;
  }

  /** The weight of all permits that are held. */
  get held(): number {
    return this.#held;
  }

  /** How many calls of `acquire` wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Resolves with the permit when `weight`, at most the limit, is free and all who asked before have got theirs. Rejects with the signal's
   * reason when aborted first.
   */
  async acquire(weight: number, signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    const permit = this.tryAcquire(weight);
    if (permit !== undefined) return permit;
    const waiter: Waiter = { weight, granted: new Deferred<Permit>() };
    this.#waiters.add(waiter);
    const abort = (): void => {
      // Deleted already: granted in the same turn; the caller gets the permit.
      if (!this.#waiters.delete(waiter)) return;
      waiter.granted.reject(signal?.reason);
      this.#grant();
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await waiter.granted.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The permit, or undefined when one would have to wait for it. */
  tryAcquire(weight: number): Permit | undefined {
    assert(weight >= 0 && weight <= this.limit, "a permit's weight is within the limit");
    if (this.#waiters.size > 0 || this.#held + weight > this.limit) return undefined;
    return this.#permit(weight);
  }

  #permit(weight: number): Permit {
    this.#held += weight;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#held -= weight;
        assert(this.#held >= 0, "a semaphore gets back no more than it gave");
        this.#grant();
      },
    };
  }

  #grant(): void {
    for (const waiter of this.#waiters) {
      if (this.#held + waiter.weight > this.limit) return;
      this.#waiters.delete(waiter);
      waiter.granted.resolve(this.#permit(waiter.weight));
    }
  }
}
