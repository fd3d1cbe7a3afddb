import { SearchError } from "../errors.ts";
import type { Scalar } from "../model/document.ts";
import { LIMITS } from "../model/limits.ts";
import { compareScalars } from "../model/order.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { Facet } from "./query.ts";
import type { FacetCount } from "./result.ts";
import { type Checkpoint, eachRow, type SearchSnapshot } from "./snapshot.ts";

/** How many of the matching rows have each value: the most frequent first, ties by value. */
export async function countFacet(
  { field, limit }: Facet,
  snapshot: SearchSnapshot,
  matching: readonly RowSet[],
  checkpoint: Checkpoint,
): Promise<readonly FacetCount[]> {
  const counts = new Map<Scalar, number>();
  for (const [place, unit] of snapshot.units.entries()) {
    const rows = matching[place];
    if (rows === undefined || rows.isEmpty()) continue;
    await checkpoint.pass();
    const column = await unit.column(field);
    await eachRow(rows, checkpoint, (row) => {
      const value = column.valueAt(row);
      if (value === undefined) return;
      for (const one of typeof value === "object" ? new Set(value) : [value])
        counts.set(one, (counts.get(one) ?? 0) + 1);
      if (counts.size > LIMITS.facetDistinct)
        throw new SearchError(
          "limit-exceeded",
          `"${field}" has more than ${LIMITS.facetDistinct} different values among the matching documents`,
          {
            limit: "facetDistinct",
            most: LIMITS.facetDistinct,
            field,
          },
        );
    });
  }
  return Array.from(counts, ([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (compareScalars(a.value, b.value) ?? 0))
    .slice(0, limit);
}
