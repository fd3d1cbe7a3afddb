import type { LogFields } from "../logger.ts";
import type { MetricsReport } from "../metrics-report.ts";
import type { StatisticsReport } from "../request-statistics.ts";

/**
 * What a thread that serves requests and the main thread, which owns the audit log, the log and /metrics, say to each other of these requests. Order is kept
 * each way. Secrets are taken out before anything is sent.
 */

export type FromObserved =
  /** Prepared audit entries (`joinEntries`), and how many were lost since the message before. */
  | { readonly kind: "audit"; readonly entries: string; readonly lost: number }
  | { readonly kind: "log"; readonly lines: readonly LogLine[]; readonly lost: number }
  /** Undefined: it could not be made. */
  | { readonly kind: "report"; readonly report: ObservingReport | undefined };

export type ToObserved =
  /** One at a time. */
  | { readonly kind: "report" }
  /** So many audit entries or log lines have left the queue between the threads. */
  | { readonly kind: "audit-taken"; readonly count: number }
  | { readonly kind: "log-taken"; readonly count: number };

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** Redacted, and therefore plain data. */
  readonly fields: LogFields;
}

/** What a thread has counted since it started. */
export interface ObservingReport {
  readonly metrics: MetricsReport;
  readonly statistics: StatisticsReport;
  /** Requests that are being served. */
  readonly requestsInFlight: number;
  /** Of bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** One text is cheaper to send than many. */
export function joinEntries(entries: readonly string[]): string {
  return entries.length === 0 ? "" : `${entries.join("\n")}\n`;
}

/** What `joinEntries` has joined. */
export function splitEntries(entries: string): readonly string[] {
  return entries.split("\n").slice(0, -1);
}
