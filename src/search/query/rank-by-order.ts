import { compareIds, type DocumentId, type Scalar } from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import { ID_FIELD } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { OrderCursor } from "./cursor.ts";
import type { OrderKey } from "./query.ts";
import { type Checkpoint, eachRow, type RowOfUnit, type SearchSnapshot } from "./snapshot.ts";
import { firstRows, idsOfRows } from "./sort-rows.ts";

/** A row with its values of the keys; null: it has none. */
export interface OrderedRow extends RowOfUnit {
  readonly values: readonly (Scalar | null)[];
}

export interface OrderRun {
  readonly snapshot: SearchSnapshot;
  /** By unit. */
  readonly matching: readonly RowSet[];
  readonly most: number;
  /** Only rows after it. */
  readonly after: OrderCursor | undefined;
  readonly checkpoint: Checkpoint;
}

/** The first rows in the order of the keys, ties by document id. */
export async function rankByOrder(keys: readonly OrderKey[], run: OrderRun): Promise<readonly OrderedRow[]> {
  const { snapshot, most, checkpoint } = run;
  const order = {
    most,
    compare: (left: OrderedRow, right: OrderedRow) => compareByKeys(keys, left.values, right.values),
    checkpoint,
  };
  const firsts: OrderedRow[] = [];
  for (const unit of snapshot.units.keys()) {
    await checkpoint.pass();
    const rows = await rowsAfter(keys, await rowsOfUnit(keys, run, unit), run);
    firsts.push(...(await firstRows(snapshot, rows, order)));
  }
  return await firstRows(snapshot, firsts, order);
}

/** Negative: `left` comes first. */
export function compareByKeys(
  keys: readonly OrderKey[],
  left: readonly (Scalar | null)[],
  right: readonly (Scalar | null)[],
): number {
  for (const [i, key] of keys.entries()) {
    const [a = null, b = null] = [left[i], right[i]];
    if (a === null || b === null) {
      if (a === b) continue;
      return (a === null) === (key.missing === "first") ? -1 : 1;
    }
    const order = key.field === ID_FIELD ? compareIdValues(a, b) : (compareScalars(a, b) ?? 0);
    if (order !== 0) return key.direction === "asc" ? order : -order;
  }
  return 0;
}

function compareIdValues(left: Scalar, right: Scalar): number {
  return compareIds(left as DocumentId, right as DocumentId);
}

async function rowsOfUnit(keys: readonly OrderKey[], run: OrderRun, place: number): Promise<OrderedRow[]> {
  const unit = run.snapshot.units[place];
  const matching = run.matching[place];
  if (unit === undefined || matching === undefined || matching.isEmpty()) return [];
  const isById = keys.some(({ field }) => field === ID_FIELD);
  const ids = isById ? await unit.documentIds(matching.toRows()) : [];
  const columns = await Promise.all(
    keys.map(async ({ field }) => (field === ID_FIELD ? undefined : await unit.column(field))),
  );
  const ordered: OrderedRow[] = [];
  await eachRow(matching, run.checkpoint, (row) => {
    const values = columns.map((column) => {
      const value = column === undefined ? ids[ordered.length] : column.valueAt(row);
      return value === undefined || typeof value === "object" ? null : value;
    });
    ordered.push({ unit: place, row, values });
  });
  return ordered;
}

async function rowsAfter(
  keys: readonly OrderKey[],
  rows: readonly OrderedRow[],
  { after, snapshot }: OrderRun,
): Promise<readonly OrderedRow[]> {
  if (after === undefined) return rows;
  const order = (row: OrderedRow) => compareByKeys(keys, row.values, after.values);
  const later = rows.filter((row) => order(row) > 0);
  const tied = rows.filter((row) => order(row) === 0);
  const ids = await idsOfRows(snapshot, tied);
  return later.concat(tied.filter((_, i) => compareIds(ids[i] as DocumentId, after.id) > 0));
}
