import { assert } from "../base/index.ts";

/**
 * When a peer may be dialled again: after each failure in a row the delay doubles from `leastMs` to `greatestMs`, and a random time
 * between half and all of it is waited for, so that nodes that lost a peer together do not come back together.
 */
export class Backoff {
  readonly #leastMs: number;
  readonly #greatestMs: number;
  #failures = 0;

  constructor(leastMs: number, greatestMs: number) {
    assert(leastMs > 0 && leastMs <= greatestMs, "the least backoff is positive and not above the greatest");
    this.#leastMs = leastMs;
    this.#greatestMs = greatestMs;
  }

  /** Counts a failure. `unit` is random, in [0, 1). Returns how long to wait before the next attempt, in milliseconds. */
  failed(unit: number): number {
    const delayMs = Math.min(this.#greatestMs, this.#leastMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return delayMs * (0.5 + unit / 2);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
