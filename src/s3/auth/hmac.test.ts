import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { equalSignatures, SigningKey } from "./hmac.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

// RFC 4231, test cases 1 and 2.
test.each([
  [Buffer.alloc(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    Buffer.from("Jefe"),
    "what do ya want for nothing?",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
])("RFC 4231, %#", (key, text, expected) => {
  expect(new SigningKey(key).hmacHex(text)).toBe(expected);
});

test("it is the HMAC of node:crypto, for every length of key and text", () => {
  const prng = createPrng(SEED);
  const characters = ["a", "\n", "/", "é", "日", "\u{1f600}", "\ud800"];
  for (let round = 0; round < 400; round++) {
    const key = Buffer.from(Array.from({ length: prng.below(65) }, () => prng.below(256)));
    const kinds = prng.chance(0.5) ? 1 : characters.length;
    // Longer and shorter than what is done in one call, one after the other.
    const text = Array.from({ length: prng.below(400) }, () => characters[prng.below(kinds)]).join("");
    const expected = createHmac("sha256", key).update(text, "utf8").digest("hex");
    const signing = new SigningKey(key);
    signing.hmacHex("x".repeat(prng.below(300)));
    expect(signing.hmacHex(text), `seed ${SEED}, round ${round}`).toBe(expected);
  }
  expect(() => new SigningKey(Buffer.alloc(65))).toThrow(/longer/);
});

test("a key does not show in what is printed of it", () => {
  const key = new SigningKey(Buffer.from("0123456789abcdef0123456789abcdef"));
  key.hmacHex("text");
  expect(inspect(key, { depth: null, showHidden: true })).toBe("SigningKey {}");
  expect(JSON.stringify(key)).toBe("{}");
  expect(Object.keys(key)).toEqual([]);
});

test("signatures are equal when every digit is", () => {
  const digits = "0123456789abcdef".repeat(4);
  expect(equalSignatures(digits, digits)).toBe(true);
  for (const other of [
    `${digits.slice(0, 63)}e`,
    `e${digits.slice(1)}`,
    digits.slice(1),
    `${digits}0`,
    "",
    "\u0130".repeat(64),
  ]) {
    expect(equalSignatures(digits, other)).toBe(false);
  }
  expect(equalSignatures("abc", "abc")).toBe(true);
  expect(equalSignatures("abc", "abd")).toBe(false);
});
