/**
 * What a node shows of itself: log lines, metrics, and the audit log.
 *
 * - `Logger`: JSON lines with fields; secrets are taken out on the way (by field name, by form, and by the type `Secret`).
 * - `Metrics`: every metric is declared in `metric-catalogue.ts`; one registry per node.
 * - `AuditLog`: who did what, appended to a chain of hashes and synced; `verifyAuditLog` checks the chain.
 * - `newRequestId`: one id per request, in its answer, its log lines and its audit record.
 *
 * Invariants: no secret is written down; a log line never fails a request; an audit entry that is acknowledged ("block") is durable.
 */

export { AuditLog, type AuditLogOptions, type AuditStatus } from "./audit/log.ts";
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
export { redact, redactText } from "./redact.ts";
export { newRequestId } from "./request-id.ts";
export { type OperationStatistics, RequestStatistics } from "./request-statistics.ts";
export { Secret } from "./secret.ts";
