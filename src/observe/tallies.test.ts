import * as prometheus from "prom-client";
import { expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { addUpMetrics, reportMetrics } from "./metrics-report.ts";
import { HistogramTally } from "./tallies.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());
const BOUNDS = [0.001, 0.01, 0.5, 2];
const SURFACES = ["s3", "rpc"];

function twoRegistries(labelNames: string[]) {
  const [expected, found] = [new prometheus.Registry(), new prometheus.Registry()];
  const settings = { name: "seconds", help: "How long", labelNames };
  const histogram = new prometheus.Histogram({ ...settings, registers: [expected], buckets: BOUNDS });
  const tally = new HistogramTally({ ...settings, registers: [found] }, BOUNDS);
  return { expected, found, histogram, tally };
}

test("a histogram shows what one of prom-client does, alone and added up", async () => {
  const { expected, found, histogram, tally } = twoRegistries(["surface"]);
  const prng = createPrng(SEED);
  // Bounds themselves are in their buckets.
  const values = [...BOUNDS, 0, -1, 3, ...Array.from({ length: 100 }, () => prng.below(3000) / 1000)];
  for (const value of values) {
    const surface = SURFACES[prng.below(2)]!;
    histogram.observe({ surface }, value);
    tally.observe(surface, { surface }, value);
  }
  expect(await found.metrics(), `seed ${SEED}`).toBe(await expected.metrics());
  const added = async (registry: prometheus.Registry): Promise<string> => {
    const report = await reportMetrics(registry);
    return addUpMetrics([report, report]).metrics();
  };
  expect(await added(found)).toBe(await added(expected));
});

test("one without labels is there before anything was seen, and what is no number is refused", async () => {
  const { expected, found, tally } = twoRegistries([]);
  expect(await found.metrics()).toBe(await expected.metrics());
  expect(() => tally.observe("", {}, Number.NaN)).toThrow(/number/);
  expect(await found.metrics()).toBe(await expected.metrics());
});
