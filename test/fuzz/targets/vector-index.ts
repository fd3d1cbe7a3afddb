import { readFileSync } from "node:fs";
import { SearchError } from "../../../src/search/errors.ts";
import { RowSet } from "../../../src/search/rows/row-set.ts";
import { openVectorIndex, type VectorAnswer, vectorKernels } from "../../../src/search/vector/index.ts";
import { MemoryReader } from "../../../src/search/vector/testing/memory-reader.ts";
import { broken, type FuzzTarget, refusalLabel } from "../target.ts";

const FOLDER = new URL("../../../src/search/vector/testdata/", import.meta.url);
const kernels = vectorKernels();
/** More than any input can hold. */
const MOST_ROWS = 1_000_000;
const K = 5;

/** Files of vectors: opened, searched through the lists and exactly, with a filter, and read back. */
export const vectorIndex: FuzzTarget = {
  name: "vector-index",
  maxBytes: 24_576,
  seeds: () =>
    ["flat-v1.skvx", "cosine-f16-v1.skvx", "dot-i8-v1.skvx"].map((name) =>
      readFileSync(new URL(name, FOLDER)),
    ),
  property: async (input) => {
    try {
      const reader = new MemoryReader(input);
      const index = await openVectorIndex({ reader, kernels, exactCandidates: 0 });
      const query = Float32Array.from({ length: index.field.dimensions }, (_, i) => (i % 3) - 0.5);
      checkHits(await index.search({ query, k: K }), index.rowCount);
      if (index.rowCount > MOST_ROWS) return "many rows";
      const allowed = RowSet.empty(index.rowCount);
      for (let row = 0; row < index.rowCount; row += 2) allowed.add(row);
      const filtered = await index.search({ query, k: K, allowed });
      checkHits(filtered, index.rowCount);
      if (filtered.hits.some(({ row }) => !allowed.has(row))) broken("a hit that the filter does not allow");
      const exact = await index.search({ query, k: K, exact: true });
      checkHits(exact, index.rowCount);
      const rows = await index.rowsWithVector();
      if (exact.hits.length !== Math.min(K, rows.count())) broken("an exact search that misses rows");
      const vectors = await index.vectorsOf(rows.toRows());
      if (vectors.includes(undefined)) broken("a row with a vector has none");
      return index.vectorCount === 0 ? "empty" : "searched";
    } catch (error) {
      return refusalLabel([SearchError], error);
    }
  },
};

function checkHits({ hits }: VectorAnswer, rowCount: number): void {
  if (hits.length > K) broken("more hits than asked for");
  if (new Set(hits.map(({ row }) => row)).size !== hits.length) broken("a row twice");
  hits.forEach(({ row, score }, i) => {
    if (!(row >= 0 && row < rowCount)) broken(`row ${row} of ${rowCount}`);
    if (Number.isNaN(score) || score > hits[Math.max(0, i - 1)]!.score) broken("hits out of order");
  });
}
