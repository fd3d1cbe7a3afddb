/** The promise: exact search finds the best allowed rows, the same ones with the same scores in memory and in a file, in whatever order the rows lie. */
import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { METRICS, VECTOR_ELEMENTS, type VectorField } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import {
  MemoryVectors,
  memorySource,
  openVectorIndex,
  planVectorIndex,
  queryVector,
  storedVector,
  vectorKernels,
} from "./index.ts";
import { joinChunks, MemoryReader } from "./testing/memory-reader.ts";

const kernels = vectorKernels();

function randomVector(prng: Prng, field: VectorField): Float32Array {
  const scale = field.element === "i8" ? 100 : 1;
  return storedVector(
    field,
    Array.from({ length: field.dimensions }, () => (prng.unit() - 0.5) * scale),
  );
}

function plainScore(field: VectorField, a: Float32Array, b: Float32Array): number {
  let [dot, distance, normA, normB] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    distance += (a[i]! - b[i]!) ** 2;
    normA += a[i]! ** 2;
    normB += b[i]! ** 2;
  }
  if (field.metric === "dot") return dot;
  return field.metric === "euclidean" ? -distance : dot / Math.sqrt(normA * normB);
}

describe.each(METRICS)("%s", (metric) => {
  test.each(VECTOR_ELEMENTS)("%s", async (element) => {
    const seed = process.env["SKERRY_TEST_SEED"] ?? `exact ${metric} ${element}`;
    console.log("SKERRY_TEST_SEED", seed);
    const prng = createPrng(seed);
    const field: VectorField = { dimensions: prng.between(1, 70), metric, element };
    const rowCount = 300;
    const present = RowSet.empty(rowCount);
    const vectors = new Float32Array(rowCount * field.dimensions);
    for (let row = 0; row < rowCount; row++) {
      if (prng.chance(0.2)) continue;
      present.add(row);
      vectors.set(randomVector(prng, field), row * field.dimensions);
    }
    const source = memorySource(vectors, field.dimensions, present);
    const plan = await planVectorIndex({ field, source, kernels, prng });
    for (const rowOrder of [plan.rowOrder, Uint32Array.from(prng.shuffle([...plan.rowOrder]))]) {
      const index = await openVectorIndex({
        reader: new MemoryReader(await joinChunks(plan.layOut(rowOrder))),
        kernels,
      });
      const memory = new MemoryVectors(field, kernels);
      rowOrder.forEach((sourceRow, row) => {
        if (present.has(sourceRow))
          memory.append(row, vectors.slice(sourceRow * field.dimensions, (sourceRow + 1) * field.dimensions));
      });
      expect((await index.rowsWithVector()).toRows()).toEqual(memory.rowsWithVector(rowCount).toRows());
      const rows = Uint32Array.from({ length: rowCount }, (_, row) => row);
      const stored = await index.vectorsOf(rows);
      rowOrder.forEach((sourceRow, row) => {
        expect(stored[row]).toEqual(
          present.has(sourceRow)
            ? vectors.slice(sourceRow * field.dimensions, (sourceRow + 1) * field.dimensions)
            : undefined,
        );
      });
      for (let i = 0; i < 10; i++) {
        const query = queryVector(field, randomVector(prng, field));
        const k = prng.between(0, 40);
        const allowed = prng.chance(0.7)
          ? RowSet.of(
              rowCount,
              rows.filter(() => prng.chance(0.5)),
            )
          : RowSet.full(rowCount);
        const answer = await index.search({ query, k, allowed, exact: true });
        const inMemory = memory.search({ query, k, allowed });
        expect(answer.hits).toEqual(inMemory.hits);
        expect(answer.exhaustive).toBe(true);
        const expected = [...rows]
          .filter((row) => allowed.has(row) && stored[row] !== undefined)
          .map((row) => ({ row, score: plainScore(field, query, stored[row]!) }))
          .toSorted((a, b) => b.score - a.score)
          .slice(0, k);
        expect(answer.candidates).toBe(inMemory.candidates);
        expect(answer.hits.length).toBe(expected.length);
        answer.hits.forEach((hit, rank) => {
          const tolerance = 1e-4 * Math.max(1, Math.abs(hit.score));
          expect(Math.abs(hit.score - expected[rank]!.score)).toBeLessThan(tolerance);
          expect(Math.abs(hit.score - plainScore(field, query, stored[hit.row]!))).toBeLessThan(tolerance);
          expect(allowed.has(hit.row)).toBe(true);
        });
      }
    }
  });
});

test("ties go to the smaller row", async () => {
  const field: VectorField = { dimensions: 2, metric: "dot", element: "f32" };
  const source = memorySource(new Float32Array(20).fill(1), 2);
  const plan = await planVectorIndex({ field, source, kernels, prng: createPrng("ties") });
  const index = await openVectorIndex({
    reader: new MemoryReader(await joinChunks(plan.layOut(plan.rowOrder))),
    kernels,
  });
  const { hits } = await index.search({ query: queryVector(field, [1, 1]), k: 3 });
  expect(hits).toEqual([0, 1, 2].map((row) => ({ row, score: 2 })));
});
