/**
 * What a node shows of itself: log lines, metrics, and the audit log.
 *
 * - `Logger`: JSON lines with fields; secrets are taken out on the way (by field name, by form, and by the type `Secret`).
 * - `Metrics`: every metric is declared in `metric-catalogue.ts`; one registry per node.
 * - `AuditLog`: who did what, appended to a chain of hashes and synced; `verifyAuditLog` checks the chain.
 * - `newRequestId`: one id per request, in its answer, its log lines and its audit record.
 * - `thread/`: further threads that serve requests. Each has a `ThreadReporter`, through which it logs and audits; the main thread, which owns the
 *   log's output, the audit log and /metrics, has an `ObservedThread` for it, and asks it for what it has counted.
 *
 * Invariants: no secret is written down; a log line never fails a request; an audit entry that is acknowledged ("block") is durable.
 */

export { AuditLog, type AuditLogOptions, type AuditSink, type AuditStatus } from "./audit/log.ts";
export type { AuditEntry } from "./audit/record.ts";
export {
  type AuditProblem,
  type AuditProblemKind,
  type AuditReport,
  verifyAuditLog,
} from "./audit/verify.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  SILENT_LOGGER,
} from "./logger.ts";
export { METRICS } from "./metric-catalogue.ts";
export { type Counter, createMetrics, type Gauge, type Histogram, type Metrics } from "./metrics.ts";
export type { MetricsReport } from "./metrics-report.ts";
export { redact, redactText } from "./redact.ts";
export { newRequestId } from "./request-id.ts";
export { type OperationStatistics, RequestStatistics, type StatisticsReport } from "./request-statistics.ts";
export { Secret } from "./secret.ts";
export { ObservedThread, type ObservedThreadOptions } from "./thread/observed-thread.ts";
export type { FromObserved, ObservingReport, ToObserved } from "./thread/protocol.ts";
export { ThreadReporter, type ThreadReporterOptions } from "./thread/thread-reporter.ts";
