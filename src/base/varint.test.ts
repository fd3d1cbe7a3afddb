import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_VARINT_BYTES, readVarint, varintLength, writeVarint } from "./varint.ts";

describe("varint", () => {
  it.each([
    [0, [0]],
    [1, [1]],
    [127, [127]],
    [128, [128, 1]],
    [300, [172, 2]],
    [2 ** 32, [128, 128, 128, 128, 16]],
    [Number.MAX_SAFE_INTEGER, [255, 255, 255, 255, 255, 255, 255, 15]],
  ])("%d is %j", (value, expected) => {
    const into = new Uint8Array(MAX_VARINT_BYTES);
    const next = writeVarint(into, 0, value);
    expect([...into.subarray(0, next)]).toEqual(expected);
    expect(varintLength(value)).toBe(expected.length);
  });

  it("reads back what it wrote, at any offset", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(5), (value, offset) => {
        const into = new Uint8Array(offset + MAX_VARINT_BYTES);
        const next = writeVarint(into, offset, value);
        expect(readVarint(into, offset)).toEqual({ value, next });
        expect(readVarint(into.subarray(0, next - 1), offset)).toBeUndefined();
      }),
    );
  });

  it.each([
    ["nothing", []],
    ["an end that is missing", [128]],
    ["a longer form than needed", [128, 0]],
    ["more than 53 bits", [255, 255, 255, 255, 255, 255, 255, 16]],
    ["more than eight bytes", [128, 128, 128, 128, 128, 128, 128, 128, 1]],
  ])("refuses %s", (_, input) => {
    expect(readVarint(Uint8Array.from(input), 0)).toBeUndefined();
  });

  it("refuses to write what is no such number, and where there is no room", () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => writeVarint(new Uint8Array(9), 0, value)).toThrow(
        "a varint is a whole number of at most 53 bits",
      );
    }
    expect(() => writeVarint(new Uint8Array(1), 0, 128)).toThrow("a varint fits where it is written");
  });
});
