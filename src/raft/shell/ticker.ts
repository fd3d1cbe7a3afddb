import type { Clock, Timer, Timers } from "../../platform/index.ts";

export interface TickerOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly tickMs: number;
  readonly maxCatchUpTicks: number;
  readonly onTick: () => void;
  readonly onStall: (stallMs: number) => void;
}

/**
 * Ticks by the monotonic clock. After a stall (a long pause of the process) it makes up for a few ticks only: what peers sent during the
 * pause is still in the sockets, and to campaign before it is read would depose a healthy leader.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #lastMs: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#lastMs = options.clock.monotonicMs();
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    const { clock, timers, tickMs } = this.#options;
    const waitMs = Math.max(1, this.#lastMs + tickMs - clock.monotonicMs());
    this.#timer = timers.after(waitMs, () => this.#fire());
  }

  #fire(): void {
    if (this.#stopped) return;
    const { clock, tickMs, maxCatchUpTicks, onTick, onStall } = this.#options;
    const nowMs = clock.monotonicMs();
    const elapsed = Math.floor((nowMs - this.#lastMs) / tickMs);
    const ticks = Math.min(elapsed, maxCatchUpTicks);
    if (elapsed > maxCatchUpTicks) {
      onStall(nowMs - this.#lastMs);
      this.#lastMs = nowMs;
    } else {
      this.#lastMs += elapsed * tickMs;
    }
    for (let i = 0; i < ticks && !this.#stopped; i++) onTick();
    if (!this.#stopped) this.#arm();
  }
}
