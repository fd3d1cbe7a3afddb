import { assert, type InvariantViolation } from "../base/index.ts";
import type { Logger, Metrics } from "../observe/index.ts";
import type { Clock, Random, Timers } from "../platform/index.ts";
import type { Worker, WorkerStatus } from "./ports.ts";
import { WorkerLoop } from "./worker-loop.ts";

/** Time off in proportion to time worked: 1 takes at most half of a thread or a disk, 3 a quarter. */
const DEFAULT_THROTTLE = 1;
const GREATEST_THROTTLE = 1000;

export interface BackgroundOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A worker found that an invariant does not hold: the node is to stop. That worker runs no more. */
  readonly onBug: (violation: InvariantViolation) => void;
}

export interface WorkerSettings {
  /** How many times as long as a unit took the worker rests after it, when there is more to do. 0: it hardly rests. */
  readonly throttle?: number;
}

/** Runs all background work of a node: each worker one unit at a time, with rests in between, and all of it visible. */
export class BackgroundRuntime {
  readonly #options: BackgroundOptions;
  readonly #workers = new Map<string, { readonly loop: WorkerLoop; throttle: number }>();
  #isStopped = false;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** The worker's first unit begins at once. */
  add(worker: Worker, settings?: WorkerSettings): void {
    assert(!this.#isStopped, "workers are added to a runtime that runs");
    assert(!this.#workers.has(worker.name), "workers have different names");
    const throttle = settings?.throttle ?? DEFAULT_THROTTLE;
    const loop = new WorkerLoop(worker, this.#options, () => this.#entry(worker.name).throttle);
    this.#workers.set(worker.name, { loop, throttle: checked(throttle) });
    loop.start();
  }

  has(name: string): boolean {
    return this.#workers.has(name);
  }

  /** In order of their names. */
  status(): readonly WorkerStatus[] {
    const names = [...this.#workers.keys()].sort();
    return names.map((name) => this.#entry(name).loop.status());
  }

  /** Ends the worker's wait, whatever it waits for: there is something to do. */
  wake(name: string): void {
    this.#entry(name).loop.wake();
  }

  /** Begins no more units, until `resume`; one that runs goes on. */
  pause(name: string): void {
    this.#entry(name).loop.pause();
  }

  resume(name: string): void {
    this.#entry(name).loop.resume();
  }

  setThrottle(name: string, throttle: number): void {
    this.#entry(name).throttle = checked(throttle);
  }

  /** Stops one worker and forgets it. Resolves when its unit has ended. */
  async remove(name: string): Promise<void> {
    const { loop } = this.#entry(name);
    await loop.stop();
    this.#workers.delete(name);
  }

  /** Aborts what runs and resolves when nothing does. Status remains. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#workers.values()].map(({ loop }) => loop.stop()));
  }

  #entry(name: string): { readonly loop: WorkerLoop; throttle: number } {
    const entry = this.#workers.get(name);
    assert(entry !== undefined, "the worker is one of the runtime's");
    return entry;
  }
}

function checked(throttle: number): number {
  assert(throttle >= 0 && throttle <= GREATEST_THROTTLE, "a throttle is from 0 to GREATEST_THROTTLE");
  return throttle;
}
