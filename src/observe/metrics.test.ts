import { describe, expect, it } from "vitest";
import { SimMachine, Simulation } from "../platform/sim/index.ts";
import { createMetrics, METRICS, newRequestId } from "./index.ts";

describe("the catalogue of metrics", () => {
  const definitions = Object.values(METRICS);

  it("names each metric once, as Prometheus wants names", () => {
    const names = definitions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, kind, help, labels } of definitions) {
      expect(name).toMatch(/^skerry_[a-z][a-z_]*$/);
      expect(name.endsWith("_total"), name).toBe(kind === "counter");
      expect(help.length).toBeGreaterThan(10);
      for (const label of labels) expect(label).toMatch(/^[a-z]+$/);
    }
  });

  it("labels nothing with what has many values", () => {
    for (const { labels, name } of definitions) {
      for (const label of labels)
        expect(["bucket", "key", "object", "address", "namespace", "request"], name).not.toContain(label);
    }
  });
});

describe("Metrics", () => {
  it("renders what was counted, set and observed", async () => {
    const metrics = createMetrics();
    metrics.requests.increment({ surface: "s3", operation: "GetObject", outcome: "ok" });
    metrics.requests.add(2, { surface: "s3", operation: "GetObject", outcome: "ok" });
    metrics.raftTerm.set(7);
    metrics.requestsInFlight.add(3, { surface: "rpc" });
    metrics.requestsInFlight.add(-1, { surface: "rpc" });
    metrics.segmentAppendSeconds.observe(0.0002);
    const { contentType, body } = await metrics.render();
    expect(contentType).toContain("text/plain");
    expect(body).toContain('skerry_requests_total{surface="s3",operation="GetObject",outcome="ok"} 3');
    expect(body).toContain("skerry_raft_term 7");
    expect(body).toContain('skerry_requests_in_flight{surface="rpc"} 2');
    expect(body).toContain('skerry_segment_append_seconds_bucket{le="0.00025"} 1');
    expect(body).toContain('skerry_segment_append_seconds_bucket{le="0.0001"} 0');
  });

  it("goes on counting where it was when it was looked at, and never counts back", async () => {
    const metrics = createMetrics();
    const labels = { surface: "s3", operation: "PutObject", outcome: "ok" };
    for (const expected of [2, 4]) {
      metrics.requests.increment(labels);
      metrics.requests.increment({ ...labels });
      const { body } = await metrics.render();
      expect(body).toContain(`operation="PutObject",outcome="ok"} ${expected}`);
    }
    expect(() => metrics.requests.add(-1, labels)).toThrow(/only grows/);
    expect(() => metrics.requests.add(Number.NaN, labels)).toThrow(/only grows/);
    expect((await metrics.render()).body).toContain('outcome="ok"} 4');
  });

  it("asks for gauges before it renders", async () => {
    const metrics = createMetrics();
    metrics.onRender(async () => {
      await Promise.resolve();
      metrics.segments.set(5);
    });
    expect((await metrics.render()).body).toContain("skerry_segments 5");
  });

  it("two registries have nothing in common", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.raftTerm.set(1);
    expect((await other.render()).body).not.toContain("skerry_raft_term 1");
  });

  it("adds Node's own metrics when asked to", async () => {
    expect((await createMetrics({ process: true }).render()).body).toContain("process_resident_memory_bytes");
    expect((await createMetrics().render()).body).not.toContain("process_resident_memory_bytes");
  });

  it("throws away series beyond the limit, and says so", async () => {
    const metrics = createMetrics();
    for (let i = 0; i < 2100; i++) metrics.requestBytes.add(1, { surface: `s${i}` });
    metrics.requestBytes.add(1, { surface: "s0" });
    const { body } = await metrics.render();
    expect(body.match(/skerry_request_bytes_total\{/g)).toHaveLength(2000);
    expect(body).toContain('skerry_request_bytes_total{surface="s0"} 2');
    expect(body).toContain("skerry_metrics_dropped_series_total 100");
  });
});

describe("newRequestId", () => {
  it("is 16 upper-case hexadecimal digits, another one each time", () => {
    const { random } = new SimMachine(new Simulation(1), "m").boot().platform;
    const ids = Array.from({ length: 100 }, () => newRequestId(random));
    for (const id of ids) expect(id).toMatch(/^[0-9A-F]{16}$/);
    expect(new Set(ids).size).toBe(100);
  });
});

describe("Shoal's names", () => {
  /** As its catalogue has them. */
  const NAMES = (
    "http_requests_total http_request_duration_seconds query_duration_seconds cache_hits_total cache_misses_total cache_evictions_total cache_bytes " +
    "object_store_ops_total object_store_bytes_total wal_bytes wal_records segment_count indexing_lag_seconds compaction_running compactions_total " +
    "namespaces_total warm_requests_total rate_limited_total audit_events_total"
  ).split(" ");

  it("are all there, with their types, and only when asked for", async () => {
    const { body } = await createMetrics({ shoalNames: true }).render();
    const shown = [...body.matchAll(/^# TYPE shoal_(\w+) \w+$/gm)].map(([, name]) => name);
    expect(shown.sort()).toEqual([...NAMES].sort());
    expect((await createMetrics().render()).body).not.toContain("shoal_");
  });

  it("show the same values, of the series that they mean", async () => {
    const metrics = createMetrics({ shoalNames: true });
    metrics.requests.increment({ surface: "rpc", operation: "QueryService/Query", outcome: "ok" });
    metrics.requests.increment({ surface: "s3", operation: "GetObject", outcome: "ok" });
    metrics.requests.add(3, { surface: "rpc", operation: "NamespaceService/WarmNamespace", outcome: "ok" });
    metrics.requestSeconds.observe(0.002, { surface: "rpc", operation: "QueryService/Query" });
    metrics.requestsRefused.increment({ surface: "rpc", reason: "role" });
    metrics.requestsRefused.add(2, { surface: "rpc", reason: "limit" });
    metrics.searchCacheBytes.set(7, { tier: "disk" });
    metrics.searchNamespaces.set(4);
    const lines = (await metrics.render()).body.split("\n").filter((line) => line.startsWith("shoal_"));
    const of = (name: string) =>
      lines.filter((line) => line.startsWith(`shoal_${name}`)).map((line) => line.split("} ")[1]);
    expect(of("http_requests_total")).toEqual(["1", "3"]);
    expect(of("warm_requests_total")).toEqual(["3"]);
    expect(of("rate_limited_total")).toEqual(["2"]);
    expect(of("query_duration_seconds_count")).toEqual(["1"]);
    expect(lines).toContain('shoal_cache_bytes{tier="disk"} 7');
    expect(lines).toContain("shoal_namespaces_total 4");
  });
});
