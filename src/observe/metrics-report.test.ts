import { describe, expect, it } from "vitest";
import { createPrng } from "../base/index.ts";
import { createMetrics, METRICS, type Metrics, type MetricsReport } from "./index.ts";

/** As it comes from another thread. */
async function reportOf(metrics: Metrics): Promise<MetricsReport> {
  return structuredClone(await metrics.collect());
}

function include(metrics: Metrics, others: readonly Metrics[]): void {
  metrics.includeReports(() => Promise.all(others.map(reportOf)));
}

/** Values by series, as they are written. */
async function seriesOf(metrics: Metrics): Promise<Map<string, number>> {
  const { body } = await metrics.render();
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

/** What was done, added up by hand. */
class Sums {
  readonly bySeries = new Map<string, number>();

  add(series: string, amount: number): void {
    this.bySeries.set(series, (this.bySeries.get(series) ?? 0) + amount);
  }

  observe(name: string, buckets: readonly number[], value: number, labels: string): void {
    for (const bucket of [...buckets, Number.POSITIVE_INFINITY]) {
      const le = bucket === Number.POSITIVE_INFINITY ? "+Inf" : String(bucket);
      const all = labels === "" ? `le="${le}"` : `le="${le}",${labels}`;
      this.add(`${name}_bucket{${all}}`, value <= bucket ? 1 : 0);
    }
    const braced = labels === "" ? "" : `{${labels}}`;
    this.add(`${name}_sum${braced}`, value);
    this.add(`${name}_count${braced}`, 1);
  }
}

describe("metrics of several threads", () => {
  it("are the sums of what each counted, in every series", async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${seed}`);
    const prng = createPrng(seed);
    const threads = Array.from({ length: 4 }, () => createMetrics());
    const [own, ...others] = threads as [Metrics, ...Metrics[]];
    include(own, others);
    const sums = new Sums();
    for (let step = 0; step < 2000; step++) {
      const metrics = prng.pick(threads);
      const surface = prng.pick(["s3", "rpc"]);
      const operation = prng.pick(["GetObject", "PutObject", "ListObjectsV2", 'with "quotes" and \\']);
      const written = operation.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
      // Sums of these are exact in whatever order they are added.
      const value = prng.below(2 ** 18) / 4096;
      switch (prng.below(5)) {
        case 0: {
          const outcome = prng.pick(["ok", "NoSuchKey"]);
          metrics.requests.increment({ surface, operation, outcome });
          sums.add(
            `skerry_requests_total{surface="${surface}",operation="${written}",outcome="${outcome}"}`,
            1,
          );
          break;
        }
        case 1:
          metrics.requestSeconds.observe(value, { surface, operation });
          sums.observe(
            "skerry_request_seconds",
            METRICS.requestSeconds.buckets,
            value,
            `surface="${surface}",operation="${written}"`,
          );
          break;
        case 2:
          metrics.segmentAppendSeconds.observe(value);
          sums.observe("skerry_segment_append_seconds", METRICS.segmentAppendSeconds.buckets, value, "");
          break;
        case 3:
          metrics.requestsInFlight.add(prng.below(5) - 2, { surface });
          break;
        case 4:
          metrics.metaAppliedEntries.add(value);
          sums.add("skerry_meta_applied_entries_total", value);
          break;
      }
      if (step % 500 === 499) {
        const shown = await seriesOf(own);
        for (const [series, sum] of sums.bySeries)
          expect(shown.get(series), `${series}, seed ${seed}`).toBe(sum);
      }
    }
    const shown = await seriesOf(own);
    const touched =
      /^skerry_(requests_total|request_seconds|segment_append_seconds|meta_applied_entries_total)/;
    expect([...shown.keys()].filter((series) => touched.test(series)).sort(), `seed ${seed}`).toEqual(
      [...sums.bySeries.keys()].sort(),
    );
  });

  it("add up gauges", async () => {
    const [own, other] = [createMetrics(), createMetrics()];
    include(own, [other]);
    own.onRender(() => own.requestsInFlight.set(2, { surface: "s3" }));
    other.onRender(() => other.requestsInFlight.set(3, { surface: "s3" }));
    own.raftTerm.set(7);
    const shown = await seriesOf(own);
    expect(shown.get('skerry_requests_in_flight{surface="s3"}')).toBe(5);
    expect(shown.get("skerry_raft_term")).toBe(7);
  });

  it("are written as those of one thread are: the same metrics in the same order, Node's own untouched", async () => {
    const options = { process: true, shoalNames: true };
    const [alone, own, other] = [createMetrics(options), createMetrics(options), createMetrics(options)];
    include(own, [other]);
    for (const metrics of [alone, own]) {
      metrics.requests.increment({ surface: "rpc", operation: "A", outcome: "ok" });
      metrics.requestSeconds.observe(1, { surface: "rpc", operation: "A" });
      metrics.blobWriteSeconds.observe(1, { outcome: "ok" });
    }
    const withoutMeasured = (body: string): string =>
      body
        .replaceAll(/^((?:process|nodejs)_\w+(?:\{.*\})?) .*$/gm, "$1")
        .replaceAll(/^nodejs_gc_\w+\{.*\}\n?/gm, "");
    const [one, two] = [await alone.render(), await own.render()];
    expect(withoutMeasured(two.body)).toBe(withoutMeasured(one.body));
    expect(two.contentType).toBe(one.contentType);
    expect(two.body).toMatch(/^process_start_time_seconds \d+$/m);
    expect(two.body.match(/^nodejs_version_info\{/gm)).toHaveLength(1);
  });

  it("have Shoal's names too, of the sums", async () => {
    const [own, other] = [createMetrics({ shoalNames: true }), createMetrics()];
    include(own, [other]);
    for (const metrics of [own, other])
      metrics.requestsRefused.increment({ surface: "rpc", reason: "limit" });
    expect((await seriesOf(own)).get('shoal_rate_limited_total{surface="rpc",reason="limit"}')).toBe(2);
  });

  it("keep the limit of series in each, and tell together what was thrown away", async () => {
    const [own, other] = [createMetrics(), createMetrics()];
    include(own, [other]);
    for (let i = 0; i < 2100; i++) own.requestBytes.add(1, { surface: `s${i}` });
    for (let i = 0; i < 2050; i++) other.requestBytes.add(1, { surface: `s${i}` });
    const shown = await seriesOf(own);
    expect(shown.get('skerry_request_bytes_total{surface="s1"}')).toBe(2);
    expect([...shown.keys()].filter((name) => name.startsWith("skerry_request_bytes_total"))).toHaveLength(
      2000,
    );
    expect(shown.get("skerry_metrics_dropped_series_total")).toBe(150);
  });

  it("are what they were when they were collected", async () => {
    const [own, other] = [createMetrics(), createMetrics()];
    other.segments.set(1);
    other.metaAppliedEntries.increment();
    const report = await other.collect();
    own.includeReports(async () => [report]);
    other.segments.set(5);
    other.metaAppliedEntries.increment();
    await other.render();
    for (let time = 0; time < 2; time++) {
      const shown = await seriesOf(own);
      expect(shown.get("skerry_segments")).toBe(1);
      expect(shown.get("skerry_meta_applied_entries_total")).toBe(1);
    }
  });
});
