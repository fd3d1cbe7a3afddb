import { expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import type { SparseVector } from "../model/document.ts";
import { RowSet } from "../rows/row-set.ts";
import { CountingReaders } from "../testing/counting-readers.ts";
import { SparseIndexBuilder } from "./build.ts";
import { openSparseIndex } from "./open.ts";
import type { SparseHit } from "./ports.ts";

const ROUNDS = Number(process.env["SKERRY_TEST_RUNS"] ?? 60);
const DIMENSIONS = [0, 1, 2, 3, 5, 8, 100, 65_535, 70_000, 2 ** 31, 2 ** 32 - 1];

function randomVector(random: Prng, most: number): SparseVector {
  const spread = () => (random.chance(0.5) ? random.pick(DIMENSIONS) : random.below(400));
  const indices = Uint32Array.from(new Set(Array.from({ length: random.below(most + 1) }, spread))).sort();
  const values = Float32Array.from(indices, () => {
    // Few different values, so that there are ties; of any sign and of very different sizes, so that the order of adding shows.
    const size = random.pick([0.25, 1, 3, 1e-7, 1e7, random.unit()]);
    return random.chance(0.2) ? -size : size;
  });
  return { indices, values };
}

/** The dot product of each row that has an element in common with the query, added up in the order of the indices. */
function plainSearch(rows: readonly (SparseVector | undefined)[], query: SparseVector): SparseHit[] {
  const hits = rows.flatMap((vector, row) => {
    const common = [...query.indices.entries()].filter(([, index]) => vector?.indices.includes(index));
    if (vector === undefined || common.length === 0) return [];
    let score = 0;
    for (const [i, index] of common)
      score += query.values[i]! * vector.values[vector.indices.indexOf(index)]!;
    return [{ row, score }];
  });
  return hits.sort((left, right) => right.score - left.score || left.row - right.row);
}

it("answers what comparing every row answers, number for number, in two waves", async () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  console.log(`SKERRY_TEST_SEED=${seed}`);
  let [scored, total] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const random = createPrng(`${seed}/${round}`);
    const count = random.chance(0.1) ? random.between(3_000, 6_000) : random.below(300);
    const most = random.between(1, 12);
    const rows = Array.from({ length: count }, () =>
      random.chance(0.1) ? undefined : randomVector(random, most),
    );
    const builder = new SparseIndexBuilder();
    for (const vector of rows) builder.add(vector);
    const readers = new CountingReaders();
    const { head, dimensions, postings } = builder.finish();
    const index = await openSparseIndex({
      head: readers.reader(head),
      dimensions: readers.reader(dimensions),
      postings: readers.reader(postings),
    });
    expect(index.vectors).toBe(
      rows.filter((vector) => vector !== undefined && vector.indices.length > 0).length,
    );
    for (let i = 0; i < 5; i++) {
      const query = randomVector(random, 8);
      const allowed = RowSet.full(count);
      for (let row = 0; row < count; row++) if (random.chance(0.2)) allowed.remove(row);
      const k = random.between(0, 20);
      const before = readers.waves;
      const found = await index.search({ query, k, allowed });
      expect(readers.waves - before).toBeLessThanOrEqual(2);
      const expected = plainSearch(rows, query).filter(({ row }) => allowed.has(row));
      expect(found.hits, `${seed}/${round}`).toEqual(expected.slice(0, k));
      scored += found.scoredPostings;
      total += found.totalPostings;
    }
  }
  console.log(`scored ${scored} of ${total} postings`);
  expect(scored).toBeLessThan(total * 0.8);
}, 120_000);
