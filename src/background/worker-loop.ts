import { InvariantViolation } from "../base/index.ts";
import { backoffMs } from "./backoff.ts";
import type { Worker, WorkerState, WorkerStatus } from "./ports.ts";
import type { BackgroundOptions } from "./runtime.ts";

/** Least time between two units, so that a worker with much to do leaves the thread to others in between. */
const LEAST_PAUSE_MS = 1;

/** One worker and its turns. */
export class WorkerLoop {
  readonly #worker: Worker;
  readonly #options: BackgroundOptions;
  readonly #throttle: () => number;
  readonly #stopping = new AbortController();
  #ended: Promise<void> | undefined;
  #state: WorkerState = "waiting";
  #isPaused = false;
  #unitsDone = 0;
  #errors = 0;
  #consecutiveErrors = 0;
  #lastError: WorkerStatus["lastError"];
  #lastRunWallMs: number | undefined;
  #nextRunWallMs: number | undefined;
  /** Ends the present wait. */
  #wait = new AbortController();
  #isWoken = false;

  /** `throttle` is asked before each pause: how many times as long as its unit it lasts. */
  constructor(worker: Worker, options: BackgroundOptions, throttle: () => number) {
    this.#worker = worker;
    this.#options = options;
    this.#throttle = throttle;
  }

  start(): void {
    this.#ended ??= this.#run();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wait.abort();
  }

  pause(): void {
    this.#isPaused = true;
    this.#wait.abort();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.wake();
  }

  /** Resolves when no unit runs and none will. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wait.abort();
    await this.#ended;
    this.#state = "stopped";
  }

  status(): WorkerStatus {
    return {
      name: this.#worker.name,
      state: this.#state,
      progress: this.#worker.progress?.(),
      unitsDone: this.#unitsDone,
      errors: this.#errors,
      consecutiveErrors: this.#consecutiveErrors,
      lastError: this.#lastError,
      lastRunWallMs: this.#lastRunWallMs,
      nextRunWallMs: this.#nextRunWallMs,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.#isPaused) await this.#waitFor("paused", undefined);
      else {
        const pause = await this.#runOnce();
        await this.#waitFor(pause.state, pause.ms);
      }
    }
    this.#state = "stopped";
    this.#nextRunWallMs = undefined;
  }

  /** Runs a unit; returns how long to wait after it. */
  async #runOnce(): Promise<{ readonly state: "waiting" | "failing"; readonly ms: number }> {
    const { clock, metrics } = this.#options;
    const worker = this.#worker.name;
    this.#state = "running";
    this.#nextRunWallMs = undefined;
    this.#isWoken = false;
    const startedMs = clock.monotonicMs();
    try {
      const outcome = await this.#worker.runUnit(this.#stopping.signal);
      const tookMs = clock.monotonicMs() - startedMs;
      metrics.backgroundUnits.increment({ worker, outcome });
      metrics.backgroundUnitSeconds.observe(tookMs / 1000, { worker });
      this.#unitsDone++;
      this.#consecutiveErrors = 0;
      return {
        state: "waiting",
        ms: outcome === "idle" ? this.#worker.idleMs : Math.max(LEAST_PAUSE_MS, tookMs * this.#throttle()),
      };
    } catch (error) {
      return { state: "failing", ms: this.#failed(error) };
    } finally {
      this.#lastRunWallMs = clock.wallMs();
    }
  }

  /** Returns how long to wait before trying again. */
  #failed(error: unknown): number {
    // Being told to stop is no failure.
    if (this.#stopping.signal.aborted) return 0;
    const { clock, logger, metrics, random, onBug } = this.#options;
    const worker = this.#worker.name;
    if (error instanceof InvariantViolation) {
      this.#stopping.abort();
      onBug(error);
    }
    this.#errors++;
    this.#consecutiveErrors++;
    this.#lastError = {
      message: error instanceof Error ? error.message : String(error),
      wallMs: clock.wallMs(),
    };
    metrics.backgroundUnits.increment({ worker, outcome: "error" });
    logger.warn("a background unit failed", { worker, consecutiveErrors: this.#consecutiveErrors, error });
    return backoffMs(this.#consecutiveErrors, random);
  }

  /** Until the time is over, or somebody wakes, pauses, resumes or stops the worker; without a time: only until then. */
  async #waitFor(state: WorkerState, ms: number | undefined): Promise<void> {
    if (this.#stopping.signal.aborted || (this.#isWoken && state !== "paused")) return;
    this.#wait = new AbortController();
    this.#state = state;
    this.#nextRunWallMs = ms === undefined ? undefined : this.#options.clock.wallMs() + ms;
    // An aborted wait is over, as one whose time has passed.
    await this.#options.timers
      .sleep(ms ?? Number.POSITIVE_INFINITY, this.#wait.signal)
      .catch(() => undefined);
  }
}
