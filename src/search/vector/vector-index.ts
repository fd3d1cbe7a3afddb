import type { VectorField } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { VectorSteps } from "./joint-search.ts";
import type { VectorHit } from "./top-hits.ts";

export interface VectorSearch {
  /** Made by `queryVector`. */
  readonly query: Float32Array;
  readonly k: number;
  /** Only these rows, of all rows of the unit. Absent: every row that has a vector. Not changed. */
  readonly allowed?: RowSet;
  /** Compare with every allowed vector. */
  readonly exact?: boolean;
  /** Awaited between slices of work: the place to let others run, or to reject when the answer is no longer wanted. */
  readonly pass?: () => Promise<void>;
}

export interface VectorAnswer {
  /** The best `k` allowed rows that have a vector, best first, ties by row. Their scores are exact, also where the search was not. */
  readonly hits: readonly VectorHit[];
  /** Allowed vectors that were compared with the query, if only by their codes. */
  readonly candidates: number;
  /** Vectors of them whose full numbers were compared. */
  readonly reranked: number;
  readonly listsProbed: number;
  /** Every allowed vector was compared in full: no row outside the hits is better. */
  readonly exhaustive: boolean;
  /** Reads that had to wait for the one before. */
  readonly waves: number;
}

/** The vectors of one field of one unit. Nothing of it changes; calls may overlap. */
export interface VectorIndex {
  readonly field: VectorField;
  /** Rows of the unit, with a vector or without. */
  readonly rowCount: number;
  readonly vectorCount: number;
  /** Rows that have a vector. The caller's own copy. */
  rowsWithVector(): Promise<RowSet>;
  search(search: VectorSearch): Promise<VectorAnswer>;
  /** The same search as a part of one of several indexes. */
  steps(search: VectorSearch): VectorSteps;
  /** Rows whose codes or bytes are not those that their stored vectors give; read anew. `pass` is awaited between slices of work. */
  rowsApart(pass: () => Promise<void>): Promise<readonly number[]>;
  /** The stored vectors of these rows, in their order; undefined where a row has none. */
  vectorsOf(rows: Uint32Array): Promise<readonly (Float32Array | undefined)[]>;
}
