import type { AttributeValue, DocumentId, Scalar, SparseVector } from "../model/document.ts";

export interface QueryResult {
  readonly hits: readonly Hit[];
  readonly groups?: readonly Group[];
  readonly facets?: ReadonlyMap<string, readonly FacetCount[]>;
  /** Of an ordered query that may have more. */
  readonly nextCursor?: string;
  readonly performance: Performance;
  readonly explain?: Explain;
}

export interface Hit {
  readonly id: DocumentId;
  /** Higher is better; none with an order and without legs. */
  readonly score?: number;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly text: ReadonlyMap<string, string>;
  readonly vectors: ReadonlyMap<string, Float32Array>;
  readonly sparse: ReadonlyMap<string, SparseVector>;
  /** Of a query with highlights: fragments by field. */
  readonly highlights?: ReadonlyMap<string, readonly string[]>;
}

export interface Group {
  /** By attribute of the group; null: missing. */
  readonly key: ReadonlyMap<string, Scalar | null>;
  /** By metric; null: of no value. */
  readonly values: ReadonlyMap<string, number | bigint | null>;
}

export interface FacetCount {
  readonly value: Scalar;
  readonly count: number;
}

/** What the answer cost. Times are of the executor's clock. */
export interface Performance {
  readonly units: number;
  /** Documents in the snapshot. */
  readonly documents: number;
  /** Documents that pass the filter. */
  readonly matching: number;
  /** Vectors and postings that were scored. */
  readonly candidates: number;
  /** Whether every document that could be an answer was looked at: then the ranking is exact. */
  readonly exhaustive: boolean;
  /** Reads that waited for bytes, one after the other; bytes; blobs they came from. */
  readonly waves: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly blobs: number;
  readonly filterMs: number;
  readonly legsMs: number;
  readonly rankMs: number;
  readonly aggregateMs: number;
  readonly fetchMs: number;
  readonly totalMs: number;
}

/** The plan and what it met, for people to read. */
export interface Explain {
  readonly ranking: string;
  readonly filter?: string;
  readonly legs: readonly LegExplain[];
  readonly units: readonly UnitExplain[];
}

export interface LegExplain {
  readonly leg: string;
  readonly candidates: number;
  readonly found: number;
  /** The scores of the hits of the answer in this leg, in their order; null: not among its candidates. */
  readonly scores: readonly (number | null)[];
}

export interface UnitExplain {
  readonly unit: string;
  readonly rows: number;
  readonly live: number;
  readonly matching: number;
  /** By leg: rows scored and whether that was all of them. */
  readonly legs: readonly { readonly candidates: number; readonly exhaustive: boolean }[];
}
