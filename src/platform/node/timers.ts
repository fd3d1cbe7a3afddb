import { assert } from "../../base/index.ts";
import type { Clock, Timer, Timers } from "../ports.ts";
import { sleepWith } from "../sleep.ts";
import { NodeClock } from "./clock.ts";

/** setTimeout fires at once when it is asked to wait longer. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Node's timers, of any length, never early, and never a reason for the process to stay. */
export class NodeTimers implements Timers {
  readonly #clock: Clock = new NodeClock();

  after(delayMs: number, action: () => void): Timer {
    assert(delayMs >= 0, "a delay is not negative");
    const due = this.#clock.monotonicMs() + delayMs;
    let timeout: NodeJS.Timeout | undefined;
    const wait = (): void => {
      const leftMs = due - this.#clock.monotonicMs();
      // A timeout may fire a little early, and a long delay takes several.
      if (leftMs > 0) timeout = setTimeout(wait, Math.min(Math.ceil(leftMs), LONGEST_TIMEOUT_MS)).unref();
      else action();
    };
    timeout = setTimeout(wait, Math.min(Math.ceil(delayMs), LONGEST_TIMEOUT_MS)).unref();
    return { cancel: () => clearTimeout(timeout) };
  }

  endOfTurn(action: () => void): void {
    setImmediate(action);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith((delay, action) => this.after(delay, action), delayMs, signal);
  }
}
