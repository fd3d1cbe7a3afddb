/** The promise: a data key opens only with its wrapping key and in its context; bodies that were encrypted by an earlier release open. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createPrng, fromHex, toHex } from "../base/index.ts";
import { FrameCipher, unwrapDataKey, wrapDataKey } from "./data-key.ts";

const random = createPrng("data-key");
const randomBytes = (length: number) => random.bytes(length);
const wrappingKey = random.bytes(32);
const dataKey = random.bytes(32);

describe("a wrapped data key", () => {
  const wrapped = wrapDataKey(wrappingKey, dataKey, "ring/a/1", randomBytes);

  it("opens with the same key and context", () => {
    expect(unwrapDataKey(wrappingKey, wrapped, "ring/a/1")).toEqual(Buffer.from(dataKey));
    expect(toHex(wrapDataKey(wrappingKey, dataKey, "ring/a/1", randomBytes))).not.toBe(toHex(wrapped));
  });

  it("does not open with another key, in another context, in another version, or damaged anywhere", () => {
    expect(unwrapDataKey(random.bytes(32), wrapped, "ring/a/1")).toBeUndefined();
    expect(unwrapDataKey(wrappingKey, wrapped, "ring/a/2")).toBeUndefined();
    expect(unwrapDataKey(wrappingKey, wrapped.subarray(1), "ring/a/1")).toBeUndefined();
    for (let at = 0; at < wrapped.length; at++) {
      const damaged = Uint8Array.from(wrapped);
      damaged[at]! ^= 0x10;
      expect(unwrapDataKey(wrappingKey, damaged, "ring/a/1"), `byte ${at}`).toBeUndefined();
    }
  });
});

describe("frames", () => {
  it("of one body do not open in another, at another place, or with another end", () => {
    const salt = random.bytes(16);
    const sealed = new FrameCipher(dataKey, salt).seal(3, false, Buffer.from("plaintext"));
    const open = (key: Uint8Array, otherSalt: Uint8Array, index: number, last: boolean) =>
      new FrameCipher(key, otherSalt).open(index, last, sealed);
    expect(open(dataKey, salt, 3, false)).toEqual(Buffer.from("plaintext"));
    expect(open(dataKey, random.bytes(16), 3, false)).toBeUndefined();
    expect(open(random.bytes(32), salt, 3, false)).toBeUndefined();
    expect(open(dataKey, salt, 4, false)).toBeUndefined();
    expect(open(dataKey, salt, 3, true)).toBeUndefined();
  });
});

/** One line a field, hexadecimal. */
describe("format 1", () => {
  const golden = new Map(
    readFileSync(join(import.meta.dirname, "testdata/data-key-v1.txt"), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(" ") as [string, string]),
  );
  const field = (name: string) => fromHex(golden.get(name) ?? "") ?? new Uint8Array(0);

  it("opens", () => {
    const key = unwrapDataKey(field("wrapping-key"), field("wrapped"), "ring/golden/1");
    expect(toHex(key ?? new Uint8Array(0))).toBe(golden.get("data-key"));
    const cipher = new FrameCipher(field("data-key"), field("salt"));
    expect(Buffer.from(cipher.open(0, false, field("frame-0")) ?? []).toString()).toBe("the first frame");
    expect(Buffer.from(cipher.open(1, true, field("frame-1-last")) ?? []).toString()).toBe("the last");
    expect(toHex(cipher.seal(0, false, Buffer.from("the first frame")))).toBe(golden.get("frame-0"));
  });
});
