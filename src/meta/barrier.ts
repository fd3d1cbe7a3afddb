/**
 * Linearizable reads: ReadIndex, then wait until the state machine has applied up to it. Callers of one turn of the event loop share a round; a round that is
 * under way is never joined, since its index may have been decided before the call.
 */

import { Deferred } from "../base/index.ts";
import type { Clock, Timer, Timers } from "../platform/index.ts";
import { MetaError } from "./errors.ts";
import { MAX_BARRIER_CALLERS, MAX_BARRIER_ROUNDS, SWEEP_INTERVAL_MS } from "./limits.ts";
import type { MetaStateMachine } from "./machine.ts";
import type { ProposalLog } from "./ports.ts";

export interface BarrierOptions {
  readonly log: ProposalLog;
  readonly machine: MetaStateMachine;
  readonly clock: Clock;
  readonly timers: Timers;
}

interface Round {
  readonly passed: Deferred<void>;
  /** Aborted when the round ends before its index is applied. */
  readonly ended: AbortController;
  callers: number;
  deadlineMs: number;
}

const PASSED = Promise.resolve();

export class Barriers {
  readonly #options: BarrierOptions;
  readonly #running = new Set<Round>();
  #next: Round | undefined;
  #isScheduled = false;
  #callers = 0;
  #sweep: Timer | undefined;

  constructor(options: BarrierOptions) {
    this.#options = options;
  }

  /** Whether a barrier would be passed at once. */
  isPassed(): boolean {
    const { log, machine } = this.#options;
    const index = log.readIndexNow();
    return index !== undefined && machine.view.appliedIndex() >= index;
  }

  /** Rejects with MetaError "unavailable" or "overloaded". A round lasts as long as its most patient caller. */
  pass(timeoutMs: number): Promise<void> {
    if (this.isPassed()) return PASSED;
    if (this.#callers >= MAX_BARRIER_CALLERS) {
      return Promise.reject(new MetaError("overloaded", "too many reads wait"));
    }
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    this.#next ??= { passed: new Deferred(), ended: new AbortController(), callers: 0, deadlineMs };
    const round = this.#next;
    round.callers++;
    round.deadlineMs = Math.max(round.deadlineMs, deadlineMs);
    this.#callers++;
    this.#schedule();
    this.#watch();
    return round.passed.promise;
  }

  /** The round begins when the callers of this turn have joined it. */
  #schedule(): void {
    if (this.#isScheduled || this.#running.size >= MAX_BARRIER_ROUNDS) return;
    this.#isScheduled = true;
    this.#options.timers.endOfTurn(() => {
      this.#isScheduled = false;
      const round = this.#next;
      if (round === undefined) return;
      this.#next = undefined;
      void this.#run(round);
    });
  }

  async #run(round: Round): Promise<void> {
    this.#running.add(round);
    try {
      const { log, machine, clock } = this.#options;
      const index = await log.readIndex(Math.max(1, round.deadlineMs - clock.monotonicMs()));
      if (machine.view.appliedIndex() < index) await machine.waitForApplied(index, round.ended.signal);
      this.#finish(round, undefined);
    } catch (error) {
      this.#finish(round, new MetaError("unavailable", "no quorum confirmed the read", { cause: error }));
    } finally {
      this.#running.delete(round);
      if (this.#next !== undefined) this.#schedule();
    }
  }

  #finish(round: Round, error: MetaError | undefined): void {
    if (round.passed.settled) return;
    this.#callers -= round.callers;
    if (error === undefined) {
      round.passed.resolve();
      return;
    }
    round.passed.reject(error);
    round.ended.abort(error);
  }

  #watch(): void {
    this.#sweep ??= this.#options.timers.after(SWEEP_INTERVAL_MS, () => {
      this.#sweep = undefined;
      const nowMs = this.#options.clock.monotonicMs();
      const overdue = new MetaError("unavailable", "no quorum confirmed the read in time");
      for (const round of this.#running) if (round.deadlineMs <= nowMs) this.#finish(round, overdue);
      if (this.#next !== undefined && this.#next.deadlineMs <= nowMs) {
        this.#finish(this.#next, overdue);
        this.#next = undefined;
      }
      if (this.#callers > 0) this.#watch();
    });
  }

  close(): void {
    this.#sweep?.cancel();
    const stopping = new MetaError("unavailable", "the node is stopping");
    for (const round of this.#running) this.#finish(round, stopping);
    if (this.#next !== undefined) this.#finish(this.#next, stopping);
    this.#next = undefined;
  }
}
