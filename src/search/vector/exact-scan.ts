import type { RowSet } from "../rows/row-set.ts";
import type { Scorer } from "./scorer.ts";
import type { TopHits } from "./top-hits.ts";

/** Vectors that are scored with one call of a kernel. */
const BATCH_VECTORS = 256;

export interface ScannedVectors {
  /** One after another. */
  readonly vectors: Float32Array;
  readonly dimensions: number;
  /** The row of the i-th vector. */
  readonly rowAt: (index: number) => number;
}

/** Offers every vector whose row is allowed to `top`; returns how many those are. */
export function scanExactly(
  scanned: ScannedVectors,
  allowed: RowSet | undefined,
  scorer: Scorer,
  top: TopHits,
): number {
  const { vectors, dimensions, rowAt } = scanned;
  const count = vectors.length / dimensions;
  const gathered = new Float32Array(Math.min(count, BATCH_VECTORS) * dimensions);
  const rows = new Uint32Array(BATCH_VECTORS);
  let candidates = 0;
  for (let first = 0; first < count; first += BATCH_VECTORS) {
    const end = Math.min(count, first + BATCH_VECTORS);
    let matching = 0;
    for (let i = first; i < end; i++) {
      const row = rowAt(i);
      if (allowed !== undefined && !allowed.has(row)) continue;
      rows[matching] = row;
      gathered.set(vectors.subarray(i * dimensions, (i + 1) * dimensions), matching * dimensions);
      matching++;
    }
    const scores = scorer.score(gathered, matching);
    for (let i = 0; i < matching; i++) top.offer(rows[i]!, scores[i]!);
    candidates += matching;
  }
  return candidates;
}
