/** Of the promise: what is sent is what was given; null, which means "absent", is sent only where null was given. */
import { describe, expect, it } from "vitest";
import { ArgumentError } from "./errors.ts";
import { format, parse } from "./json.ts";

describe("format", () => {
  it.each<[place: string, value: unknown]>([
    ["NaN", Number.NaN],
    ["a.b: Infinity", { a: { b: Number.POSITIVE_INFINITY } }],
    ["filter[2]: NaN", { filter: ["price", "Eq", Number.NaN] }],
    [
      "upserts[1].vector[2]: -Infinity",
      { upserts: [{ id: 1 }, { vector: [1, null, Number.NEGATIVE_INFINITY] }] },
    ],
    ["[1]: undefined", ["f", undefined]],
    ["[0]: undefined", { "": new Array(1) }[""]],
    ["a[0]: Symbol(x)", { a: [Symbol("x")] }],
    ["at: Invalid Date", { at: new Date(Number.NaN) }],
  ])("refuses %s", (place, value) => {
    expect(() => format(value)).toThrow(new ArgumentError(`${place} cannot be written as JSON`));
  });

  it("calls the value as it is told to", () => {
    expect(() => format({ n: Number.NaN }, "documents[7]")).toThrow("documents[7].n: NaN");
    expect(() => format(Number.NaN, "documents[7]")).toThrow("documents[7]: NaN");
  });

  it("is a TypeError", () => {
    expect(() => format([undefined])).toThrow(TypeError);
  });

  it("writes everything else", () => {
    const value = { a: null, b: undefined, c: [null, 1.5, "x", false], d: { e: new Date(0) }, f: 2n ** 64n };
    expect(format(value)).toBe(
      '{"a":null,"c":[null,1.5,"x",false],"d":{"e":"1970-01-01T00:00:00.000Z"},"f":18446744073709551616}',
    );
  });
});

it("whole numbers come back as they went, whatever their size", () => {
  const text = '{"id":18446744073709551615,"n":-9223372036854775808,"s":"9007199254740993","x":[1,0.5]}';
  expect(format(parse(text))).toBe(text);
});
