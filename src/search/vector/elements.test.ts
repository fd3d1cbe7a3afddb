/** The promise: what is stored is what was given, rounded as the element says, or a clear refusal. */
import { describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { VectorField } from "../model/schema.ts";
import { decodeElements, encodeElements, queryVector, storedVector } from "./elements.ts";
import { plainKernels } from "./kernels/plain.ts";

const kernels = plainKernels();
const field = (element: VectorField["element"], dimensions: number, metric: VectorField["metric"] = "dot") =>
  ({ dimensions, metric, element }) satisfies VectorField;

describe("storedVector", () => {
  test.each([
    ["f32", [0.1, -1e-40, 3], [Math.fround(0.1), Math.fround(-1e-40), 3]],
    ["f16", [1, 0.1, 65_504, 65_519], [1, 0.0999755859375, 65_504, 65_504]],
    // Halfway between 2048 and 2050, and between 2050 and 2052: to the even fraction.
    ["f16", [2_049, 2_051, -2_049], [2_048, 2_052, -2_048]],
    // The smallest subnormal half is 2^-24; half of it goes to zero, more than half does not.
    [
      "f16",
      [2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 2 ** -14, 1023.5 * 2 ** -24],
      [2 ** -24, 0, 2 ** -24, 2 ** -14, 2 ** -14],
    ],
    ["i8", [0.5, 1.5, -0.5, -1.5, 127.4, -128.5], [0, 2, 0, -2, 127, -128]],
  ] as const)("rounds to %s: %j", (element, given, stored) => {
    const values = storedVector(field(element, given.length), [...given]);
    expect([...values]).toEqual([...stored]);
    expect([...decodeElements(element, encodeElements(element, values), kernels)].map((v) => v + 0)).toEqual(
      [...stored].map((v) => v + 0),
    );
  });

  test.each([
    ["two dimensions for three", field("f32", 3), [1, 2], "3 dimensions, not 2"],
    ["NaN", field("f32", 2), [1, Number.NaN], "not NaN"],
    ["an infinity", field("f32", 2), [1, Number.POSITIVE_INFINITY], "not Infinity"],
    ["a number whose square would overflow", field("f32", 2), [1, 2 ** 55], "2^54"],
    ["a number beyond f16", field("f16", 2), [1, 65_520], "65504"],
    ["a number beyond i8", field("i8", 2), [1, 127.5], "-128 to 127"],
    ["the zero vector for cosine", field("f32", 2, "cosine"), [0, -0], "no direction"],
    ["what becomes the zero vector", field("i8", 2, "cosine"), [0.4, -0.5], "no direction"],
  ] as const)("refuses %s", (_, refusing, given, message) => {
    const refused = () => storedVector(refusing, [...given]);
    expect(refused).toThrow(SearchError);
    expect(refused).toThrow(message);
  });
});

test("a query is not rounded to the element", () => {
  expect([...queryVector(field("i8", 2), [0.5, 300])]).toEqual([0.5, 300]);
  expect(() => queryVector(field("i8", 2, "cosine"), [0, 0])).toThrow("no direction");
});

test.each(["f32", "f16", "i8"] as const)("%s is read from wherever it lies, in a Buffer too", (element) => {
  const values = storedVector(field(element, 3), [1, -2, 3]);
  const bytes = encodeElements(element, values);
  for (let offset = 0; offset < 5; offset++) {
    const file = Buffer.alloc(64);
    file.set(bytes, offset);
    const part = file.subarray(offset, offset + bytes.length);
    expect([...decodeElements(element, part, kernels)]).toEqual([1, -2, 3]);
  }
});

test("f16: every half comes back as itself", () => {
  const halves = Uint16Array.from({ length: 0x7c00 * 2 }, (_, i) => (i < 0x7c00 ? i : 0x8000 + i - 0x7c00));
  const values = new Float32Array(halves.length);
  kernels.decodeHalves(halves, values);
  expect(new Uint8Array(halves.buffer)).toEqual(encodeElements("f16", values));
});

test("f16: no half is nearer than the stored one", () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? "halves";
  console.log("SKERRY_TEST_SEED", seed);
  const prng = createPrng(seed);
  const bits = new Uint16Array(1);
  const neighbour = new Float32Array(1);
  for (let i = 0; i < 2_000; i++) {
    const value = Math.fround((prng.unit() - 0.5) * 2 ** prng.between(-30, 16));
    const [stored] = storedVector(field("f16", 1), [value]);
    bits.set(new Uint16Array(encodeElements("f16", Float32Array.of(stored!)).buffer));
    const magnitude = bits[0]! & 0x7fff;
    for (const other of [magnitude - 1, magnitude + 1].filter((half) => half >= 0 && half < 0x7c00)) {
      kernels.decodeHalves(Uint16Array.of(other), neighbour);
      expect(Math.abs(stored! - value)).toBeLessThanOrEqual(Math.abs(neighbour[0]! - Math.abs(value)));
    }
  }
});
