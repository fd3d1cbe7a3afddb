import { expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { RowVersions } from "./row-versions.ts";

const KEYS = Array.from({ length: 50 }, (_, i) => `0000o${i}`);

test("what was read before, between or within the two halves of a write is read again", () => {
  const versions = new RowVersions();
  const before = versions.ofRow("0000okey");
  versions.beginWrite(["0000okey"], ["o"]);
  expect(versions.isCurrent(before)).toBe(false);
  const during = versions.ofRow("0000okey");
  versions.endWrite();
  expect(versions.isCurrent(during)).toBe(false);
  expect(versions.isCurrent(versions.ofRow("0000okey"))).toBe(true);
});

test("what is read of a table while it is being written is not kept at all", () => {
  const versions = new RowVersions();
  for (let round = 0; round < 3; round++) {
    versions.beginWrite([], ["m"]);
    const during = versions.ofTable("m");
    expect(versions.isCurrent(during)).toBe(false);
    versions.endWrite();
    expect(versions.isCurrent(during)).toBe(false);
    expect(versions.isCurrent(versions.ofTable("m"))).toBe(true);
    versions.changedAll();
  }
});

test("rows and tables that a batch does not touch stay as they are", () => {
  const versions = new RowVersions();
  const other = versions.ofRow("0000oother");
  const table = versions.ofTable("n");
  versions.beginWrite(["0000okey"], ["o"]);
  versions.endWrite();
  expect(versions.isCurrent(other)).toBe(true);
  expect(versions.isCurrent(table)).toBe(true);
});

test("when another state takes its place everything is read again", () => {
  const versions = new RowVersions();
  const marks = [versions.ofRow("0000oa"), versions.ofRow("0000kb"), versions.ofTable("n")];
  versions.changedAll();
  expect(marks.some((mark) => versions.isCurrent(mark))).toBe(false);
});

test("a row of a table that nobody follows cannot be kept", () => {
  expect(() => new RowVersions().ofRow("0000lrow")).toThrow("a table that is followed");
});

test.each([1, 7, 131_072])(
  "with %i places, whoever shares the memory never takes an old row for a new one",
  (places) => {
    const seed = `row-versions-${places}`;
    const prng = createPrng(seed);
    const memory = RowVersions.memory(places);
    const writer = new RowVersions(memory);
    const reader = new RowVersions(memory);
    const rows = new Map<string, number>();
    const kept = new Map<string, { value: number | undefined; mark: ReturnType<RowVersions["ofRow"]> }>();
    for (let step = 0; step < 5_000; step++) {
      const key = KEYS[prng.below(KEYS.length)]!;
      if (prng.below(3) === 0) {
        const batch = KEYS.filter(() => prng.below(10) === 0);
        writer.beginWrite(batch, ["o"]);
        for (const each of batch) rows.set(each, step);
        writer.endWrite();
      }
      const known = kept.get(key);
      const isKnown = known !== undefined && reader.isCurrent(known.mark);
      if (isKnown) expect(known.value, seed).toBe(rows.get(key));
      else kept.set(key, { mark: reader.ofRow(key), value: rows.get(key) });
    }
  },
);
