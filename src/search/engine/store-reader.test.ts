import { expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { storeReader } from "./store-reader.ts";

const MIB = 1024 * 1024;

it("gives what was asked for, in that order, with few reads, one at a time", async () => {
  const seed = String(Date.now());
  console.log(`seed ${seed}`);
  const random = createPrng(seed);
  const file = random.bytes(9 * MIB);
  let [reads, underWay] = [0, 0];
  const reader = storeReader(file.length, async ({ offset, length }) => {
    expect([length > 0, ++underWay]).toEqual([true, 1]);
    reads++;
    await Promise.resolve();
    underWay--;
    return file.slice(offset, offset + length);
  });
  const ranges = Array.from({ length: 400 }, () => {
    const length = random.pick([0, 1, 1_536, 5_000]);
    return { offset: random.below(file.length - length + 1), length };
  });
  const parts = await reader.readMany([...ranges, { offset: 0, length: 5 * MIB }]);
  for (const [i, { offset, length }] of ranges.entries())
    expect(Buffer.compare(parts[i]!, file.subarray(offset, offset + length))).toBe(0);
  expect(Buffer.compare(parts.at(-1)!, file.subarray(0, 5 * MIB))).toBe(0);
  // Nine MiB in spans of four, where no gap is too wide, and what is longer than a span by itself.
  expect(reads).toBeLessThan(30);
  expect(await reader.readMany([])).toEqual([]);
});
