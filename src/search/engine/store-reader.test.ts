import { expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
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
  // Nine MiB in spans of four, where all pages are wanted, and what is longer than a span by itself.
  expect(reads).toBeLessThan(10);
  expect(await reader.readMany([])).toEqual([]);
});

it("reads a small file once, whoever asks for how many parts of it at once", async () => {
  const file = createPrng("small").bytes(10_000);
  let reads = 0;
  const reader = storeReader(file.length, ({ offset, length }) => {
    reads++;
    return Promise.resolve(file.slice(offset, offset + length));
  });
  const parts = await Promise.all([reader.read(9_990, 10), reader.read(0, 10), reader.readMany([])]);
  expect([parts[0], parts[1]]).toEqual([file.slice(9_990), file.slice(0, 10)]);
  expect(await reader.read(0, 10_000)).toEqual(file);
  expect(reads).toBe(1);
});

it("reads what lies beside damage", async () => {
  const damagedAt = 300_000;
  const reader = storeReader(1_000_000, ({ offset, length }) =>
    offset <= damagedAt && damagedAt < offset + length
      ? Promise.reject(new SearchError("data-damaged", "it is damaged"))
      : Promise.resolve(new Uint8Array(length)),
  );
  expect(await reader.read(damagedAt + 1, 100)).toEqual(new Uint8Array(100));
  await expect(reader.read(damagedAt - 50, 100)).rejects.toThrow("it is damaged");
});

it("does not remember that a read failed, and keeps no more than 64 pages", async () => {
  const page = 256 * 1024;
  const reads: number[] = [];
  let isDown = true;
  const reader = storeReader(100 * page, ({ offset, length }) => {
    reads.push(offset / page);
    return isDown ? Promise.reject(new Error("down")) : Promise.resolve(new Uint8Array(length).fill(7));
  });
  await expect(reader.read(10, 10)).rejects.toThrow("down");
  isDown = false;
  for (let number = 0; number < 65; number++) await reader.read(number * page, 1);
  await reader.read(64 * page, 1);
  await reader.read(0, 1);
  expect(reads).toEqual([0, ...Array.from({ length: 65 }, (_, number) => number), 0]);
});
