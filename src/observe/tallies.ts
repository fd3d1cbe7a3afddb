/**
 * What is counted with every request, kept so that counting is cheap: a metric of prom-client checks and hashes its labels, and finds its bucket by the name of a
 * number, every time.
 */

import * as prometheus from "prom-client";
import { assert } from "../base/index.ts";

export type AnyLabels = Readonly<Record<string, string>>;
type Settings = Pick<prometheus.CounterConfiguration<string>, "name" | "help" | "labelNames" | "registers">;

/** What a counter is to be raised by; the counter itself is told when it is looked at. */
export class CounterTally {
  readonly #counter: prometheus.Counter;
  readonly #series = new Map<string, { readonly labels: AnyLabels; amount: number }>();

  constructor(settings: Settings) {
    this.#counter = new prometheus.Counter({ ...settings, collect: () => this.#settle() });
  }

  /** `series` names the labels. */
  add(series: string, labels: AnyLabels, amount: number): void {
    assert(amount >= 0, "a counter only grows");
    const found = this.#series.get(series);
    if (found === undefined) this.#series.set(series, { labels, amount });
    else found.amount += amount;
  }

  #settle(): void {
    for (const { labels, amount } of this.#series.values()) this.#counter.inc(labels, amount);
    this.#series.clear();
  }
}

interface Distribution {
  readonly labels: AnyLabels;
  /** How many were in each bucket and in none before; behind the last bound too. */
  readonly counts: Float64Array;
  sum: number;
}

type Shown = Omit<prometheus.MetricObjectWithValues<prometheus.MetricValueWithName<string>>, "collect">;

/** A histogram: what a registry asks it for is made when it asks. */
export class HistogramTally {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Distribution>();

  constructor({ name, help, labelNames = [], registers = [] }: Settings, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    // One without labels is there before anything was seen.
    if (labelNames.length === 0) this.#distribution("", {});
    for (const registry of registers) registry.registerMetric(this.#asMetric());
  }

  /** `series` names the labels. */
  observe(series: string, labels: AnyLabels, value: number): void {
    assert(Number.isFinite(value), "what is observed is a number");
    const distribution = this.#series.get(series) ?? this.#distribution(series, labels);
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket++;
    distribution.counts[bucket]! += 1;
    distribution.sum += value;
  }

  #distribution(series: string, labels: AnyLabels): Distribution {
    const distribution = { labels, counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
    this.#series.set(series, distribution);
    return distribution;
  }

  /** Of a metric, a registry uses its name and `get`. */
  #asMetric(): prometheus.Metric {
    const metric = { name: this.#name, get: async () => this.#shown(), reset: () => this.#series.clear() };
    return metric as unknown as prometheus.Metric;
  }

  #shown(): Shown {
    const values = [...this.#series.values()].flatMap((distribution) => this.#values(distribution));
    const type = "histogram" as unknown as prometheus.MetricType;
    return { name: this.#name, help: this.#help, type, aggregator: "sum", values };
  }

  #values({ labels, counts, sum }: Distribution): Shown["values"] {
    let count = 0;
    const buckets = [...this.#bounds, "+Inf"].map((le, i) => {
      count += counts[i]!;
      return { metricName: `${this.#name}_bucket`, labels: { le, ...labels }, value: count };
    });
    const whole = (suffix: string, value: number) => ({
      metricName: `${this.#name}_${suffix}`,
      labels,
      value,
    });
    return [...buckets, whole("sum", sum), whole("count", count)];
  }
}
