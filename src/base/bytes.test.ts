import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  readUint32,
  toHex,
  totalBytes,
  writeUint32,
} from "./bytes.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("bytes", () => {
  it("joins parts in order, into an array of its own", () => {
    const part = bytes(2, 3);
    const joined = concatBytes([bytes(1), bytes(), part]);
    part.fill(9);
    expect(joined).toEqual(bytes(1, 2, 3));
    expect(concatBytes([])).toHaveLength(0);
    expect(totalBytes([bytes(1), bytes(), bytes(2, 3)])).toBe(3);
  });

  it("orders as Buffer.compare does", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 4, max: 3 }),
        fc.uint8Array({ maxLength: 4, max: 3 }),
        (a, b) => {
          expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
          expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        },
      ),
    );
  });

  it("writes and reads hexadecimal as Buffer does", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (input) => {
        expect(toHex(input)).toBe(Buffer.from(input).toString("hex"));
        expect(fromHex(toHex(input))).toEqual(input);
        expect(fromHex(toHex(input).toUpperCase())).toEqual(input);
      }),
    );
  });

  it.each(["0", "0g", "g0", " 0", "0x", "00 ", "\u0660\u0660", "--"])("refuses %j as hexadecimal", (text) => {
    expect(fromHex(text)).toBeUndefined();
  });

  it("writes and reads 32-bit numbers, and refuses places outside", () => {
    const into = new Uint8Array(6);
    writeUint32(into, 1, 0xfedcba98);
    expect(into).toEqual(bytes(0, 0xfe, 0xdc, 0xba, 0x98, 0));
    expect(readUint32(into, 1)).toBe(0xfedcba98);
    for (const offset of [-1, 3]) {
      expect(() => readUint32(into, offset)).toThrow("a 32-bit read lies inside its bytes");
      expect(() => writeUint32(into, offset, 0)).toThrow("a 32-bit write lies inside its bytes");
    }
  });
});
