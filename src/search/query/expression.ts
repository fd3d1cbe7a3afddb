import type { Filter } from "../filter/filter.ts";

/** How a score is computed from a document. Every value is finite; -Infinity, Infinity and NaN become 0. */
export type RankExpression =
  | { readonly kind: "constant"; readonly value: number }
  /** The document's score in leg `leg`, 0 when it is not among the leg's candidates. */
  | { readonly kind: "leg"; readonly leg: number }
  /** An int, float, datetime (milliseconds) or bool (0, 1) attribute, `missing` when it is not there. */
  | { readonly kind: "attribute"; readonly field: string; readonly missing: number }
  /** 1 when the document passes, else 0. */
  | { readonly kind: "filter"; readonly filter: Filter }
  | { readonly kind: "sum" | "product" | "max" | "min"; readonly terms: readonly RankExpression[] }
  | { readonly kind: "weight"; readonly weight: number; readonly term: RankExpression }
  /** 1 at `origin`, 0.5 where the term is `scale` away, falling on. */
  | {
      readonly kind: "decay";
      readonly shape: "exponential" | "gaussian" | "linear";
      readonly term: RankExpression;
      readonly origin: number;
      readonly scale: number;
    }
  /** term / (term + midpoint) for a term from 0 on; 0 below. */
  | { readonly kind: "saturate"; readonly term: RankExpression; readonly midpoint: number };
