import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { createSealer } from "./seal.ts";

const random = createPrng("seal");
const randomBytes = (length: number) => random.bytes(length);
const keyEncryptionKey = random.bytes(32);
const sealer = createSealer({ keyEncryptionKey, randomBytes });
const secret = new TextEncoder().encode("correct horse battery staple");

describe("a sealed secret", () => {
  test("opens where it was sealed, and looks different each time", () => {
    const first = sealer.seal(secret, "key/a/secret");
    const second = sealer.seal(secret, "key/a/secret");
    expect(Buffer.from(first)).not.toEqual(Buffer.from(second));
    expect(Buffer.from(sealer.open(first, "key/a/secret"))).toEqual(Buffer.from(secret));
    expect(Buffer.from(first).includes(Buffer.from(secret.subarray(0, 8)))).toBe(false);
  });

  test("may be empty", () => {
    expect(sealer.open(sealer.seal(new Uint8Array(0), "x"), "x")).toHaveLength(0);
  });

  test("does not open in another row", () => {
    const sealed = sealer.seal(secret, "key/a/secret");
    expect(() => sealer.open(sealed, "key/b/secret")).toThrow(
      expect.objectContaining({ code: "sealed-damaged" }),
    );
    expect(() => sealer.open(sealed, "key/a/secre")).toThrow(
      expect.objectContaining({ code: "sealed-damaged" }),
    );
  });

  test("does not open when any byte of it is another one", () => {
    const sealed = sealer.seal(secret, "row");
    fc.assert(
      fc.property(fc.nat({ max: sealed.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Uint8Array.from(sealed);
        damaged[at] = damaged[at]! ^ flip;
        expect(() => sealer.open(damaged, "row")).toThrow(expect.objectContaining({ name: "AccessError" }));
      }),
    );
  });

  test.each([
    ["cut short", (sealed: Uint8Array) => sealed.subarray(0, sealed.length - 1), "sealed-damaged"],
    ["too short to be one", (sealed: Uint8Array) => sealed.subarray(0, 32), "sealed-malformed"],
    ["empty", () => new Uint8Array(0), "sealed-malformed"],
    [
      "of a version to come",
      (sealed: Uint8Array) => Uint8Array.from([2, ...sealed.subarray(1)]),
      "sealed-version",
    ],
  ])("is refused when it is %s", (_, change, code) => {
    const sealed = change(sealer.seal(secret, "row"));
    expect(() => sealer.open(sealed, "row")).toThrow(expect.objectContaining({ code }));
  });
});

describe("keys change", () => {
  const successor = createSealer({
    keyEncryptionKey: random.bytes(32),
    previousKeys: [keyEncryptionKey],
    randomBytes,
  });

  test("the old key still opens, the new one seals", () => {
    const old = sealer.seal(secret, "row");
    expect(Buffer.from(successor.open(old, "row"))).toEqual(Buffer.from(secret));
    expect(successor.isCurrent(old)).toBe(false);
    expect(successor.isCurrent(successor.seal(secret, "row"))).toBe(true);
  });

  test("a key that is not there is named as the reason", () => {
    const sealed = successor.seal(secret, "row");
    expect(() => sealer.open(sealed, "row")).toThrow(expect.objectContaining({ code: "sealed-key-unknown" }));
  });

  test("a key of another length is a bug", () => {
    expect(() => createSealer({ keyEncryptionKey: random.bytes(16), randomBytes })).toThrow("32 bytes");
  });
});
