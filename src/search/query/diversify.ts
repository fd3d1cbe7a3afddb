import type { Scalar } from "../model/document.ts";
import type { Column } from "../unit/ports.ts";
import type { Diversify } from "./query.ts";
import type { ScoredRow } from "./run-leg.ts";
import type { SearchSnapshot } from "./snapshot.ts";

/** Of rows in their order, the first `limit` of each value, until there are `most`. */
export async function diversify(
  { field, limit }: Diversify,
  snapshot: SearchSnapshot,
  ranked: readonly ScoredRow[],
  most: number,
): Promise<readonly ScoredRow[]> {
  const places = [...new Set(ranked.map(({ unit }) => unit))];
  const columns = new Map<number, Column>();
  await Promise.all(
    places.map(async (place) => {
      const unit = snapshot.units[place];
      if (unit !== undefined) columns.set(place, await unit.column(field));
    }),
  );
  const taken = new Map<Scalar | undefined, number>();
  const kept: ScoredRow[] = [];
  for (const row of ranked) {
    if (kept.length === most) break;
    const value = columns.get(row.unit)?.valueAt(row.row);
    const first = typeof value === "object" ? value[0] : value;
    const count = taken.get(first) ?? 0;
    if (count >= limit) continue;
    taken.set(first, count + 1);
    kept.push(row);
  }
  return kept;
}
