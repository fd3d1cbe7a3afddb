import { equalBytes } from "../../base/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import { RaftUnavailable, type RaftUnavailableReason } from "../errors.ts";

export interface ReadRoundsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly maxWaiting: number;
  readonly retryTicks: number;
  /** Asks the core; false: it cannot now (no leader). */
  readonly ask: (context: Uint8Array) => boolean;
}

interface Waiter {
  readonly deadlineMs: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: RaftUnavailable) => void;
}

interface Round {
  readonly context: Uint8Array;
  readonly waiters: Waiter[];
  ticksLeft: number;
}

/**
 * Linearizable reads, many in one round. A round is asked for after the last of its callers came; who comes later waits for the next.
 * A round that got lost is asked again under a new context: an answer to an old one may be older than callers that joined since.
 */
export class ReadRounds {
  readonly #options: ReadRoundsOptions;
  /** Makes contexts unique among all lives of this node: late answers to an earlier life must not be taken for ours. */
  readonly #life: Uint8Array;
  #count = 0;
  #waiting: Waiter[] = [];
  #round: Round | undefined;

  constructor(options: ReadRoundsOptions) {
    this.#options = options;
    this.#life = options.random.bytes(12);
  }

  /** Joins the next round. `start` must be called afterwards, in the same turn or soon. */
  read(timeoutMs: number): Promise<number> {
    const { clock, maxWaiting } = this.#options;
    const count = this.#waiting.length + (this.#round?.waiters.length ?? 0);
    if (count >= maxWaiting) {
      return Promise.reject(new RaftUnavailable("overloaded", `${count} reads are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deadlineMs: clock.monotonicMs() + timeoutMs, resolve, reject });
    });
  }

  /** Asks for a round if there is none and somebody waits. */
  start(): void {
    if (this.#round !== undefined || this.#waiting.length === 0) return;
    const context = this.#nextContext();
    const round: Round = { context, waiters: this.#waiting, ticksLeft: this.#options.retryTicks };
    if (!this.#options.ask(context)) return;
    this.#waiting = [];
    this.#round = round;
  }

  /** The core's answer. */
  answered(context: Uint8Array, index: number): void {
    const round = this.#round;
    if (round === undefined || !equalBytes(round.context, context)) return;
    this.#round = undefined;
    for (const waiter of round.waiters) waiter.resolve(index);
  }

  /** Who led is not who leads: the answer may never come. */
  leaderChanged(): void {
    this.#giveUpRound();
  }

  tick(): void {
    if (this.#round !== undefined && --this.#round.ticksLeft <= 0) this.#giveUpRound();
    const nowMs = this.#options.clock.monotonicMs();
    this.#waiting = this.#expire(this.#waiting, nowMs);
    if (this.#round !== undefined) {
      const waiters = this.#expire(this.#round.waiters, nowMs);
      this.#round = { ...this.#round, waiters };
    }
  }

  fail(reason: RaftUnavailableReason, message: string): void {
    const waiters = [...(this.#round?.waiters ?? []), ...this.#waiting];
    this.#round = undefined;
    this.#waiting = [];
    for (const waiter of waiters) waiter.reject(new RaftUnavailable(reason, message));
  }

  #expire(waiters: Waiter[], nowMs: number): Waiter[] {
    if (waiters.every(({ deadlineMs }) => deadlineMs > nowMs)) return waiters;
    for (const { deadlineMs, reject } of waiters) {
      if (deadlineMs <= nowMs) reject(new RaftUnavailable("timeout", "no quorum has answered in time"));
    }
    return waiters.filter(({ deadlineMs }) => deadlineMs > nowMs);
  }

  #giveUpRound(): void {
    if (this.#round === undefined) return;
    this.#waiting = [...this.#round.waiters, ...this.#waiting];
    this.#round = undefined;
  }

  #nextContext(): Uint8Array {
    const context = new Uint8Array(this.#life.length + 8);
    context.set(this.#life);
    new DataView(context.buffer).setFloat64(this.#life.length, ++this.#count);
    return context;
  }
}
