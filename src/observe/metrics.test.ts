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
