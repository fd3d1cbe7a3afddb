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
  const gathered = new Float32Array(allowed === undefined ? 0 : Math.min(count, BATCH_VECTORS) * dimensions);
  const indexes = new Uint32Array(BATCH_VECTORS);
  let candidates = 0;
  for (let first = 0; first < count; first += BATCH_VECTORS) {
    const end = Math.min(count, first + BATCH_VECTORS);
    let matching = 0;
    for (let i = first; i < end; i++) {
      if (allowed === undefined || allowed.has(rowAt(i))) indexes[matching++] = i;
    }
    const isWhole = matching === end - first;
    for (let i = 0; i < matching && !isWhole; i++) {
      const start = indexes[i]! * dimensions;
      gathered.set(vectors.subarray(start, start + dimensions), i * dimensions);
    }
    const batch = isWhole ? vectors.subarray(first * dimensions, end * dimensions) : gathered;
    const scores = scorer.score(batch, matching);
    for (let i = 0; i < matching; i++) top.offer(rowAt(indexes[i]!), scores[i]!);
    candidates += matching;
  }
  return candidates;
}
