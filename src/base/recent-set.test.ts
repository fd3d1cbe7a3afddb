import { expect, test } from "vitest";
import { RecentSet } from "./recent-set.ts";

test("the latest few are remembered, and what is taken out makes room", () => {
  const recent = new RecentSet<number>(3);
  for (const value of [1, 2, 3, 4]) recent.add(value);
  expect([1, 2, 3, 4].filter((value) => recent.has(value))).toEqual([2, 3, 4]);
  recent.delete(3);
  recent.add(5);
  expect([2, 3, 4, 5].filter((value) => recent.has(value))).toEqual([2, 4, 5]);
});
