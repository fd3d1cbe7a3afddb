import { hash } from "node:crypto";
import {
  type AuditSink,
  type Logger,
  type Metrics,
  type ObservedThread,
  type ObservingReport,
  type OperationStatistics,
  RequestStatistics,
} from "../observe/index.ts";
import type { RpcEvent } from "../rpc/index.ts";
import type { RequestEvent } from "../s3/index.ts";
import type { StrangerEntries } from "./stranger-entries.ts";

/** Characters of a key's fingerprint that the audit log shows. */
const FINGERPRINT_CHARACTERS = 8;
/** A thread that does not say what it has counted within this time is shown as it was when it last did. */
const REPORT_DEADLINE_MS = 2000;
/** Outcomes that say that a caller was turned away before an engine saw the request. */
const REFUSED: Readonly<Record<string, string>> = {
  AccessDenied: "role",
  InvalidAccessKeyId: "authentication",
  SignatureDoesNotMatch: "authentication",
  SlowDown: "limit",
  unauthenticated: "authentication",
  permissiondenied: "role",
  resourceexhausted: "limit",
};

export interface ObservingOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined: switched off. */
  readonly audit: AuditSink | undefined;
  /** Where entries go of callers without a valid key who were refused: a part of them to `audit`. */
  readonly strangers: StrangerEntries | undefined;
  /** Reads are not audited; refused ones are. */
  readonly isRead: (operation: string) => boolean;
}

interface Happening {
  readonly surface: "s3" | "rpc";
  readonly operation: string;
  readonly outcome: string;
  readonly requestId: string;
  readonly principalKeyId: string | undefined;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** "org/project/name". */
  readonly namespace?: string | undefined;
  readonly durationMs: number;
  readonly remoteAddress: string;
}

/** Of all threads, since they started. */
export interface RequestTotals {
  readonly operations: readonly OperationStatistics[];
  readonly requestsInFlight: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * What happens on the listeners of one thread, as metrics, log lines and audit entries. That of the main thread shows what other threads report as well: in
 * /metrics and in `totals`.
 */
export class Observing {
  readonly requests = new RequestStatistics();
  /** Of the S3 listener, which is opened later. */
  requestsInFlight: () => number = () => 0;
  /** Of bodies, S3. */
  bytesIn = 0;
  bytesOut = 0;
  readonly #options: ObservingOptions;
  readonly #threads: Pick<ObservedThread, "report">[] = [];

  constructor(options: ObservingOptions) {
    this.#options = options;
    options.metrics.includeReports(async () => (await this.#threadReports()).map(({ metrics }) => metrics));
  }

  /** One of the node's threads that serve requests, of which there are as many as are configured. */
  addThread(thread: Pick<ObservedThread, "report">): void {
    this.#threads.push(thread);
  }

  /** What this thread alone has counted. */
  async report(): Promise<ObservingReport> {
    const { bytesIn, bytesOut } = this;
    return {
      metrics: await this.#options.metrics.collect(),
      statistics: this.requests.report(),
      requestsInFlight: this.requestsInFlight(),
      bytesIn,
      bytesOut,
    };
  }

  async totals(): Promise<RequestTotals> {
    const reports = await this.#threadReports();
    const sum = (own: number, of: (report: ObservingReport) => number): number =>
      reports.reduce((total, report) => total + of(report), own);
    return {
      operations: this.requests.all(reports.map(({ statistics }) => statistics)),
      requestsInFlight: sum(this.requestsInFlight(), (report) => report.requestsInFlight),
      bytesIn: sum(this.bytesIn, (report) => report.bytesIn),
      bytesOut: sum(this.bytesOut, (report) => report.bytesOut),
    };
  }

  async #threadReports(): Promise<readonly ObservingReport[]> {
    const reports = await Promise.all(this.#threads.map((thread) => thread.report(REPORT_DEADLINE_MS)));
    return reports.filter((report) => report !== undefined);
  }

  s3Request(event: RequestEvent): void {
    const { metrics } = this.#options;
    this.bytesIn += event.bytesIn;
    this.bytesOut += event.bytesOut;
    metrics.requestBytes.add(event.bytesIn, { surface: "s3" });
    metrics.responseBytes.add(event.bytesOut, { surface: "s3" });
    const outcome = event.errorCode ?? (event.completed ? "ok" : "cut");
    this.#note({ ...event, surface: "s3", operation: event.operation ?? "unknown", outcome });
  }

  rpcCall(event: RpcEvent): void {
    this.#note({ ...event, surface: "rpc" });
  }

  /** Writes down what is still only counted. */
  close(): void {
    this.#options.strangers?.close();
  }

  unexpected(error: unknown, requestId: string): void {
    this.#options.logger.error("a request met an unexpected error", { requestId, error });
  }

  #note(happening: Happening): void {
    const { metrics, logger } = this.#options;
    const { surface, operation, outcome } = happening;
    this.requests.note(happening);
    metrics.requests.increment({ surface, operation, outcome });
    metrics.requestSeconds.observe(happening.durationMs / 1000, { surface, operation });
    const reason = REFUSED[outcome];
    if (reason !== undefined) metrics.requestsRefused.increment({ surface, reason });
    logger.debug("request", { ...happening });
    this.#audit(happening);
  }

  /** A failed entry is the audit log's own to report: it counts, retries and shows what it could not write. */
  #audit(happening: Happening): void {
    const { isRead } = this.#options;
    const { operation, outcome, requestId, principalKeyId, bucket, key, namespace, remoteAddress } =
      happening;
    const isStranger = principalKeyId === undefined && outcome !== "ok";
    const audit = isStranger ? this.#options.strangers : this.#options.audit;
    if (audit === undefined || (isRead(operation) && REFUSED[outcome] === undefined)) return;
    const [organization, project, name] = namespace?.split("/") ?? [];
    const written = audit.record({
      requestId,
      operation,
      outcome,
      sourceAddress: remoteAddress,
      ...(principalKeyId !== undefined && { keyFingerprint: fingerprint(principalKeyId) }),
      ...(organization !== undefined && { organization }),
      ...(project !== undefined && { project }),
      ...(name !== undefined && { namespace: name }),
      ...(bucket !== undefined && { bucket }),
      ...(key !== undefined && { key }),
    });
    written?.catch(() => undefined);
  }
}

/** By key id; the same few keys come with every request. */
const FINGERPRINTS = new Map<string, string>();
const MAX_FINGERPRINTS = 1000;

function fingerprint(keyId: string): string {
  const known = FINGERPRINTS.get(keyId);
  if (known !== undefined) return known;
  const made = hash("sha256", keyId).slice(0, FINGERPRINT_CHARACTERS);
  if (FINGERPRINTS.size >= MAX_FINGERPRINTS) FINGERPRINTS.clear();
  FINGERPRINTS.set(keyId, made);
  return made;
}
