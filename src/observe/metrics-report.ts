import * as prometheus from "prom-client";

/** The metrics of one registry as plain data, which can be sent from thread to thread. */
export type MetricsReport = readonly ReportedMetric[];

interface ReportedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several registries become one. */
  readonly aggregator: prometheus.Aggregator;
  readonly values: readonly ReportedValue[];
}

interface ReportedValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a histogram: which of its series. */
  readonly metricName?: string;
}

/** A copy: what is counted afterwards is not in it. */
export async function reportMetrics(registry: prometheus.Registry): Promise<MetricsReport> {
  const metrics = (await registry.getMetricsAsJSON()) as unknown as MetricsReport;
  return metrics.map(({ name, help, type, aggregator, values }) => ({
    name,
    help,
    type,
    aggregator,
    values: values.map(({ value, labels, metricName }) =>
      metricName === undefined ? { value, labels } : { value, labels, metricName },
    ),
  }));
}

/** A registry that shows the sums of what the reports have, in the order of the first. */
export function addUpMetrics(reports: readonly MetricsReport[]): prometheus.Registry {
  return prometheus.AggregatorRegistry.aggregate(reports as unknown as object[]);
}

/** What remains true of a thread that is no more. */
export function withoutGauges(report: MetricsReport): MetricsReport {
  return report.filter(({ type }) => type !== "gauge");
}
