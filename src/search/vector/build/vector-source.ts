import { RowSet } from "../../rows/row-set.ts";

/** Where the vectors of a new index come from: one unit's, or those of several one after another. Its rows are 0 to `rowCount` - 1. */
export interface VectorSource {
  readonly rowCount: number;
  /** Rows that have a vector. */
  readonly present: RowSet;
  /**
   * The stored vectors of these rows, one after another, in the order asked for. Every row has one. At most `GATHERED_ROWS` at once; the build keeps
   * no answer longer than until it asks again.
   */
  gather(rows: Uint32Array): Promise<Float32Array>;
}

/** Rows of one call of `VectorSource.gather`: with 16,384 dimensions 64 MiB. */
export const GATHERED_ROWS = 1_024;

/** All vectors in memory, one after another: row i has the i-th, except rows that are not in `present`. */
export function memorySource(
  vectors: Float32Array,
  dimensions: number,
  present: RowSet = RowSet.full(vectors.length / dimensions),
): VectorSource {
  return {
    rowCount: vectors.length / dimensions,
    present,
    gather(rows) {
      const gathered = new Float32Array(rows.length * dimensions);
      rows.forEach((row, i) => {
        gathered.set(vectors.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
      });
      return Promise.resolve(gathered);
    },
  };
}
