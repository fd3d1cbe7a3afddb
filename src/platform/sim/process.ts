import { assert } from "../../base/index.ts";
import type { Timer } from "../ports.ts";
import type { Simulation } from "./simulation.ts";

/**
 * One run of a program on a simulated machine, from its start to its crash. Whatever is to reach the program goes through `schedule`: nothing
 * reaches it after its death (promises that it waits for never settle), and while it is paused everything waits.
 */
export class SimProcess {
  readonly #simulation: Simulation;
  #isAlive = true;
  /** What has fallen due during a pause; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  /** Calls `action` in the process after `delayMs` of true time, if it lives then. */
  schedule(delayMs: number, action: () => void): Timer {
    let isCancelled = false;
    const run = (): void => {
      if (isCancelled || !this.#isAlive) return;
      if (this.#held === undefined) action();
      else this.#held.push(run);
    };
    const timer = this.#simulation.schedule(delayMs, run);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  /** Like SIGSTOP: the program does nothing, and its clocks go on. */
  pause(): void {
    assert(this.#isAlive, "only a living process is paused");
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const action of held) this.schedule(0, action);
  }

  kill(): void {
    this.#isAlive = false;
    this.#held = undefined;
  }
}
