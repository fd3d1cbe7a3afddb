import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "./base64.ts";

describe("base64", () => {
  it("agrees with Buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (input) => {
        expect(toBase64(input)).toBe(Buffer.from(input).toString("base64"));
        expect(toBase64Url(input)).toBe(Buffer.from(input).toString("base64url"));
        expect(fromBase64(toBase64(input))).toEqual(input);
        expect(fromBase64Url(toBase64Url(input))).toEqual(input);
      }),
    );
  });

  it.each([
    "A",
    "AA",
    "AAA",
    "AA=",
    "A===",
    "====",
    "AA==AA==",
    "AA=A",
    "AB==",
    "AAB=",
    "A A=",
    "AA-_",
    "\u00e9\u00e9\u00e9\u00e9",
  ])("refuses %j", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });

  it.each(["A", "AAAAA", "AB", "AAB", "AA==", "AA+/", "AA A"])("refuses %j in the URL-safe form", (text) => {
    expect(fromBase64Url(text)).toBeUndefined();
  });

  it("reads only what it writes: every text that is read is written the same way again", () => {
    const letters = fc.constantFrom("A", "B", "Q", "g", "w", "/", "+", "=", "-", "_");
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 8 }), (units) => {
        const text = units.join("");
        const standard = fromBase64(text);
        if (standard !== undefined) expect(toBase64(standard)).toBe(text);
        const urlSafe = fromBase64Url(text);
        if (urlSafe !== undefined) expect(toBase64Url(urlSafe)).toBe(text);
      }),
    );
  });
});
