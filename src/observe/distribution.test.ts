import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { Distribution } from "./distribution.ts";

const NAME = "skerry_things_seconds";
const BUCKETS = [0.001, 0.01, 0.1, 1];
const seed = Math.floor(Math.random() * 2 ** 32);

function both(labelNames: readonly string[]) {
  const settings = {
    name: NAME,
    help: "How long things take.",
    labelNames: [...labelNames],
    buckets: BUCKETS,
  };
  const theirs = new Registry();
  const histogram = new Histogram({ ...settings, registers: [theirs] });
  const ours = new Registry();
  const distribution = new Distribution(settings);
  ours.registerMetric(distribution as never);
  return { theirs, histogram, ours, distribution };
}

test(`is rendered as prom-client's own histogram is, seed ${seed}`, async () => {
  const prng = createPrng(seed);
  const { theirs, histogram, ours, distribution } = both(["operation", "outcome"]);
  expect(await ours.metrics()).toBe(await theirs.metrics());
  for (let i = 0; i < 200; i++) {
    const labels = { operation: `o${prng.below(3)}`, outcome: ["ok", 'a "quoted\\one'][prng.below(2)]! };
    // On the bounds too.
    const value = prng.below(3) === 0 ? BUCKETS[prng.below(4)]! : prng.below(2000) / 1024;
    histogram.observe(labels, value);
    distribution.observe(`${labels.operation} ${labels.outcome}`, labels, value);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.getSingleMetricAsString(NAME)).toBe(await theirs.getSingleMetricAsString(NAME));
});

test("without labels it is there before anything was observed", async () => {
  const { theirs, histogram, ours, distribution } = both([]);
  expect(await ours.metrics()).toBe(await theirs.metrics());
  histogram.observe(0.5);
  distribution.observe("", {}, 0.5);
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(() => distribution.observe("", {}, Number.NaN)).toThrow("a number");
});
