import { expect, test } from "vitest";
import { ExactSum } from "./exact-sum.ts";

function sumOf(values: readonly number[]): ExactSum {
  const sum = new ExactSum();
  for (const value of values) sum.add(value);
  return sum;
}

const MOST = Number.MAX_VALUE;

test.each([
  [[1e308, 1e308], Infinity, 1e308],
  [[-MOST, -MOST, -MOST], -Infinity, -MOST],
  [[1e308, 1e308, -1e308, -1e308, 1], 1, 0.2],
  [[MOST, 0.5, -MOST], 0.5, 0.5 / 3],
  [[1e308, 1e308, -1e308], 1e308, 1e308 / 3],
  [[2 ** 960, 2 ** 907, -0.25], 2 ** 960, 2 ** 960 / 3],
])("sum and mean of %j", (values, sum, mean) => {
  for (const order of [values, values.toReversed()]) {
    expect(sumOf(order).result(false)).toBe(sum);
    expect(sumOf(order).mean(false, values.length)).toBe(mean);
  }
});
