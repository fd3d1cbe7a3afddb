import { describe, expect, it } from "vitest";
import { createPrng } from "../base/index.ts";
import { RequestStatistics } from "./request-statistics.ts";

const request = (durationMs: number, more: object = {}) => ({
  surface: "s3",
  operation: "GetObject",
  outcome: "ok",
  durationMs,
  ...more,
});

describe("statistics of requests", () => {
  it("count outcomes by operation", () => {
    const statistics = new RequestStatistics();
    statistics.note(request(1));
    statistics.note(request(1, { outcome: "NoSuchKey" }));
    statistics.note(request(1, { surface: "rpc", operation: "A" }));
    statistics.note(request(1));
    expect(statistics.all()).toMatchObject([
      { surface: "rpc", operation: "A" },
      {
        surface: "s3",
        operation: "GetObject",
        outcomes: new Map([
          ["ok", 2],
          ["NoSuchKey", 1],
        ]),
      },
    ]);
  });

  it("tell latencies between the nearest samples", () => {
    const statistics = new RequestStatistics();
    for (let ms = 100; ms >= 0; ms--) statistics.note(request(ms));
    expect(statistics.all()[0]?.latency).toEqual({ p50Ms: 50, p95Ms: 95, p99Ms: 99, samples: 101 });
    statistics.note(request(7, { operation: "One" }));
    expect(statistics.all()[1]?.latency).toEqual({ p50Ms: 7, p95Ms: 7, p99Ms: 7, samples: 1 });
  });

  it("keep the latest only, and no more operations than they may", () => {
    const statistics = new RequestStatistics();
    for (let index = 0; index < 2_000; index++) statistics.note(request(1_000));
    for (let index = 0; index < 1_024; index++) statistics.note(request(3));
    expect(statistics.all()[0]?.latency).toEqual({ p50Ms: 3, p95Ms: 3, p99Ms: 3, samples: 1024 });
    for (let index = 0; index < 2_000; index++)
      statistics.note(request(1, { operation: `made up ${index}` }));
    expect(statistics.all()).toHaveLength(1_000);
    for (let index = 0; index < 2_000; index++) statistics.note(request(1, { outcome: `made up ${index}` }));
    expect(statistics.all()[0]?.outcomes.size).toBe(200);
  });

  it("of several threads are those of one thread that was asked everything, as long as all samples are kept", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${seed}`);
    const prng = createPrng(seed);
    const [own, ...others] = Array.from({ length: 4 }, () => new RequestStatistics());
    const alone = new RequestStatistics();
    for (let i = 0; i < 2000; i++) {
      const noted = {
        surface: prng.pick(["s3", "rpc"]),
        operation: prng.pick(["A", "B", "C"]),
        outcome: prng.pick(["ok", "NoSuchKey", "SlowDown"]),
        durationMs: prng.below(1000),
      };
      prng.pick([own!, ...others]).note(noted);
      alone.note(noted);
    }
    const reports = others.map((statistics) => structuredClone(statistics.report()));
    expect(own!.all(reports), `seed ${seed}`).toEqual(alone.all());
  });

  it("report what was so far, whatever comes afterwards", () => {
    const statistics = new RequestStatistics();
    statistics.note(request(1));
    const report = statistics.report();
    statistics.note(request(5, { outcome: "NoSuchKey" }));
    expect(new RequestStatistics().all([report])).toEqual([
      {
        surface: "s3",
        operation: "GetObject",
        outcomes: new Map([["ok", 1]]),
        latency: { p50Ms: 1, p95Ms: 1, p99Ms: 1, samples: 1 },
      },
    ]);
  });

  it("of several threads have so many latencies of each", () => {
    const threads = Array.from({ length: 3 }, () => new RequestStatistics());
    for (const thread of threads) for (let i = 0; i < 3000; i++) thread.note(request(i));
    const [own, ...others] = threads;
    const [operation] = own!.all(others.map((thread) => thread.report()));
    expect(operation?.latency.samples).toBe(3 * 1024);
    expect(operation?.outcomes.get("ok")).toBe(9000);
  });
});
