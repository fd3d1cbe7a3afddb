/**
 * An index as version 1 writes it, kept in `testdata/`: it must be read for as long as version 1 is. Never write it again; a change of the format is a
 * new version with golden files of its own. Made with SKERRY_WRITE_GOLDEN=1.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RowSet } from "../rows/row-set.ts";
import { CountingReaders } from "../testing/counting-readers.ts";
import { openSparseIndex, SPARSE_SECTIONS, SparseIndexBuilder, type SparseSection } from "./index.ts";

const ROWS = 300;

function sparseSections() {
  const builder = new SparseIndexBuilder();
  for (let row = 0; row < ROWS; row++) {
    const indices = Uint32Array.of(row % 3, 10 + (row % 7), 1_000 + row, 2 ** 32 - 1);
    builder.add(row % 10 === 9 ? undefined : { indices, values: Float32Array.of(1, row / 8, -0.5, 0.25) });
  }
  return builder.finish();
}

function golden(sections: Readonly<Record<SparseSection, Uint8Array>>) {
  const files = SPARSE_SECTIONS.map((name) => {
    const file = new URL(`./testdata/sparse-v1-${name}.bin`, import.meta.url);
    if (process.env["SKERRY_WRITE_GOLDEN"] === "1" && !existsSync(file)) writeFileSync(file, sections[name]);
    return [name, new Uint8Array(readFileSync(file))] as const;
  });
  return Object.fromEntries(files) as Record<SparseSection, Uint8Array>;
}

describe("the golden sparse index of version 1", () => {
  const written = sparseSections();
  const kept = golden(written);

  test.each(SPARSE_SECTIONS)("is what this code writes: %s", (name) => {
    expect(Buffer.compare(written[name], kept[name])).toBe(0);
  });

  test("is read", async () => {
    const readers = new CountingReaders();
    const index = await openSparseIndex({
      head: readers.reader(kept.head),
      dimensions: readers.reader(kept.dimensions),
      postings: readers.reader(kept.postings),
    });
    const query = { indices: Uint32Array.of(16, 1_005, 2 ** 32 - 1), values: Float32Array.of(1, -100, 4) };
    const { hits } = await index.search({ query, k: 2, allowed: RowSet.full(ROWS) });
    expect(hits).toEqual([
      { row: 5, score: 51 },
      { row: 293, score: 36.625 + 1 },
    ]);
  });
});
