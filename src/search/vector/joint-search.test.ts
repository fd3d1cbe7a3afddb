/** The promise: several indexes answer together what one of all their vectors would, and do not do more work for being several. */
import { expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { METRICS, type VectorField } from "../model/schema.ts";
import { MemoryVectors, openVectorIndex, queryVector, searchTogether, vectorKernels } from "./index.ts";
import { SmallestNumbers, smallest } from "./smallest.ts";
import { MemoryReader } from "./testing/memory-reader.ts";
import { clusteredVectors, smallIndexWithLists } from "./testing/small-index.ts";

const kernels = vectorKernels();
const [K, PARTS, COUNT] = [10, 4, 1_500];

/** Indexes of equal parts of one collection. Their rows are in the order of their lists: scores tell which vectors were found. */
async function parts(field: VectorField, seed: string) {
  return await Promise.all(
    Array.from({ length: PARTS }, async (_, part) => {
      const made = { field, count: COUNT, clusters: 40, seed: `${seed} ${part}` };
      const bytes = await smallIndexWithLists(kernels, made);
      const open = { reader: new MemoryReader(bytes), kernels, exactCandidates: 50 };
      return { index: await openVectorIndex(open), vectors: clusteredVectors(made) };
    }),
  );
}

function bestScores(answers: readonly { readonly hits: readonly { readonly score: number }[] }[]) {
  return answers
    .flatMap(({ hits }) => hits.map(({ score }) => score))
    .sort((a, b) => b - a)
    .slice(0, K);
}

test.each(METRICS)("%s: several indexes and a memtable find the best of all", async (metric) => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? `joint ${metric}`;
  console.log("SKERRY_TEST_SEED", seed);
  const field: VectorField = { dimensions: 48, metric, element: "f32" };
  const made = await parts(field, seed);
  const memory = new MemoryVectors(field, kernels);
  const fresh = clusteredVectors({ field, count: 200, clusters: 5, seed: `${seed} fresh` });
  for (let row = 0; row < 200; row++) memory.append(row, fresh.slice(row * 48, (row + 1) * 48));
  const prng = createPrng(seed);
  const work = { together: 0, apart: 0, found: 0, all: 0 };
  for (let round = 0; round < 20; round++) {
    const { vectors } = prng.pick(made);
    const at = prng.below(COUNT) * 48;
    const query = queryVector(field, [...vectors.slice(at, at + 48)]);
    const search = { query, k: K };
    const indexes = made.map(({ index }) => index);
    const together = await searchTogether(
      [...indexes.map((index) => index.steps(search)), memory.steps(search)],
      K,
    );
    const exact = await Promise.all(indexes.map((index) => index.search({ ...search, exact: true })));
    const best = bestScores([...exact, memory.search(search)]);
    const apart = await Promise.all(indexes.map((index) => index.search(search)));
    work.found += bestScores(together).filter((score) => score >= best[K - 1]!).length;
    work.all += best.length;
    for (const { reranked } of together.slice(0, PARTS)) work.together += reranked;
    for (const { reranked } of apart) work.apart += reranked;
  }
  expect(work.found / work.all).toBeGreaterThanOrEqual(0.95);
  // What one has found, the others need not beat: less is compared in full.
  expect(work.together).toBeLessThan(work.apart / 2);
});

test("the smallest numbers are those of sorting", () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? "smallest";
  const prng = createPrng(seed);
  console.log("SKERRY_TEST_SEED", seed);
  for (let round = 0; round < 200; round++) {
    const lists = Array.from({ length: prng.below(4) }, () =>
      Float32Array.from({ length: prng.below(30) }, () => prng.below(12)),
    );
    const k = 1 + prng.below(20);
    const sorted = Float32Array.from(lists.flatMap((list) => [...list])).sort();
    expect(smallest(k, lists)).toEqual(sorted.slice(0, k));
    const heap = new SmallestNumbers(k);
    for (const number of sorted) heap.offer(number);
    expect(heap.threshold).toBe(sorted.length < k ? Number.POSITIVE_INFINITY : sorted[k - 1]);
  }
});
