import { expect, it } from "vitest";
import { firstIndex } from "./first-index.ts";

it("finds where something begins to hold, in a logarithm of questions", () => {
  for (const length of [0, 1, 2, 7, 1_000])
    for (let from = 0; from <= length; from += Math.max(1, Math.floor(length / 9))) {
      let asked = 0;
      const found = firstIndex(length, (index) => {
        asked++;
        expect(index).toBeLessThan(length);
        return index >= from;
      });
      expect(found).toBe(from);
      expect(asked).toBeLessThanOrEqual(Math.ceil(Math.log2(length + 1)));
    }
});
