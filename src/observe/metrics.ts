import * as prometheus from "prom-client";
import { METRICS, type MetricDefinition } from "./metric-catalogue.ts";
import { addUpMetrics, type MetricsReport, reportMetrics } from "./metrics-report.ts";
import { renamedMetric, SHOAL_METRICS } from "./shoal-names.ts";
import { type AnyLabels, CounterTally, HistogramTally } from "./tallies.ts";

/** Combinations of label values that one metric may have; values for further ones are thrown away and counted. */
const MAX_SERIES_PER_METRIC = 2000;

type Labels<L extends readonly string[]> = { readonly [Name in L[number]]: string };
/** Metrics without labels take none. */
type LabelArguments<L extends readonly string[]> = L extends readonly [] ? [] : [labels: Labels<L>];

export interface Counter<L extends readonly string[]> {
  /** Adds one. */
  increment(...labels: LabelArguments<L>): void;
  /** `amount` is not negative. */
  add(amount: number, ...labels: LabelArguments<L>): void;
}

export interface Gauge<L extends readonly string[]> {
  set(value: number, ...labels: LabelArguments<L>): void;
  /** `amount` may be negative. */
  add(amount: number, ...labels: LabelArguments<L>): void;
}

export interface Histogram<L extends readonly string[]> {
  observe(value: number, ...labels: LabelArguments<L>): void;
}

type MetricOf<D> = D extends { readonly kind: "counter"; readonly labels: infer L extends readonly string[] }
  ? Counter<L>
  : D extends { readonly kind: "gauge"; readonly labels: infer L extends readonly string[] }
    ? Gauge<L>
    : D extends { readonly kind: "histogram"; readonly labels: infer L extends readonly string[] }
      ? Histogram<L>
      : never;

/** All metrics of the catalogue by their short name: `metrics.requests.increment({ surface: "s3", ... })`. */
export type Metrics = { readonly [Name in keyof typeof METRICS]: MetricOf<(typeof METRICS)[Name]> } & {
  /** Calls `refresh` before every rendering and collecting: for gauges that are cheaper to ask for than to keep up. */
  onRender(refresh: () => void | Promise<void>): void;
  /** Everything in this registry as plain data, for the registry of another thread. Node's own metrics are not in it. */
  collect(): Promise<MetricsReport>;
  /**
   * What is rendered has from now on these reports added to it, gauges too: what all threads see alike is set by one of them. `source` must not reject, and
   * has a deadline of its own.
   */
  includeReports(source: () => Promise<readonly MetricsReport[]>): void;
  /** The text of /metrics and its content type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
};

/**
 * A registry of its own: several nodes in one process do not share metrics. `process` adds Node's own (memory, event loop, collector), `shoalNames` those of
 * namespaces by Shoal's names too.
 */
export function createMetrics(options?: {
  readonly process?: boolean;
  readonly shoalNames?: boolean;
}): Metrics {
  const registry = new prometheus.Registry();
  // Apart: they are of the process, and are never added up.
  const processRegistry = new prometheus.Registry();
  if (options?.process === true) prometheus.collectDefaultMetrics({ register: processRegistry });
  const refreshers: (() => void | Promise<void>)[] = [];
  const refresh = async (): Promise<void> => {
    for (const one of refreshers) await one();
  };
  const sources: (() => Promise<readonly MetricsReport[]>)[] = [];
  const addedUp = async (): Promise<prometheus.Registry> => {
    const reports = (await Promise.all(sources.map((source) => source()))).flat();
    return reports.length === 0 ? registry : addUpMetrics([await reportMetrics(registry), ...reports]);
  };
  let dropped: () => void = () => undefined;
  const metrics: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries<MetricDefinition>(METRICS)) {
    metrics[name] = createMetric(definition, registry, () => dropped());
  }
  const all = metrics as { [Name in keyof typeof METRICS]: MetricOf<(typeof METRICS)[Name]> };
  dropped = () => all.droppedSeries.increment();
  return {
    ...all,
    onRender: (one) => void refreshers.push(one),
    collect: async () => {
      await refresh();
      return reportMetrics(registry);
    },
    includeReports: (source) => void sources.push(source),
    render: async () => {
      await refresh();
      const shown = await addedUp();
      const parts = [await shown.metrics()];
      if (options?.process === true) parts.unshift(await processRegistry.metrics());
      if (options?.shoalNames === true) parts.push(await shoalMetrics(shown));
      return { contentType: registry.contentType, body: parts.join("\n") };
    },
  };
}

async function shoalMetrics(registry: prometheus.Registry): Promise<string> {
  const texts = SHOAL_METRICS.map(async (metric) => {
    const { name } = METRICS[metric.of];
    return renamedMetric(await registry.getSingleMetricAsString(name), name, metric);
  });
  return (await Promise.all(texts)).map((text) => `${text}\n`).join("\n");
}

function createMetric(
  definition: MetricDefinition,
  registry: prometheus.Registry,
  onDropped: () => void,
): unknown {
  const { name, help } = definition;
  const settings = { name, help, labelNames: [...definition.labels], registers: [registry] };
  const admit = admission(definition.labels, onDropped);
  switch (definition.kind) {
    case "counter": {
      const tally = new CounterTally(settings);
      const add = (amount: number, labels: AnyLabels = NO_LABELS): void => {
        const series = admit(labels);
        if (series !== undefined) tally.add(series, labels, amount);
      };
      return { add, increment: (labels?: AnyLabels) => add(1, labels) };
    }
    case "gauge": {
      const gauge = new prometheus.Gauge(settings);
      return {
        set: (value: number, labels: AnyLabels = {}) => {
          if (admit(labels) !== undefined) gauge.set(labels, value);
        },
        add: (amount: number, labels: AnyLabels = {}) => {
          if (admit(labels) !== undefined) gauge.inc(labels, amount);
        },
      };
    }
    case "histogram": {
      const tally = new HistogramTally(settings, definition.buckets);
      return {
        observe: (value: number, labels: AnyLabels = NO_LABELS) => {
          const series = admit(labels);
          if (series !== undefined) tally.observe(series, labels, value);
        },
      };
    }
  }
}

/** The name of a series that may be written: one seen before, or a new one up to the limit. */
function admission(
  names: readonly string[],
  onDropped: () => void,
): (labels: AnyLabels) => string | undefined {
  const [first] = names;
  if (first === undefined) return () => "";
  const seen = new Set<string>();
  return (labels) => {
    let series = labels[first] ?? "";
    for (let i = 1; i < names.length; i++) series += `\n${labels[names[i]!]}`;
    if (seen.has(series)) return series;
    if (seen.size >= MAX_SERIES_PER_METRIC) {
      onDropped();
      return undefined;
    }
    seen.add(series);
    return series;
  };
}

const NO_LABELS: AnyLabels = {};
