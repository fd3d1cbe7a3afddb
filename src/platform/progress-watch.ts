import { type Transient, TransientSet } from "../base/index.ts";
import type { Clock, Timer, Timers } from "./ports.ts";

export interface ProgressLimits {
  /** A client may keep us waiting this long for each `minProgressBytes`, and not longer. */
  readonly stallTimeoutMs: number;
  readonly minProgressBytes: number;
}

/** One direction of one transfer: how long its client has kept us waiting since it last made progress. */
export interface Transfer extends Transient {
  waitingSinceMs: number | undefined;
  waitedMs: number;
  bytes: number;
  readonly onStall: () => void;
}

/**
 * Ends transfers whose client stalls. Only the time in which we wait for the client counts, and it is forgotten with every
 * `minProgressBytes`: a large object on a slow line is fine, one byte every minute is not. One timer serves all transfers.
 */
export class ProgressWatch {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #limits: ProgressLimits;
  readonly #waiting = new TransientSet<Transfer>();
  #timer: Timer | undefined;

  constructor(clock: Clock, timers: Timers, limits: ProgressLimits) {
    this.#clock = clock;
    this.#timers = timers;
    this.#limits = limits;
  }

  transfer(onStall: () => void): Transfer {
    return { waitingSinceMs: undefined, waitedMs: 0, bytes: 0, onStall, place: -1 };
  }

  /** From here on we wait for the client. */
  begin(transfer: Transfer): void {
    transfer.waitingSinceMs = this.#clock.monotonicMs();
    this.#waiting.add(transfer);
    this.#timer ??= this.#timers.after(this.#sweepIntervalMs(), () => this.#sweep());
  }

  /** The client has moved `bytes`. */
  end(transfer: Transfer, bytes: number): void {
    if (transfer.waitingSinceMs === undefined) return;
    transfer.waitedMs += this.#clock.monotonicMs() - transfer.waitingSinceMs;
    transfer.waitingSinceMs = undefined;
    transfer.bytes += bytes;
    if (transfer.bytes >= this.#limits.minProgressBytes) {
      transfer.bytes = 0;
      transfer.waitedMs = 0;
    }
    this.#waiting.delete(transfer);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #sweepIntervalMs(): number {
    return Math.max(this.#limits.stallTimeoutMs / 8, 1);
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const transfer of this.#waiting) {
      const waitedMs = transfer.waitedMs + nowMs - (transfer.waitingSinceMs ?? nowMs);
      if (waitedMs < this.#limits.stallTimeoutMs) continue;
      this.#waiting.delete(transfer);
      transfer.waitingSinceMs = undefined;
      transfer.onStall();
    }
    if (this.#waiting.size > 0)
      this.#timer = this.#timers.after(this.#sweepIntervalMs(), () => this.#sweep());
  }
}
