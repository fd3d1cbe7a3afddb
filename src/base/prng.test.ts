import { describe, expect, it } from "vitest";
import { toHex } from "./bytes.ts";
import { createPrng, drawBelow, type Prng } from "./prng.ts";

const draw = (prng: Prng, count: number): number[] => Array.from({ length: count }, () => prng.uint32());

describe("prng", () => {
  it("gives these numbers for these seeds, for ever: recorded histories depend on it", () => {
    expect(draw(createPrng(1), 3)).toEqual([823470036, 3713733093, 210277587]);
    expect(draw(createPrng("sim/disk"), 3)).toEqual([1372704094, 1475737345, 288324748]);
    expect(toHex(createPrng("bytes").bytes(7))).toBe("be163184099c4b");
  });

  it("gives the same numbers for the same seed and others for another", () => {
    expect(draw(createPrng("a"), 100)).toEqual(draw(createPrng("a"), 100));
    expect(draw(createPrng("a"), 100)).not.toEqual(draw(createPrng("b"), 100));
    expect(draw(createPrng(7), 10)).toEqual(draw(createPrng("7"), 10));
  });

  it("a child depends on its label and the seed, not on what the parent has drawn", () => {
    const parent = createPrng("p");
    const before = draw(parent.fork("child"), 10);
    parent.uint32();
    expect(draw(parent.fork("child"), 10)).toEqual(before);
    expect(draw(parent.fork("other"), 10)).not.toEqual(before);
    expect(draw(createPrng(parent.fork("child").seed), 10)).toEqual(before);
  });

  it("seeds that differ in one character give streams that have nothing in common", () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 500; seed++) for (const value of draw(createPrng(seed), 4)) seen.add(value);
    // 2,000 draws of 32 bits: more than two collisions would be no chance.
    expect(seen.size).toBeGreaterThan(1997);
  });

  it("spreads evenly over bits, bounds and the unit interval", () => {
    const prng = createPrng("even");
    const bits = new Array<number>(32).fill(0);
    const tens = new Array<number>(10).fill(0);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) {
      const value = prng.uint32();
      for (let bit = 0; bit < 32; bit++) bits[bit]! += (value >>> bit) & 1;
      tens[prng.below(10)]!++;
      sum += prng.unit();
    }
    for (const count of bits) expect(Math.abs(count - 5000)).toBeLessThan(300);
    for (const count of tens) expect(Math.abs(count - 1000)).toBeLessThan(180);
    expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.02);
  });

  it("draws below a bound without preferring small values", () => {
    const values = [0xffffffff, 0xfffffffe, 5];
    expect(drawBelow(0xfffffffe, () => values.shift()!)).toBe(5);
    expect(createPrng("x").below(1)).toBe(0);
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) {
      expect(() => createPrng("x").below(bound)).toThrow("a random bound is from 1 to 2^32");
    }
  });

  it("shuffles without losing anything and picks what is there", () => {
    const prng = createPrng("s");
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    const shuffled = prng.shuffle(items);
    expect([...shuffled].sort()).toEqual(items);
    expect(items).toContain(prng.pick(items));
    expect(() => prng.pick([])).toThrow("there is something to pick from");
    for (let i = 0; i < 100; i++) {
      const value = prng.between(3, 5);
      expect(value >= 3 && value <= 5).toBe(true);
    }
    expect(prng.chance(0)).toBe(false);
    expect(prng.chance(1)).toBe(true);
  });
});
