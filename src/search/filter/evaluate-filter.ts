import { RowSet } from "../rows/row-set.ts";
import type { Filter } from "./filter.ts";

/** A filter without filters inside. */
export type LeafFilter = Exclude<Filter, { readonly kind: "and" | "or" | "not" }>;

/** The rows of a unit that pass, from those of the leaves: all leaves are asked at once. The answer is the caller's. */
export async function evaluateFilter(
  filter: Filter,
  rowCount: number,
  rowsOf: (leaf: LeafFilter) => Promise<RowSet>,
): Promise<RowSet> {
  switch (filter.kind) {
    case "and":
    case "or": {
      const parts = await Promise.all(filter.filters.map((part) => evaluateFilter(part, rowCount, rowsOf)));
      if (filter.kind === "and")
        return parts.reduce((all, part) => all.intersectWith(part), RowSet.full(rowCount));
      return parts.reduce((all, part) => all.uniteWith(part), RowSet.empty(rowCount));
    }
    case "not":
      return (await evaluateFilter(filter.filter, rowCount, rowsOf)).complement();
    default:
      return await rowsOf(filter);
  }
}
