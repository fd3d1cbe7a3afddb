import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys, successorOfPrefix } from "./key-order.ts";

/** Every place where the orders of units and of bytes meet. */
const edges = fc.constantFrom(
  "a",
  "b",
  "\u007f",
  "\u0080",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "\u{10000}",
  "\u{10ffff}",
);
const text = fc.oneof(
  fc.array(edges, { maxLength: 4 }).map((units) => units.join("")),
  fc.string({ unit: "binary", maxLength: 4 }),
);

describe("the order of keys", () => {
  it("is the order of their UTF-8 bytes", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 1000 },
    );
  });

  it("puts a prefix first", () => {
    expect(compareKeys("a", "aa")).toBeLessThan(0);
    expect(compareKeys("", "")).toBe(0);
  });
});

describe("successorOfPrefix", () => {
  it.each([
    ["a", "b"],
    ["a/", "a0"],
    ["ab\u{10ffff}", "ac"],
    ["\ud7ff", "\ue000"],
    ["\uffff", "\u{10000}"],
    ["x\u{1f600}", "x\u{1f601}"],
    ["", undefined],
    ["\u{10ffff}\u{10ffff}", undefined],
  ])("of %j is %j", (prefix, expected) => {
    expect(successorOfPrefix(prefix)).toBe(expected);
  });

  it("is greater than everything with the prefix, and nothing lies between", () => {
    fc.assert(
      fc.property(text, text, (prefix, other) => {
        const successor = successorOfPrefix(prefix);
        if (successor !== undefined) {
          expect(successor.isWellFormed()).toBe(true);
          expect(compareKeys(prefix + other, successor)).toBeLessThan(0);
          const isBetween = compareKeys(other, prefix) >= 0 && compareKeys(other, successor) < 0;
          expect(isBetween).toBe(other.startsWith(prefix));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
