import { assert, createPrng, type Prng } from "../../base/index.ts";
import type { Timer } from "../ports.ts";
import { EventHeap } from "./event-heap.ts";

const EVENTS_PER_IMMEDIATE = 32;

/**
 * Virtual time. Everything that happens is an event on one heap ordered by (time, sequence); between two events all promises that can go on
 * do so. One seed therefore gives one history, as long as nothing in it waits for the real world.
 */
export class Simulation {
  /** Fork it: one child for each part of the system. */
  readonly prng: Prng;
  /** Called after each event and all that it led to at once: for checkers. What it throws ends the run. */
  afterEvent: (() => void) | undefined;
  readonly #heap = new EventHeap();
  #nowMs = 0;
  #sequence = 0;
  #events = 0;

  constructor(seed: string | number) {
    this.prng = createPrng(seed);
  }

  /** True time, in milliseconds since the simulation began. Machines see it through clocks of their own. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  /** Events at the same time happen in the order in which they were scheduled. */
  schedule(delayMs: number, action: () => void): Timer {
    assert(delayMs >= 0, "an event is not in the past");
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel: () => undefined };
    const event = { timeMs: this.#nowMs + delayMs, sequence: this.#sequence++, action, isCancelled: false };
    this.#heap.push(event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  /**
   * Runs events until `isDone` says so (asked before the first event and after each), and returns true; or false when `limitMs` of virtual time
   * have passed or nothing is left to happen. An exception of an event ends the run.
   */
  async runUntil(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    await this.#drainMicrotasks();
    while (!isDone()) {
      const event = this.#heap.peek();
      if (event === undefined || event.timeMs > endMs) {
        if (Number.isFinite(endMs)) this.#nowMs = endMs;
        return false;
      }
      this.#heap.pop();
      if (event.isCancelled) continue;
      assert(event.timeMs >= this.#nowMs, "virtual time does not go back");
      this.#nowMs = event.timeMs;
      this.#events++;
      event.action();
      await this.#drainMicrotasks();
      this.afterEvent?.();
    }
    return true;
  }

  /**
   * Node runs all promise jobs, those that they make included, before the next tick of its queue, and everything in that queue before an immediate.
   * Ticks cost a tenth of an immediate; now and then there is one all the same, for rejections that nobody handles are told only then.
   */
  #drainMicrotasks(): Promise<void> {
    return this.#events % EVENTS_PER_IMMEDIATE === 0
      ? new Promise((resolve) => setImmediate(resolve))
      : new Promise((resolve) => process.nextTick(resolve));
  }

  /** Lets this much virtual time pass. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(() => false, durationMs);
  }

  /** Runs until the promise has settled, and settles like it; throws when that takes longer than `limitMs` of virtual time. */
  async complete<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    const isComplete = await this.runUntil(() => isSettled, limitMs);
    if (!isComplete) throw new Error(`nothing came of it within ${limitMs} ms of virtual time`);
    return await promise;
  }
}
