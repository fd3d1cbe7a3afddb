import type { RateLimiter } from "../access/index.ts";
import type { AuditSink } from "../observe/index.ts";
import type { Clock, Timer, Timers } from "../platform/index.ts";

/** Audit entries a second of callers without a valid key who were refused, of all threads of a node together. */
export const STRANGER_ENTRIES = { perSecond: 2, burst: 100 } as const;
/** How often a thread writes down how many further ones there were, in milliseconds. */
const SUMMARY_MS = 60_000;
/** Under which all of them are counted: an address is made up too easily. */
const NAME = "strangers";

export interface StrangerEntriesOptions {
  readonly audit: AuditSink;
  /** With `STRANGER_ENTRIES`, and memory that the threads of the node share. */
  readonly limiter: Pick<RateLimiter, "take">;
  readonly clock: Clock;
  readonly timers: Timers;
}

/**
 * What whoever has no valid key gets into the audit log by being refused: the log keeps so many bytes and no more, so that a caller without a limit could
 * push out of it what others did. Beyond the limit they are counted, and one entry a minute says how many they were.
 */
export class StrangerEntries implements AuditSink {
  readonly #options: StrangerEntriesOptions;
  #further = 0;
  #summary: Timer | undefined;

  constructor(options: StrangerEntriesOptions) {
    this.#options = options;
  }

  record(entry: Parameters<AuditSink["record"]>[0]): Promise<void> | undefined {
    const { audit, limiter, clock, timers } = this.#options;
    if (limiter.take(NAME, clock.monotonicMs()).kind === "allow") return audit.record(entry);
    this.#further++;
    this.#summary ??= timers.after(SUMMARY_MS, () => this.close());
    return undefined;
  }

  /** Writes down what was counted. */
  close(): void {
    this.#summary?.cancel();
    this.#summary = undefined;
    if (this.#further === 0) return;
    const outcome = `${this.#further} more without a valid key`;
    this.#further = 0;
    this.#options.audit
      .record({ requestId: "", operation: "audit.refused", outcome })
      ?.catch(() => undefined);
  }
}
