import { assert } from "../../base/index.ts";
import type { Timer, Timers } from "../ports.ts";
import { sleepWith } from "../sleep.ts";
import type { SimClock } from "./clock.ts";
import type { SimProcess } from "./process.ts";

/** Least step of a timer that fired early because its clock was slowed down: rounding must not keep it from moving on. */
const LEAST_STEP_MS = 0.001;

/** Timers of one simulated process, on its machine's clock. */
export class SimTimers implements Timers {
  readonly #process: SimProcess;
  readonly #clock: SimClock;

  constructor(process: SimProcess, clock: SimClock) {
    this.#process = process;
    this.#clock = clock;
  }

  after(delayMs: number, action: () => void): Timer {
    assert(delayMs >= 0, "a delay is not negative");
    const due = this.#clock.monotonicMs() + delayMs;
    let timer: Timer;
    const wait = (): void => {
      const leftMs = due - this.#clock.monotonicMs();
      if (leftMs <= 0) action();
      else timer = this.#process.schedule(Math.max(LEAST_STEP_MS, this.#clock.trueDelayMs(leftMs)), wait);
    };
    timer = this.#process.schedule(this.#clock.trueDelayMs(delayMs), wait);
    return { cancel: () => timer.cancel() };
  }

  endOfTurn(action: () => void): void {
    this.#process.schedule(0, action);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith((delay, action) => this.after(delay, action), delayMs, signal);
  }
}
