/** The promise: the search through lists finds nearly what the exact one finds, with and without filters, reads little, and gives exact scores. */
import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { METRICS, VECTOR_ELEMENTS, type VectorField } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import { MOST_LIST_ROWS } from "./format/tree.ts";
import {
  memorySource,
  openVectorIndex,
  planVectorIndex,
  queryVector,
  type VectorAnswer,
  type VectorIndex,
  vectorKernels,
} from "./index.ts";
import { joinChunks, MemoryReader } from "./testing/memory-reader.ts";
import { clusteredVectors } from "./testing/small-index.ts";

const kernels = vectorKernels();
const COUNT = 4_000;
const K = 10;

function seeded(name: string): { readonly seed: string; readonly prng: Prng } {
  const seed = process.env["SKERRY_TEST_SEED"] ?? name;
  console.log("SKERRY_TEST_SEED", seed);
  return { seed, prng: createPrng(seed) };
}

async function indexOf(
  field: VectorField,
  vectors: Float32Array,
  options: { readonly seed: string; readonly present?: RowSet; readonly shuffled?: boolean },
) {
  const source = memorySource(vectors, field.dimensions, options.present);
  let pauses = 0;
  const pause = () => {
    pauses++;
    return Promise.resolve();
  };
  const prng = createPrng(options.seed);
  const plan = await planVectorIndex({ field, source, kernels, prng, pause });
  const rowOrder = options.shuffled ? Uint32Array.from(prng.shuffle([...plan.rowOrder])) : plan.rowOrder;
  const bytes = await joinChunks(plan.layOut(rowOrder));
  const reader = new MemoryReader(bytes);
  return {
    index: await openVectorIndex({ reader, kernels, exactCandidates: 50 }),
    bytes,
    reader,
    rowOrder,
    pauses,
  };
}

/** Over all queries: the part of the exact hits that was found. */
async function recallOf(
  index: VectorIndex,
  queries: readonly Float32Array[],
  allowed?: RowSet,
): Promise<{ readonly recall: number; readonly answers: readonly VectorAnswer[] }> {
  let [found, all] = [0, 0];
  const answers: VectorAnswer[] = [];
  for (const query of queries) {
    const limited = { query, k: K, ...(allowed === undefined ? {} : { allowed }) };
    const exact = await index.search({ ...limited, exact: true });
    const answer = await index.search(limited);
    answers.push(answer);
    const scores = new Map(exact.hits.map(({ row, score }) => [row, score]));
    const worst = exact.hits.at(-1)?.score ?? 0;
    for (const { row, score } of answer.hits) {
      expect(allowed?.has(row) ?? true).toBe(true);
      if (scores.has(row)) expect(score).toBe(scores.get(row));
      if (score >= worst) found++;
    }
    all += exact.hits.length;
    expect(answer.waves).toBeLessThanOrEqual(4);
  }
  return { recall: found / all, answers };
}

describe.each(METRICS)("%s", (metric) => {
  test.each(VECTOR_ELEMENTS)("%s", async (element) => {
    const { seed, prng } = seeded(`lists ${metric} ${element}`);
    const field: VectorField = { dimensions: 40, metric, element };
    const drawn = clusteredVectors({ field, count: COUNT + 20, clusters: 30, seed });
    const vectors = drawn.slice(0, COUNT * 40);
    const queries = Array.from({ length: 20 }, (_, i) =>
      queryVector(field, drawn.slice((COUNT + i) * 40, (COUNT + i + 1) * 40)),
    );
    const everyRow = Uint32Array.from({ length: COUNT }, (_, row) => row);
    const present = RowSet.of(
      COUNT,
      everyRow.filter(() => prng.chance(0.95)),
    );
    for (const shuffled of element === "f16" ? [false, true] : [false]) {
      const { index, pauses } = await indexOf(field, vectors, { seed, present, shuffled });
      expect(pauses).toBeGreaterThan(COUNT / 200);
      expect((await index.rowsWithVector()).count()).toBe(present.count());
      // Measured: 1 in all nine cases.
      const unfiltered = await recallOf(index, queries);
      expect(unfiltered.recall).toBeGreaterThan(0.8);
      for (const answer of unfiltered.answers) {
        expect(answer.candidates).toBeLessThan(present.count() / 2);
        expect(answer.reranked).toBeLessThan(answer.candidates / 4);
        expect(answer.listsProbed).toBeGreaterThan(0);
        expect(answer.exhaustive).toBe(false);
      }
      const some = RowSet.of(
        COUNT,
        everyRow.filter(() => prng.chance(0.1)),
      );
      expect((await recallOf(index, queries, some)).recall).toBeGreaterThan(0.8);
      const few = RowSet.of(
        COUNT,
        Array.from({ length: 40 }, () => prng.below(COUNT)),
      );
      const all = await recallOf(index, queries, few);
      expect(all.recall).toBe(1);
      expect(all.answers.every((answer) => answer.exhaustive && answer.candidates <= 40)).toBe(true);
      const none = await index.search({ query: queries[0]!, k: K, allowed: RowSet.empty(COUNT) });
      expect(none.hits).toEqual([]);
    }
  });
});

test("a filter that fits only one corner is followed there", async () => {
  const { seed, prng } = seeded("corner");
  const field: VectorField = { dimensions: 32, metric: "euclidean", element: "f32" };
  const vectors = clusteredVectors({ field, count: COUNT, clusters: 12, seed });
  const { index, rowOrder } = await indexOf(field, vectors, { seed });
  const corner = vectors.subarray(0, 32);
  const near = await index.search({ query: queryVector(field, corner), k: 600, exact: true });
  const allowed = RowSet.of(
    COUNT,
    near.hits.map(({ row }) => row),
  );
  const queries = Array.from({ length: 20 }, () => {
    const start = rowOrder[prng.below(COUNT)]! * 32;
    return queryVector(field, vectors.slice(start, start + 32));
  });
  expect((await recallOf(index, queries, allowed)).recall).toBeGreaterThanOrEqual(0.95);
});

test("the same seed and vectors give the same bytes, another seed others", async () => {
  const { seed } = seeded("same");
  const field: VectorField = { dimensions: 20, metric: "cosine", element: "f16" };
  const vectors = clusteredVectors({ field, count: 3_000, clusters: 9, seed });
  const [once, again] = [await indexOf(field, vectors, { seed }), await indexOf(field, vectors, { seed })];
  expect(Buffer.compare(once.bytes, again.bytes)).toBe(0);
  const other = await indexOf(field, vectors, { seed: `${seed} other` });
  expect(Buffer.compare(once.bytes, other.bytes)).not.toBe(0);
});

test("lists are bounded when nothing tells the vectors apart", async () => {
  const { seed } = seeded("equal");
  const field: VectorField = { dimensions: 3, metric: "cosine", element: "f32" };
  const vectors = new Float32Array(3 * 4_000).fill(1);
  const { index } = await indexOf(field, vectors, { seed });
  const query = queryVector(field, [1, 1, 1]);
  const answer = await index.search({ query, k: 5_000 });
  expect(answer.hits.length).toBe(4_000);
  expect(answer.listsProbed).toBeGreaterThanOrEqual(4_000 / MOST_LIST_ROWS);
  const { hits } = await index.search({ query, k: 3 });
  expect(hits.map(({ score }) => score)).toEqual([1, 1, 1]);
});

test("what was read is counted in waves: one to open after the head, three to search", async () => {
  const { seed } = seeded("waves");
  const field: VectorField = { dimensions: 40, metric: "cosine", element: "f32" };
  const vectors = clusteredVectors({ field, count: COUNT, clusters: 30, seed });
  const { index, reader, bytes } = await indexOf(field, vectors, { seed });
  expect(reader.waves).toBe(2);
  const before = reader.bytesRead;
  const answer = await index.search({ query: queryVector(field, vectors.slice(0, 40)), k: K });
  expect(answer.waves).toBe(3);
  expect(reader.waves).toBe(5);
  expect(reader.bytesRead - before).toBeLessThan(bytes.length / 3);
});

test("codes that were read once are not read again", async () => {
  const { seed } = seeded("resident");
  const field: VectorField = { dimensions: 40, metric: "cosine", element: "f32" };
  const vectors = clusteredVectors({ field, count: COUNT, clusters: 30, seed });
  const { index, reader } = await indexOf(field, vectors, { seed });
  const query = queryVector(field, vectors.slice(0, 40));
  const first = await index.search({ query, k: K });
  const [waves, ranges] = [reader.waves, reader.ranges];
  const again = await index.search({ query, k: K });
  expect(again.hits).toEqual(first.hits);
  expect([first.waves, again.waves]).toEqual([3, 2]);
  expect(reader.waves - waves).toBe(2);
  expect(reader.ranges - ranges).toBeLessThan(ranges);
});

test("few rows all over the index are compared without reading the codes of every list", async () => {
  const { seed } = seeded("scattered");
  const field: VectorField = { dimensions: 640, metric: "cosine", element: "f32" };
  const vectors = clusteredVectors({ field, count: COUNT, clusters: 30, seed });
  const { index, reader } = await indexOf(field, vectors, { seed });
  const every = Uint32Array.from({ length: COUNT }, (_, row) => row);
  const allowed = RowSet.of(
    COUNT,
    every.filter((row) => row % 64 === 0),
  );
  const query = queryVector(field, vectors.slice(0, 640));
  const before = reader.bytesRead;
  const answer = await index.search({ query, k: K, allowed });
  expect(answer).toMatchObject({ listsProbed: 0, waves: 2, candidates: allowed.count() });
  // The codes alone would have been 92 bytes for each vector.
  expect(reader.bytesRead - before).toBeLessThan(COUNT * 92);
  expect(answer.hits).toEqual((await index.search({ query, k: K, allowed, exact: true })).hits);
});

describe("vectors that are far from all others", () => {
  const DIMENSIONS = 24;
  // They lie along the first numbers, which are 0 in the queries: by the dot product, too, the others are the answers.
  const FAR_NUMBERS = 4;

  test.each([
    ["euclidean", "one of 10^9", 1, () => 1e9],
    ["dot", "one of 10^9", 1, () => 1e9],
    ["euclidean", "one of 10^6", 1, () => 1e6],
    ["euclidean", "twenty of 10^9", 20, () => 1e9],
    ["dot", "twenty of 10^9", 20, () => 1e9],
    ["euclidean", "forty of 10^3 to 10^12", 40, (prng: Prng) => 10 ** prng.between(3, 12)],
    ["dot", "forty of 10^3 to 10^12", 40, (prng: Prng) => 10 ** prng.between(3, 12)],
    ["euclidean", "two hundred of 10^6", 200, () => 1e6],
    ["dot", "two hundred of 10^6", 200, () => 1e6],
  ] as const)("(%s, %s) do not keep these from being found", async (metric, name, farCount, length) => {
    const { seed, prng } = seeded(`far ${metric} ${name}`);
    const field: VectorField = { dimensions: DIMENSIONS, metric, element: "f32" };
    const normal = () => (prng.unit() + prng.unit() + prng.unit() + prng.unit() - 2) * 1.7;
    const vectors = Float32Array.from({ length: COUNT * DIMENSIONS }, normal);
    for (const row of prng.shuffle([...Array(COUNT).keys()]).slice(0, farCount))
      vectors[row * DIMENSIONS + prng.below(FAR_NUMBERS)] = length(prng) * prng.pick([-1, 1, 1]);
    const { index } = await indexOf(field, vectors, { seed });
    const queries = Array.from({ length: 20 }, () =>
      Float32Array.from({ length: DIMENSIONS }, (_, i) => (i < FAR_NUMBERS ? 0 : normal())),
    );
    // Measured: nearly 1, and 0.86 by the dot product where each twentieth is far: their lists come first. With the mean of all as the middle: 0.02 to 0.08.
    expect((await recallOf(index, queries)).recall).toBeGreaterThan(0.8);
  });
});
