import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { RowSet } from "./row-set.ts";

describe("a row set", () => {
  it("is what a set of numbers is", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 200; round++) {
      const size = random.below(200);
      const rowsOf = () =>
        new Set(Array.from({ length: size }, (_, row) => row).filter(() => random.chance(0.5)));
      const [left, right] = [rowsOf(), rowsOf()];
      const sets = () => [RowSet.of(size, left), RowSet.of(size, right)] as const;
      const sorted = (rows: Iterable<number>) => [...rows].sort((a, b) => a - b);
      const united = sets();
      expect([...united[0].uniteWith(united[1]).toRows()]).toEqual(sorted(new Set([...left, ...right])));
      const met = sets();
      expect([...met[0].intersectWith(met[1]).toRows()]).toEqual(
        sorted([...left].filter((row) => right.has(row))),
      );
      const less = sets();
      expect([...less[0].subtract(less[1]).toRows()]).toEqual(
        sorted([...left].filter((row) => !right.has(row))),
      );
      const [set] = sets();
      expect(set.complement().count()).toBe(size - left.size);
      const first = random.below(size + 1);
      const end = random.between(first, size);
      expect(set.countRange(first, end)).toBe([...left].filter((row) => row >= first && row < end).length);
      expect([...set.rowsInRange(first, end)]).toEqual(
        sorted(left).filter((row) => row >= first && row < end),
      );
      const range = RowSet.empty(size);
      range.addRange(first, end);
      expect(range.count()).toBe(end - first);
      expect(RowSet.full(size).count()).toBe(size);
      expect(set.isEmpty()).toBe(left.size === 0);
    }
  });
});
