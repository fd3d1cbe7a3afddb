import { assert } from "../../base/index.ts";
import type { Clock } from "../ports.ts";
import type { Simulation } from "./simulation.ts";

/** 2026-01-01T00:00:00Z: where the wall clocks of simulated machines begin. */
const START_OF_WALL_TIME_MS = 1_767_225_600_000;

/** The clock of one simulated machine: it may run fast or slow, and its wall time may be wrong and jump. */
export class SimClock implements Clock {
  readonly #simulation: Simulation;
  #rate = 1;
  #anchorTrueMs = 0;
  #anchorLocalMs = 0;
  #wallOffsetMs = START_OF_WALL_TIME_MS;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  monotonicMs(): number {
    return this.#anchorLocalMs + (this.#simulation.nowMs - this.#anchorTrueMs) * this.#rate;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.monotonicMs();
  }

  /** From now on the clock runs `rate` times as fast as true time; a bad quartz has 1.0002. */
  setRate(rate: number): void {
    assert(rate > 0, "a clock runs forward");
    this.#anchorLocalMs = this.monotonicMs();
    this.#anchorTrueMs = this.#simulation.nowMs;
    this.#rate = rate;
  }

  /** Moves the wall clock, in either direction, as an operator or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** How much true time passes while this clock shows `localMs` more. */
  trueDelayMs(localMs: number): number {
    return localMs / this.#rate;
  }
}
