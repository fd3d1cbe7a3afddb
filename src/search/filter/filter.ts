import type { Scalar } from "../model/document.ts";
import type { FilterCost } from "./filter-cost.ts";

export const COMPARISONS = ["eq", "ne", "lt", "lte", "gt", "gte"] as const;
export type Comparison = (typeof COMPARISONS)[number];

/**
 * A condition on a document. `field` names an attribute, a text field (tokens, phrase, exists, null), any field (exists, null), or "id".
 * What each means for missing fields, arrays and mixed numbers: docs/internals/search.md, Filters. A filter that went through
 * `bindFilter` has values of the types of their fields.
 */
export type Filter =
  /** No filter: true. */
  | { readonly kind: "and"; readonly filters: readonly Filter[] }
  /** No filter: false. */
  | { readonly kind: "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | {
      readonly kind: "compare";
      readonly field: string;
      readonly operator: Comparison;
      readonly value: Scalar;
    }
  /** Only in the condition of a write: compares the old row with attribute `newField` of the new one. */
  | {
      readonly kind: "compare-new";
      readonly field: string;
      readonly operator: Comparison;
      readonly newField: string;
    }
  | { readonly kind: "in"; readonly field: string; readonly values: readonly Scalar[] }
  | { readonly kind: "not-in"; readonly field: string; readonly values: readonly Scalar[] }
  /** Of arrays. */
  | { readonly kind: "contains"; readonly field: string; readonly value: Scalar }
  | { readonly kind: "contains-any"; readonly field: string; readonly values: readonly Scalar[] }
  | { readonly kind: "contains-all"; readonly field: string; readonly values: readonly Scalar[] }
  /** Of strings, uuids and string ids. */
  | { readonly kind: "prefix"; readonly field: string; readonly prefix: string }
  | {
      readonly kind: "glob" | "regex";
      readonly field: string;
      readonly pattern: string;
      readonly ignoreCase: boolean;
      /** Of a bound filter: shared by all its parts. */
      readonly cost?: FilterCost;
    }
  /** Levenshtein distance over code points of at most `distance` (0 to 2); `prefix`: of some prefix of the value. */
  | {
      readonly kind: "fuzzy";
      readonly field: string;
      readonly value: string;
      readonly distance: number;
      readonly prefix: boolean;
      readonly cost?: FilterCost;
    }
  /** Of text fields, by their analyzer; no token in the query: false. */
  | { readonly kind: "all-tokens"; readonly field: string; readonly query: string }
  | { readonly kind: "any-token"; readonly field: string; readonly query: string }
  | { readonly kind: "phrase"; readonly field: string; readonly query: string }
  | { readonly kind: "exists"; readonly field: string }
  | { readonly kind: "null"; readonly field: string };
