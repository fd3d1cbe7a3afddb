import type { SparseVector } from "../model/document.ts";
import type { RangeReader } from "../ports.ts";
import type { RowSet } from "../rows/row-set.ts";

/** The sparse vectors of one field of one index segment. */
export interface SparseIndex {
  readonly rowCount: number;
  /** Rows that have a vector with an element. */
  readonly vectors: number;
  /** Two waves on a cold index. */
  search(request: SparseSearchRequest): Promise<SparseSearchResult>;
}

export interface SparseSearchRequest {
  readonly query: SparseVector;
  readonly k: number;
  /** Only these rows. Not changed. */
  readonly allowed: RowSet;
  /** Awaited between slices of work: the place to let others run, or to reject when the answer is no longer wanted. */
  readonly pass?: () => Promise<void>;
}

export interface SparseSearchResult {
  /** The best rows by dot product of those that have an element in common with the query; best first, ties by row. */
  readonly hits: readonly SparseHit[];
  /** Postings that were multiplied. */
  readonly scoredPostings: number;
  /** Postings of the query's dimensions. */
  readonly totalPostings: number;
}

export interface SparseHit {
  readonly row: number;
  /** Products in double precision, added up in the order of the indices. */
  readonly score: number;
}

/** What is read of a sparse index when it is opened (`head`) and by range afterwards. */
export const SPARSE_SECTIONS = ["head", "dimensions", "postings"] as const;
export type SparseSection = (typeof SPARSE_SECTIONS)[number];

/** A built index: each section lies in the container as it is. Formats: docs/internals/search-sparse.md. */
export type SparseIndexSections = Readonly<Record<SparseSection, Uint8Array>>;

/** The same sections to read from. The readers verify what they return. */
export type SparseIndexReaders = Readonly<Record<SparseSection, RangeReader>>;
