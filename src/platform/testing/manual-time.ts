import type { Clock, Timer, Timers } from "../ports.ts";

interface Pending {
  readonly atMs: number;
  readonly action: () => void;
}

/** Time that passes when a test says so. */
export class ManualTime {
  #nowMs = 0;
  readonly #pending = new Set<Pending>();

  readonly clock: Clock = { monotonicMs: () => this.#nowMs, wallMs: () => this.#nowMs };

  readonly timers: Timers = {
    endOfTurn: () => {
      throw new Error("not used here");
    },
    after: (delayMs, action): Timer => {
      const timer = { atMs: this.#nowMs + delayMs, action };
      this.#pending.add(timer);
      return { cancel: () => void this.#pending.delete(timer) };
    },
    sleep: () => Promise.reject(new Error("nobody sleeps here")),
  };

  /** Timers that somebody waits for. */
  get pending(): number {
    return this.#pending.size;
  }

  pass(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#next(); next !== undefined && next.atMs <= endMs; next = this.#next()) {
      this.#nowMs = next.atMs;
      this.#pending.delete(next);
      next.action();
    }
    this.#nowMs = endMs;
  }

  #next(): Pending | undefined {
    return [...this.#pending].sort((a, b) => a.atMs - b.atMs)[0];
  }
}
