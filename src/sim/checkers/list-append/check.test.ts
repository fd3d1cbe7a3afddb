/** The promise: a cycle is found exactly when no serial order explains what was read, and it is called by its name. */

import { describe, expect, it, test } from "vitest";
import { createPrng, type Prng } from "../../../base/index.ts";
import { checkListAppend, describeAnomalies, type Transaction } from "./index.ts";

type Time = readonly [number, number] | readonly [number] | readonly [];
/** "a+1": appends 1 to a. "a=12": reads a as 1, 2. */
function transaction(name: string, time: Time, ...steps: readonly string[]): Transaction {
  const appends = steps.filter((step) => step.includes("+")).map((step) => step.split("+"));
  const reads = steps.filter((step) => step.includes("=")).map((step) => step.split("="));
  return {
    name,
    call: time[0],
    returned: time[1],
    appends: appends.map(([list = "", element = ""]) => ({ list, element })),
    reads: reads.map(([list = "", elements = ""]) => ({ list, elements: [...elements] })),
  };
}

const kinds = (...transactions: readonly Transaction[]) =>
  checkListAppend(transactions).anomalies.map(({ kind }) => kind);

describe("anomalies by name", () => {
  it.each([
    [
      "nothing",
      [transaction("A", [0, 1], "x+1"), transaction("B", [2, 3], "x+2"), transaction("R", [4, 5], "x=12")],
      [],
    ],
    [
      "two orders of two writers",
      [
        transaction("A", [], "x+1", "y+1"),
        transaction("B", [], "x+2", "y+2"),
        transaction("R", [], "x=12", "y=21"),
      ],
      ["G0"],
    ],
    [
      "each reads what the other wrote",
      [transaction("A", [], "x+1", "y=1"), transaction("B", [], "y+1", "x=1")],
      ["G1c"],
    ],
    [
      "a read that sees half of a transaction",
      [transaction("A", [], "x+1", "y+1"), transaction("R", [], "x=1", "y="), transaction("Z", [], "y=1")],
      ["G-single"],
    ],
    [
      "two that do not see each other (write skew)",
      [
        transaction("A", [], "x+1", "y="),
        transaction("B", [], "y+1", "x="),
        transaction("R", [], "x=1", "y=1"),
      ],
      ["G2"],
    ],
    [
      "an order against real time",
      [transaction("A", [0, 1], "x+1"), transaction("B", [2, 3], "x+2"), transaction("R", [4, 5], "x=21")],
      ["G0-realtime"],
    ],
    [
      "a read from the past",
      [transaction("A", [0, 1], "x+1"), transaction("R", [2, 3], "x="), transaction("Z", [4, 5], "x=1")],
      ["G-single-realtime"],
    ],
    [
      "a read of the future",
      [transaction("R", [0, 1], "x=1"), transaction("A", [2, 3], "x+1")],
      ["G1c-realtime"],
    ],
    ["something twice", [transaction("A", [], "x+1"), transaction("R", [], "x=11")], ["duplicate"]],
    ["something that nobody wrote", [transaction("R", [], "x=1")], ["phantom"]],
    [
      "readers who disagree",
      [
        transaction("A", [], "x+1"),
        transaction("B", [], "x+2"),
        transaction("R", [], "x=1"),
        transaction("S", [], "x=21"),
      ],
      ["incompatible-order"],
    ],
    [
      "something acknowledged that is gone",
      [transaction("A", [0, 1], "x+1"), transaction("B", [0, 1], "x+2"), transaction("R", [2, 3], "x=1")],
      ["lost"],
    ],
    [
      "something unacknowledged that is not there",
      [transaction("A", [0], "x+1"), transaction("R", [2, 3], "x=")],
      [],
    ],
    [
      "one element of two",
      [transaction("A", [], "x+1"), transaction("B", [], "x+1"), transaction("R", [], "x=1")],
      ["not-unique"],
    ],
  ] as const)("%s", (_what, transactions, expected) => {
    expect([...new Set(kinds(...transactions))]).toEqual(expected);
  });

  it("a cycle is shown edge by edge", () => {
    const { anomalies } = checkListAppend([
      transaction("A", [0, 1], "x+1"),
      transaction("R", [2, 3], "x="),
      transaction("Z", [4, 5], "x=1"),
    ]);
    expect(describeAnomalies(anomalies).split("\n")).toEqual([
      "G-single-realtime:",
      "  R read x before A wrote it",
      "  A had returned when R was called",
    ]);
  });
});

/** Whether some order that keeps real time explains every read: tried one by one. */
function isSerializable(transactions: readonly Transaction[], lists: ReadonlyMap<string, string>): boolean {
  return transactions.some((one) => {
    const rest = transactions.filter((other) => other !== one);
    const isFirst = rest.every(
      ({ returned }) => returned === undefined || one.call === undefined || returned >= one.call,
    );
    if (!isFirst) return false;
    const explained = one.reads.every(({ list, elements }) => elements.join("") === (lists.get(list) ?? ""));
    if (!explained) return false;
    if (rest.length === 0) return true;
    const after = new Map(lists);
    for (const { list, element } of one.appends) after.set(list, (after.get(list) ?? "") + element);
    return isSerializable(rest, after);
  });
}

/** Reads and appends of up to two lists each, of which some see too little, and a last reader who sees the truth. */
function drawTransactions(prng: Prng): readonly Transaction[] {
  const now = new Map<string, string>([
    ["x", ""],
    ["y", ""],
  ]);
  const count = prng.between(2, 5);
  const transactions = Array.from({ length: count }, (_, at): Transaction => {
    const call = prng.below(12);
    const returned = prng.chance(0.1) ? undefined : call + prng.below(8);
    const lists = prng.shuffle(["x", "y"]).slice(0, prng.between(1, 2));
    const reads = lists
      .filter(() => prng.chance(0.6))
      .map((list) => {
        const value = now.get(list) ?? "";
        return {
          list,
          elements: [...value.slice(0, prng.chance(0.4) ? prng.below(value.length + 1) : value.length)],
        };
      });
    const appends = lists
      .filter((list) => !reads.some((read) => read.list === list))
      .map((list) => ({ list, element: String(at) }));
    for (const { list, element } of appends) now.set(list, now.get(list) + element);
    return { name: `T${at}`, call, returned, appends, reads };
  });
  const reads = [...now].map(([list, elements]) => ({ list, elements: [...elements] }));
  return [...transactions, { name: "last", call: 100, returned: 101, appends: [], reads }];
}

test("anomalies are found exactly where no serial order exists", () => {
  const SEEDS = 3000;
  const found = { true: 0, false: 0 };
  for (let at = 0; at < SEEDS; at++) {
    const seed = `list-append-${at}`;
    const transactions = drawTransactions(createPrng(seed));
    const { anomalies } = checkListAppend(transactions);
    const expected = isSerializable(transactions, new Map());
    expect(anomalies.length === 0, `seed ${seed}\n${describeAnomalies(anomalies)}`).toBe(expected);
    found[`${expected}`]++;
  }
  expect(Math.min(found.true, found.false)).toBeGreaterThan(SEEDS / 10);
});

test("long histories are checked at once", () => {
  const transactions = Array.from({ length: 20_000 }, (_, at) =>
    transaction(`T${at}`, [2 * at, 2 * at + 5], `x+${String.fromCharCode(0x4e00 + at)}`),
  );
  const all = transactions.map(({ appends }) => appends[0]?.element ?? "").join("");
  const report = checkListAppend([...transactions, transaction("R", [100_000, 100_001], `x=${all}`)]);
  expect(report.anomalies).toEqual([]);
  expect(report.dependencies).toBeLessThan(100_000);
});
