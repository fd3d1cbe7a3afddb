import type { Filter } from "../filter/filter.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { Column } from "../unit/ports.ts";
import { type ExpressionRow, evaluateExpression, partsOfExpression } from "./evaluate-expression.ts";
import type { RankExpression } from "./expression.ts";
import type { LegResult, ScoredRow } from "./run-leg.ts";
import { type Checkpoint, type RowOfUnit, rowKey, type SearchSnapshot, SLICE_ROWS } from "./snapshot.ts";

export interface ExpressionRun {
  readonly snapshot: SearchSnapshot;
  /** By unit: what is ranked when there is no leg. */
  readonly matching: readonly RowSet[];
  readonly legs: readonly LegResult[];
  readonly checkpoint: Checkpoint;
}

/** The rows of the legs, or all matching rows without legs, with their scores, in no order. */
export async function rankByExpression(
  expression: RankExpression,
  run: ExpressionRun,
): Promise<readonly ScoredRow[]> {
  const { snapshot, matching, legs, checkpoint } = run;
  const scores = legs.map(({ hits }) => new Map(hits.map((hit) => [rowKey(hit), hit.score])));
  const rows = legs.length === 0 ? allRows(matching) : rowsOfLegs(legs);
  const sources = await Promise.all(snapshot.units.map((_, unit) => unitSource(expression, run, unit)));
  const ranked: ScoredRow[] = [];
  for (const { unit, row } of rows) {
    if (ranked.length % SLICE_ROWS === 0) await checkpoint.pass();
    const source = sources[unit];
    if (source === undefined) continue;
    const key = rowKey({ unit, row });
    const values: ExpressionRow = {
      legScore: (leg) => scores[leg]?.get(key) ?? 0,
      attribute: (field) => source.columns.get(field)?.valueAt(row),
      passes: (filter) => source.filters.get(filter)?.has(row) ?? false,
    };
    ranked.push({ unit, row, score: evaluateExpression(expression, values) });
  }
  return ranked;
}

interface UnitSource {
  readonly columns: ReadonlyMap<string, Column>;
  readonly filters: ReadonlyMap<Filter, RowSet>;
}

async function unitSource(
  expression: RankExpression,
  { snapshot: { units }, checkpoint }: ExpressionRun,
  place: number,
): Promise<UnitSource> {
  const columns = new Map<string, Column>();
  const filters = new Map<Filter, RowSet>();
  const unit = units[place];
  const parts = unit === undefined ? [] : [...partsOfExpression(expression)];
  await Promise.all(
    parts.map(async (part) => {
      if (unit === undefined) return;
      if (part.kind === "attribute") columns.set(part.field, await unit.column(part.field));
      if (part.kind === "filter")
        filters.set(part.filter, await unit.filterRows(part.filter, () => checkpoint.pass()));
    }),
  );
  return { columns, filters };
}

function* allRows(matching: readonly RowSet[]): Generator<RowOfUnit> {
  for (const [unit, rows] of matching.entries()) for (const row of rows.toRows()) yield { unit, row };
}

function rowsOfLegs(legs: readonly LegResult[]): Iterable<RowOfUnit> {
  const rows = new Map<number, RowOfUnit>();
  for (const { hits } of legs) for (const hit of hits) rows.set(rowKey(hit), hit);
  return rows.values();
}
