import type { RowSet } from "../rows/row-set.ts";
import type { Leg, Query } from "./query.ts";
import type { Explain } from "./result.ts";
import type { LegResult } from "./run-leg.ts";
import { type RowOfUnit, rowKey, type SearchSnapshot } from "./snapshot.ts";

export interface QueryRun {
  /** By unit. */
  readonly live: readonly RowSet[];
  readonly matching: readonly RowSet[];
  readonly legs: readonly LegResult[];
  /** Of the answer. */
  readonly rows: readonly RowOfUnit[];
}

/** The plan of a query and what it met. */
export function explainQuery(query: Query, { units }: SearchSnapshot, run: QueryRun): Explain {
  const { live, matching, legs, rows } = run;
  return {
    ranking: rankingName(query),
    ...(query.filter === undefined ? {} : { filter: query.filter.kind }),
    legs: legs.map(({ hits, units: parts }, i) => {
      const scores = new Map(hits.map((hit) => [rowKey(hit), hit.score]));
      return {
        leg: legName(query.legs[i]),
        candidates: parts.reduce((sum, part) => sum + part.candidates, 0),
        found: hits.length,
        scores: rows.map((row) => scores.get(rowKey(row)) ?? null),
      };
    }),
    units: units.map(({ name, rowCount }, i) => ({
      unit: name,
      rows: rowCount,
      live: live[i]?.count() ?? 0,
      matching: matching[i]?.count() ?? 0,
      legs: legs.flatMap((leg) => leg.units[i] ?? []),
    })),
  };
}

function legName(leg: Leg | undefined): string {
  if (leg === undefined) return "";
  if (leg.kind === "text") return `text (${leg.match})`;
  return leg.kind === "vector" ? `vector ${leg.field}${leg.exact ? " (exact)" : ""}` : `sparse ${leg.field}`;
}

function rankingName({ ranking, legs }: Query): string {
  if (ranking.kind === "order")
    return ["order", ...ranking.keys.map(({ field, direction }) => `${field} ${direction}`), "id"].join(", ");
  if (ranking.kind === "expression") return "expression";
  if (legs.length === 0) return "order, id";
  if (legs.length === 1) return "score of the leg";
  return ranking.kind === "rrf" ? `reciprocal rank fusion, k ${ranking.k}` : "weighted min-max fusion";
}
