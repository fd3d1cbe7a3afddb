import { Deferred, type ThreadPort } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";
import type { AuditLog } from "../audit/log.ts";
import type { Logger } from "../logger.ts";
import { withoutGauges } from "../metrics-report.ts";
import {
  type FromObserved,
  type LogLine,
  type ObservingReport,
  splitEntries,
  type ToObserved,
} from "./protocol.ts";

export interface ObservedThreadOptions {
  readonly port: ThreadPort<ToObserved, FromObserved>;
  /** On each of its log lines, as `thread`. */
  readonly name: string;
  readonly logger: Logger;
  /** Undefined: switched off. */
  readonly audit: Pick<AuditLog, "recordPrepared" | "recordLost"> | undefined;
  readonly timers: Timers;
}

/** On the main thread, for one thread that serves requests: takes what its `ThreadReporter` tells, and asks it. */
export class ObservedThread {
  readonly #options: ObservedThreadOptions;
  readonly #logger: Logger;
  #latest: ObservingReport | undefined;
  /** Of the question that the thread has not answered yet: there is one at most, however often it is asked. */
  #answered: Deferred<void> | undefined;
  #hasEnded = false;

  constructor(options: ObservedThreadOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ thread: options.name });
    options.port.onMessage((message) => this.#receive(message));
  }

  /**
   * What the thread has counted. When it does not answer within `deadlineMs`, or is no more, what it said last: a counter does not go back. Undefined: it
   * has never said anything. Does not reject.
   */
  async report(deadlineMs: number): Promise<ObservingReport | undefined> {
    if (!this.#hasEnded) await this.#ask(deadlineMs);
    return this.#latest;
  }

  /** The thread is no more: nobody waits for it, and what it said last stays, but for what was only true then. */
  ended(): void {
    this.#hasEnded = true;
    const latest = this.#latest;
    if (latest !== undefined)
      this.#latest = { ...latest, metrics: withoutGauges(latest.metrics), requestsInFlight: 0 };
    this.#answered?.resolve();
  }

  async #ask(deadlineMs: number): Promise<void> {
    const { port, timers } = this.#options;
    const answered = this.#answered ?? new Deferred<void>();
    if (this.#answered !== answered) {
      this.#answered = answered;
      port.post({ kind: "report" });
    }
    const over = new AbortController();
    const deadline = timers.sleep(deadlineMs, over.signal).catch(() => undefined);
    await Promise.race([answered.promise, deadline]);
    over.abort();
  }

  #receive(message: FromObserved): void {
    switch (message.kind) {
      case "audit":
        this.#audit(message.entries, message.lost);
        break;
      case "log":
        this.#log(message.lines, message.lost);
        break;
      case "report":
        if (message.report !== undefined && !this.#hasEnded) this.#latest = message.report;
        this.#answered?.resolve();
        this.#answered = undefined;
        break;
    }
  }

  #audit(joined: string, lost: number): void {
    const { audit, port } = this.#options;
    const entries = splitEntries(joined);
    if (lost > 0) audit?.recordLost(lost);
    audit?.recordPrepared(entries);
    port.post({ kind: "audit-taken", count: entries.length });
  }

  #log(lines: readonly LogLine[], lost: number): void {
    for (const { level, message, fields } of lines) this.#logger[level](message, fields);
    if (lost > 0) this.#logger.warn("log lines of a thread were lost", { lost });
    this.#options.port.post({ kind: "log-taken", count: lines.length });
  }
}
