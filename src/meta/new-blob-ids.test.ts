import { expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { NewBlobIds } from "./new-blob-ids.ts";

const hexOf = (id: number): string => id.toString(16).padStart(8, "0");

test("an id that has been used is never said to be new, and nearly all new ones are", () => {
  const prng = createPrng(Math.floor(Math.random() * 2 ** 32));
  const used = new Set([hexOf(3), hexOf(1_000)]);
  const ids = new NewBlobIds(hexOf(1_000), 16);
  let greatest = 1_000;
  let sure = 0;
  for (let step = 0; step < 2_000; step++) {
    // In order of time but for those that were under way meanwhile, and now and then one of a clock that is behind.
    const id = prng.chance(0.05) ? prng.below(greatest) : greatest + prng.below(8) - 3;
    greatest = Math.max(greatest, id);
    const hex = hexOf(id);
    if (ids.isSurelyNew(hex)) {
      expect(used.has(hex), `seed ${prng.seed}`).toBe(false);
      sure++;
    }
    ids.add(hex);
    used.add(hex);
    // One assertion for all of them: a million would take longer than what they look at.
    const forgotten = [...used].filter((known) => ids.isSurelyNew(known));
    expect(forgotten, `seed ${prng.seed}`).toEqual([]);
  }
  expect(sure, `seed ${prng.seed}`).toBeGreaterThan(0.8 * used.size);
});

test("where nothing was ever used, everything is new", () => {
  const ids = new NewBlobIds("");
  expect(ids.isSurelyNew(hexOf(0))).toBe(true);
  ids.add(hexOf(0));
  expect(ids.isSurelyNew(hexOf(0))).toBe(false);
});
