import type { Filter } from "../filter/filter.ts";
import type { SparseVector } from "../model/document.ts";
import type { RankExpression } from "./expression.ts";

/** One query. With neither legs nor an order, the documents that pass the filter come in the order of their ids. */
export interface Query {
  /** Documents in the answer, 0 (only aggregations) to 1,000. */
  readonly topK: number;
  /** Retrieval; none with an order. */
  readonly legs: readonly Leg[];
  readonly ranking: Ranking;
  readonly filter?: Filter;
  readonly aggregation?: Aggregation;
  readonly facets: readonly Facet[];
  readonly diversify?: Diversify;
  readonly projection: Projection;
  readonly highlight?: Highlight;
  readonly explain: boolean;
}

/** Gives each document that it finds a score, higher is better. */
export type Leg = VectorLeg | TextLeg | SparseLeg;

interface LegBase {
  /** Factor in weighted fusion and in RRF. */
  readonly weight: number;
  /** How many hits of this leg take part in fusion, diversification and expressions. Undefined: chosen from `topK`. */
  readonly candidates?: number;
}

export interface VectorLeg extends LegBase {
  readonly kind: "vector";
  readonly field: string;
  readonly vector: Float32Array;
  /** Compare with every vector that passes the filter. */
  readonly exact: boolean;
}

export interface TextLeg extends LegBase {
  readonly kind: "text";
  readonly query: string;
  /** Fields with their weights. Undefined: all text fields with the weights of the schema. */
  readonly fields?: ReadonlyMap<string, number>;
  /** "any": the more terms the better. "all": every term in some field. "phrase": the terms in a row in one field. */
  readonly match: "any" | "all" | "phrase";
  /** The last token also stands for every term that begins with it. */
  readonly lastAsPrefix: boolean;
}

export interface SparseLeg extends LegBase {
  readonly kind: "sparse";
  readonly field: string;
  readonly vector: SparseVector;
}

export type Ranking =
  /** One leg: its scores. Several: the sum of weight / (k + rank). */
  | { readonly kind: "rrf"; readonly k: number }
  /** The sum of weight * min-max normalized score, over the legs' hits of the whole snapshot. */
  | { readonly kind: "weighted" }
  /** Over the union of the legs' hits, or all documents that pass the filter when there is no leg. */
  | { readonly kind: "expression"; readonly expression: RankExpression }
  /** By attributes or "id"; ties by id, ascending. */
  | { readonly kind: "order"; readonly keys: readonly OrderKey[]; readonly cursor?: string };

export const DEFAULT_RRF_K = 60;

export interface OrderKey {
  readonly field: string;
  readonly direction: "asc" | "desc";
  /** Where documents without the attribute come. */
  readonly missing: "first" | "last";
}

/** Over all documents that pass the filter, not over the page. */
export interface Aggregation {
  /** By the name in the answer. */
  readonly metrics: ReadonlyMap<string, AggregationMetric>;
  /** Scalar attributes; a missing one is a group of its own. None: one group. */
  readonly groupBy: readonly string[];
  /** Groups in the answer: the largest first, ties by key. */
  readonly limit: number;
}

export type AggregationMetric =
  /** Of documents; with a field, of those that have it. */
  | { readonly kind: "count"; readonly field?: string }
  | { readonly kind: "sum" | "min" | "max" | "avg"; readonly field: string };

/** How many of the documents that pass the filter have each value; an array counts once for each different element. */
export interface Facet {
  readonly field: string;
  readonly limit: number;
}

/** At most `limit` documents with the same value (first element of an array; missing is a value) of this attribute. */
export interface Diversify {
  readonly field: string;
  readonly limit: number;
}

export type Projection =
  | { readonly kind: "id" }
  /** Attributes and text, no vectors. */
  | { readonly kind: "all" }
  /** Of any kind. */
  | { readonly kind: "fields"; readonly fields: readonly string[] };

export interface Highlight {
  /** Undefined: the fields of the text legs. */
  readonly fields?: readonly string[];
  readonly fragments: number;
  readonly fragmentCharacters: number;
  readonly before: string;
  readonly after: string;
}

export interface QueryOptions {
  /** Documents that expire at or before this are not there. */
  readonly nowMs: number;
  readonly signal?: AbortSignal;
  /** On the monotonic clock. */
  readonly deadlineMs?: number;
  /** Resolves when others have had their turn. Absent: nobody else waits for this thread. */
  readonly pause?: () => Promise<void>;
}
