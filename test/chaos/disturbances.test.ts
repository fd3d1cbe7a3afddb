/** The promise: a partition cuts what it says, in the directions that it says, and nothing else. */
import { expect, it } from "vitest";
import type { Disturbance } from "./chaos-network.ts";
import { disturbancesOf, splitting } from "./disturbances.ts";

const arrows = (disturbances: readonly Disturbance[]) =>
  disturbances
    .map(({ from, to, lossPermille }) => `${from}>${to}${lossPermille === 1000 ? "" : ` ${lossPermille}`}`)
    .sort();

const others = [2, 3];

it.each([
  ["out", ["1>2", "1>3"]],
  ["in", ["2>1", "3>1"]],
  ["both", ["1>2", "1>3", "2>1", "3>1"]],
] as const)("isolate, %s", (direction, cut) => {
  expect(arrows(disturbancesOf({ kind: "isolate", victim: 1, direction }, 1, others))).toEqual(cut);
});

it("partial cuts one pair, also when the schedule named the victim twice", () => {
  expect(arrows(disturbancesOf({ kind: "partial", one: 1, other: 3 }, 1, others))).toEqual(["1>3", "3>1"]);
  expect(arrows(disturbancesOf({ kind: "partial", one: "leader", other: 1 }, 1, others))).toEqual([
    "1>2",
    "2>1",
  ]);
});

it("mute cuts only the way to the clients", () => {
  expect(arrows(disturbancesOf({ kind: "mute", victim: 1 }, 1, others))).toEqual(["1>0"]);
});

it("slow loses what it says, around one node", () => {
  const slow = { kind: "slow", victim: 1, delayMs: 5, jitterMs: 7, lossPermille: 50 } as const;
  expect(arrows(disturbancesOf(slow, 1, others))).toEqual(["1>2 50", "1>3 50", "2>1 50", "3>1 50"]);
});

it("a split cuts what lies between the sides, and a bridge hears both", () => {
  const all = [1, 2, 3, 4, 5];
  const whole = splitting({ kind: "split", side: [1, 2], bridge: undefined }, all);
  expect(arrows(whole)).toEqual([
    "1>3",
    "1>4",
    "1>5",
    "2>3",
    "2>4",
    "2>5",
    "3>1",
    "3>2",
    "4>1",
    "4>2",
    "5>1",
    "5>2",
  ]);
  const bridged = splitting({ kind: "split", side: [1, 2], bridge: 3 }, all);
  expect(arrows(bridged)).toEqual(["1>4", "1>5", "2>4", "2>5", "4>1", "4>2", "5>1", "5>2"]);
});
