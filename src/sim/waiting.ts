import type { Simulation } from "../platform/sim/index.ts";
import { check } from "./failure.ts";

/** Looks at the state of the whole cluster are this far apart, in milliseconds of virtual time. */
const LOOK_MS = 100;

export interface WaitingOptions {
  readonly simulation: Simulation;
  readonly hasFailed: () => boolean;
  /** What the cluster looks like, for the failure. */
  readonly describe: () => string;
}

/** What must come true within a bounded virtual time. */
export class Waiting {
  readonly #options: WaitingOptions;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Looks again and again until it holds. Throws CheckFailure when it does not; returns early when the run has failed already. */
  async until(what: string, limitMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
    const { simulation, hasFailed, describe } = this.#options;
    const endMs = simulation.nowMs + limitMs;
    while (simulation.nowMs < endMs) {
      if (hasFailed()) return;
      const answer = holds();
      if (typeof answer === "boolean" ? answer : await simulation.complete(answer, limitMs)) return;
      await simulation.runUntil(hasFailed, LOOK_MS);
    }
    check(false, `liveness: ${what}`, describe);
  }
}
