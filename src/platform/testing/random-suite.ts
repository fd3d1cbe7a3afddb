import { describe, expect, it } from "vitest";
import type { Random } from "../ports.ts";

/** What `Random` promises. */
export function randomSuite(name: string, create: () => Random): void {
  describe(`${name}: Random`, () => {
    it("gives as many bytes as asked, and not the same ones twice", () => {
      const random = create();
      for (const length of [0, 1, 3, 16, 1000]) expect(random.bytes(length)).toHaveLength(length);
      expect(random.bytes(16)).not.toEqual(random.bytes(16));
    });

    it("stays below the bound and reaches every value", () => {
      const random = create();
      const seen = new Set<number>();
      for (let i = 0; i < 400; i++) seen.add(random.below(5));
      expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
    });

    it("takes bounds from 1 to 2^32 and refuses others", () => {
      const random = create();
      expect(random.below(1)).toBe(0);
      expect(random.below(2 ** 32)).toBeLessThan(2 ** 32);
      for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) {
        expect(() => random.below(bound)).toThrow("a random bound is from 1 to 2^32");
      }
    });

    it("spreads bytes over all values", () => {
      const counts = new Array<number>(256).fill(0);
      for (const byte of create().bytes(256 * 100)) counts[byte]!++;
      // Each value 100 times on average; 10 standard deviations off is no chance.
      for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(100);
    });
  });
}
