import { describe, expect, test } from "vitest";
import { Fingerprinter } from "./shared-fingerprint.ts";

const KEY = new Int32Array([0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39]);

/** Of the bytes 0, 1, 2, ..., by how many they are: from the reference implementation of Chaskey-12 (Mouha, 2015). */
const TAGS: readonly (readonly [number, readonly number[]])[] = [
  [0, [0x43cb1f41, 0x51eba0c2, 0xff0a8ac3, 0x7ee3f642]],
  [2, [0x57da70c5, 0x2a873cb0, 0x19ee8b2a, 0x165cd82e]],
  [14, [0xc133c9c0, 0x55df75b5, 0x0f18f729, 0x99b9837e]],
  [16, [0x5dd0e2a9, 0xfb5eac8c, 0x633a392e, 0x500c36f3]],
  [18, [0x0430889e, 0xb994dc9c, 0xa39d8d46, 0xf0b15fda]],
  [32, [0x77962784, 0x07c647fa, 0xdd752c0f, 0xd2f5a799]],
  [62, [0x0f40ed0f, 0xa69bc80f, 0x8e06f97c, 0x61e89697]],
];

const fingerprint = (text: string, key = KEY): string => {
  const fingerprinter = new Fingerprinter(key);
  fingerprinter.take(text);
  return [...fingerprinter.words].join();
};

describe("a fingerprint", () => {
  test.each(TAGS)("of %i bytes is what Chaskey-12 says", (bytes, tag) => {
    const units = Array.from({ length: bytes / 2 }, (_, i) => 2 * i + ((2 * i + 1) << 8));
    expect(fingerprint(String.fromCharCode(...units))).toBe([...new Int32Array(tag)].join());
  });

  test("is another one for another text, also where only the padding tells them apart, and for another key", () => {
    const texts = ["", "\u0001", "\u0001\0", "a", "a\0", "a\u0001", "12345678", "12345678\u0001", "1234567"];
    expect(new Set(texts.map((text) => fingerprint(text))).size).toBe(texts.length);
    expect(fingerprint("a", new Int32Array([1, 2, 3, 4]))).not.toBe(fingerprint("a"));
  });

  test("of a text does not depend on what was asked before", () => {
    const fingerprinter = new Fingerprinter(KEY);
    fingerprinter.take("another one that is longer");
    fingerprinter.take("a");
    expect([...fingerprinter.words].join()).toBe(fingerprint("a"));
  });
});
