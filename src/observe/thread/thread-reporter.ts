import type { ThreadPort } from "../../base/index.ts";
import type { Clock, Timers } from "../../platform/index.ts";
import type { AuditSink } from "../audit/log.ts";
import { EntryPreparer } from "../audit/record.ts";
import type { Logger, LogLevel } from "../logger.ts";
import { ForwardingLogger } from "./forwarding-logger.ts";
import { Outbox } from "./outbox.ts";
import {
  type FromObserved,
  joinEntries,
  type LogLine,
  type ObservingReport,
  type ToObserved,
} from "./protocol.ts";

/** Audit entries gather for so long, or until there are so many, before they are posted together. */
const GATHER_MS = 10;
const MAX_GATHERED_ENTRIES = 200;
/** Audit entries that the main thread has not taken yet; further ones are lost, which the audit log records. */
const MAX_FORWARDED_ENTRIES = 10_000;
/** Log lines of one turn that are one message, and those that the main thread has not taken yet; further ones are lost, which is logged. */
const MAX_GATHERED_LINES = 100;
const MAX_FORWARDED_LINES = 1000;
/** How long `close` waits for the main thread. */
const CLOSE_MS = 2000;

export interface ThreadReporterOptions {
  readonly port: ThreadPort<FromObserved, ToObserved>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly level: LogLevel;
  /** What this thread has counted, when the main thread asks. */
  readonly report: () => Promise<ObservingReport>;
}

/** On a thread that serves requests: its way to the audit log, the log and the metrics, which are the main thread's. */
export class ThreadReporter {
  readonly logger: Logger;
  readonly audit: AuditSink;
  readonly #options: ThreadReporterOptions;
  readonly #entries: Outbox<string>;
  readonly #lines: Outbox<LogLine>;

  constructor(options: ThreadReporterOptions) {
    const { port, clock, timers, level } = options;
    this.#options = options;
    this.#entries = new Outbox({
      maxItems: MAX_FORWARDED_ENTRIES,
      maxGathered: MAX_GATHERED_ENTRIES,
      gather: (flush) => timers.after(GATHER_MS, flush),
      post: (entries, lost) => port.post({ kind: "audit", entries: joinEntries(entries), lost }),
    });
    this.#lines = new Outbox({
      maxItems: MAX_FORWARDED_LINES,
      maxGathered: MAX_GATHERED_LINES,
      gather: (flush) => timers.endOfTurn(flush),
      post: (lines, lost) => port.post({ kind: "log", lines, lost }),
    });
    this.logger = new ForwardingLogger({ level, forward: (line) => this.#lines.add(line) });
    const preparer = new EntryPreparer(clock);
    this.audit = {
      record: (entry) => {
        this.#entries.add(preparer.prepare(entry));
        return undefined;
      },
    };
    port.onMessage((message) => this.#receive(message));
  }

  /** Posts everything that has gathered. Resolves when the main thread has taken it, or does not listen any more. */
  async close(): Promise<void> {
    const closed = new AbortController();
    const deadline = this.#options.timers.sleep(CLOSE_MS, closed.signal).catch(() => undefined);
    await Promise.race([Promise.all([this.#entries.settle(), this.#lines.settle()]), deadline]);
    closed.abort();
  }

  #receive(message: ToObserved): void {
    switch (message.kind) {
      case "report":
        void this.#report();
        break;
      case "audit-taken":
        this.#entries.taken(message.count);
        break;
      case "log-taken":
        this.#lines.taken(message.count);
        break;
    }
  }

  async #report(): Promise<void> {
    const { port, report } = this.#options;
    try {
      const made = await report();
      const buffers = made.statistics.map(({ latenciesMs }) => latenciesMs.buffer);
      port.post({ kind: "report", report: made }, buffers);
    } catch (error) {
      this.logger.error("a thread could not report what it has counted", { error });
      port.post({ kind: "report", report: undefined });
    }
  }
}
