import type * as prometheus from "prom-client";
import { assert } from "../base/index.ts";

type Labels = Readonly<Record<string, string>>;

type Rendered = Omit<prometheus.MetricObjectWithValues<prometheus.MetricValueWithName<string>>, "collect">;

interface Series {
  readonly labels: Labels;
  /** Of values up to each bound and above the one before; the last is of those above all of them. */
  readonly counts: Float64Array;
  sum: number;
}

export interface DistributionSettings {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * A histogram as prom-client renders it, which costs a lookup to observe: prom-client's own copies, checks and hashes its labels each time, and every request
 * observes two or three values. Source of the form: Prometheus, "Exposition formats", histograms.
 */
export class Distribution {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor({ name, help, labelNames, buckets }: DistributionSettings) {
    this.name = name;
    this.help = help;
    this.#buckets = buckets;
    // One without labels is shown before anything was observed.
    if (labelNames.length === 0) this.#begin("", {});
  }

  /** `series` names the combination of labels. */
  observe(series: string, labels: Labels, value: number): void {
    assert(Number.isFinite(value), "what is observed is a number");
    const found = this.#series.get(series) ?? this.#begin(series, labels);
    const buckets = this.#buckets;
    let at = 0;
    while (at < buckets.length && value > buckets[at]!) at++;
    found.counts[at]! += 1;
    found.sum += value;
  }

  /** For prom-client's registry. */
  async get(): Promise<Rendered> {
    const { name, help, aggregator } = this;
    const values = [...this.#series.values()].flatMap((series) => this.#valuesOf(series));
    // The type of prom-client has its enum here, and its registry the name.
    return { name, help, type: this.type as unknown as prometheus.MetricType, aggregator, values };
  }

  #begin(series: string, labels: Labels): Series {
    const made = { labels, counts: new Float64Array(this.#buckets.length + 1), sum: 0 };
    this.#series.set(series, made);
    return made;
  }

  #valuesOf({ labels, counts, sum }: Series): prometheus.MetricValueWithName<string>[] {
    let count = 0;
    const values = [...this.#buckets, "+Inf"].map((le, at) => {
      count += counts[at]!;
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...values,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
