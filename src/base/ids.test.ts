import { describe, expect, it } from "vitest";
import { compareBytes, toHex } from "./bytes.ts";
import { formatUuid, ID_RANDOM_BYTES, parseUuid, TimeOrderedIds, timeOfIdMs } from "./ids.ts";
import { createPrng } from "./prng.ts";

const TIME_MS = 1_645_557_742_000;

describe("time-ordered ids", () => {
  it("have the time, version and variant of UUID version 7", () => {
    const id = new TimeOrderedIds().next(TIME_MS, new Uint8Array(ID_RANDOM_BYTES).fill(0xff));
    // The time is that of RFC 9562, appendix A.6; the counter begins with its top bit clear.
    expect(formatUuid(id)).toBe("017f22e2-79b0-77ff-bfff-ffffffffffff");
    expect(timeOfIdMs(id)).toBe(TIME_MS);
  });

  it("go up, whatever the clock does, and never repeat even without randomness", () => {
    const ids = new TimeOrderedIds();
    const random = new Uint8Array(ID_RANDOM_BYTES);
    let before = ids.next(TIME_MS, random);
    for (const step of [0, 0, 1, 0, -5, -100_000, 0, 2.7, 0.1, 0]) {
      const id = ids.next(TIME_MS + step, random);
      expect(compareBytes(id, before)).toBeGreaterThan(0);
      before = id;
    }
  });

  it("go up over many ids of one millisecond", () => {
    const ids = new TimeOrderedIds();
    const ones = new Uint8Array(ID_RANDOM_BYTES).fill(0xff);
    let before = ids.next(TIME_MS, ones);
    let isIncreasing = true;
    for (let i = 0; i < 100_000; i++) {
      const id = ids.next(TIME_MS, ones);
      isIncreasing &&= compareBytes(id, before) > 0;
      before = id;
    }
    expect(isIncreasing).toBe(true);
    expect(timeOfIdMs(before)).toBe(TIME_MS);
  });

  it("differ between generators at the same time", () => {
    const prng = createPrng("ids");
    const seen = new Set<string>();
    for (let i = 0; i < 1000; i++)
      seen.add(toHex(new TimeOrderedIds().next(TIME_MS, prng.bytes(ID_RANDOM_BYTES))));
    expect(seen.size).toBe(1000);
  });

  it("refuse another number of random bytes, and times that do not fit", () => {
    const ids = new TimeOrderedIds();
    expect(() => ids.next(TIME_MS, new Uint8Array(9))).toThrow("an id takes ID_RANDOM_BYTES random bytes");
    expect(() => ids.next(2 ** 48, new Uint8Array(ID_RANDOM_BYTES))).toThrow(
      "the time of an id fits in 48 bits",
    );
  });

  it("are read back from their text, in either case, and nothing else is", () => {
    const id = createPrng("text").bytes(16);
    expect(parseUuid(formatUuid(id))).toEqual(id);
    expect(parseUuid(formatUuid(id).toUpperCase())).toEqual(id);
    for (const text of [
      "",
      "017f22e2",
      "017f22e279b077ffbfffffffffffffff",
      "017f22e2-79b0-77ff-bfff-fffffffffffg",
    ]) {
      expect(parseUuid(text)).toBeUndefined();
    }
  });
});
