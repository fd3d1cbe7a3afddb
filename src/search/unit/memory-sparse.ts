import type { Document, SparseVector } from "../model/document.ts";
import type { RowSet } from "../rows/row-set.ts";
import { TopHits } from "../vector/top-hits.ts";
import type { LegHits } from "./ports.ts";

/** The sparse vectors of one field in memory, compared one by one. */
export class MemorySparse {
  readonly #vectors: readonly (readonly [number, SparseVector])[];

  constructor(documents: readonly Document[], field: string) {
    this.#vectors = documents.flatMap((document, row) => {
      const vector = document.sparse.get(field);
      return vector === undefined ? [] : [[row, vector] as const];
    });
  }

  /** Rows that share no index with the query are no hits. */
  search(query: SparseVector, k: number, allowed: RowSet): LegHits {
    const top = new TopHits(k);
    let candidates = 0;
    for (const [row, vector] of this.#vectors) {
      if (!allowed.has(row)) continue;
      const score = sparseDot(query, vector);
      if (score === undefined) continue;
      candidates++;
      top.offer(row, score);
    }
    return { hits: top.toSorted(), candidates, exhaustive: true };
  }
}

/** The dot product, added up in the order of the indices. Undefined: they have no index in common. */
export function sparseDot(left: SparseVector, right: SparseVector): number | undefined {
  let sum = 0;
  let common = false;
  for (let i = 0, j = 0; i < left.indices.length && j < right.indices.length; ) {
    const [a, b] = [left.indices[i] ?? 0, right.indices[j] ?? 0];
    if (a === b) {
      sum += (left.values[i] ?? 0) * (right.values[j] ?? 0);
      common = true;
    }
    if (a <= b) i++;
    if (b <= a) j++;
  }
  return common ? sum : undefined;
}
