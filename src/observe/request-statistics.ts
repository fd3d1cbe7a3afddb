/** What was asked of this node since it started, by operation. Pure, and bounded: so many operations, so many outcomes of each, so many latencies. */

/** Latencies of an operation that are kept: the latest. */
const SAMPLES = 1024;
/** Operations come from closed tables; this holds should one ever not. */
const MAX_OPERATIONS = 1000;
const MAX_OUTCOMES = 200;

export interface NotedRequest {
  readonly surface: string;
  readonly operation: string;
  readonly outcome: string;
  readonly durationMs: number;
}

export interface OperationStatistics {
  readonly surface: string;
  readonly operation: string;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly latency: Latency;
}

/** Of the latest `samples` requests, in milliseconds, between the two nearest of them. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly samples: number;
}

/** What one thread was asked, as plain data. */
export type StatisticsReport = readonly OperationReport[];

interface OperationReport {
  readonly surface: string;
  readonly operation: string;
  readonly outcomes: ReadonlyMap<string, number>;
  /** The kept ones, in no order. */
  readonly latenciesMs: Float64Array<ArrayBuffer>;
}

interface Entry {
  readonly surface: string;
  readonly operation: string;
  readonly outcomes: Map<string, number>;
  readonly latenciesMs: Float64Array<ArrayBuffer>;
  noted: number;
}

export class RequestStatistics {
  readonly #entries = new Map<string, Entry>();

  note({ surface, operation, outcome, durationMs }: NotedRequest): void {
    const entry = this.#entry(surface, operation);
    if (entry === undefined) return;
    const known = entry.outcomes.get(outcome);
    if (known !== undefined || entry.outcomes.size < MAX_OUTCOMES)
      entry.outcomes.set(outcome, (known ?? 0) + 1);
    entry.latenciesMs[entry.noted % SAMPLES] = durationMs;
    entry.noted++;
  }

  /** A copy, with memory of its own for the latencies. */
  report(): StatisticsReport {
    return [...this.#entries.values()].map(({ surface, operation, outcomes, latenciesMs, noted }) => ({
      surface,
      operation,
      outcomes: new Map(outcomes),
      latenciesMs: latenciesMs.slice(0, Math.min(noted, SAMPLES)),
    }));
  }

  /**
   * In order of surface and operation, with what other threads report: outcomes are added up, latencies are those of all kept samples. The least busy
   * thread's samples reach back the furthest.
   */
  all(others: readonly StatisticsReport[] = []): readonly OperationStatistics[] {
    const byName = Map.groupBy([this.report(), ...others].flat(), nameOf);
    return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reports]) => addUp(reports));
  }

  #entry(surface: string, operation: string): Entry | undefined {
    const name = nameOf({ surface, operation });
    const found = this.#entries.get(name);
    if (found !== undefined || this.#entries.size >= MAX_OPERATIONS) return found;
    const latenciesMs = new Float64Array(SAMPLES);
    const entry: Entry = { surface, operation, outcomes: new Map(), latenciesMs, noted: 0 };
    this.#entries.set(name, entry);
    return entry;
  }
}

function nameOf({ surface, operation }: Pick<NotedRequest, "surface" | "operation">): string {
  return `${surface} ${operation}`;
}

/** Reports of one operation. */
function addUp(reports: readonly OperationReport[]): OperationStatistics {
  const { surface, operation } = reports[0] as OperationReport;
  const outcomes = new Map<string, number>();
  for (const report of reports)
    for (const [outcome, count] of report.outcomes)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  const latenciesMs = new Float64Array(
    reports.reduce((samples, report) => samples + report.latenciesMs.length, 0),
  );
  let at = 0;
  for (const report of reports) {
    latenciesMs.set(report.latenciesMs, at);
    at += report.latenciesMs.length;
  }
  return { surface, operation, outcomes, latency: latencyOf(latenciesMs) };
}

function latencyOf(latenciesMs: Float64Array): Latency {
  const sorted = latenciesMs.toSorted();
  return {
    p50Ms: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    p99Ms: quantile(sorted, 0.99),
    samples: sorted.length,
  };
}

/** 0 of nothing. */
function quantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}
