import { unreachable } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { Scalar } from "../model/document.ts";
import { LIMITS } from "../model/limits.ts";
import { compareScalars } from "../model/order.ts";
import type { Schema } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { Column } from "../unit/ports.ts";
import { ExactSum } from "./exact-sum.ts";
import type { Aggregation, AggregationMetric } from "./query.ts";
import type { Group } from "./result.ts";
import { type Checkpoint, eachRow, type SearchSnapshot } from "./snapshot.ts";

/** Aggregates all matching rows. Groups: the most documents first, ties by key; "limit-exceeded" when there are too many to count. */
export async function aggregate(
  { metrics, groupBy, limit }: Aggregation,
  snapshot: SearchSnapshot,
  matching: readonly RowSet[],
  checkpoint: Checkpoint,
): Promise<readonly Group[]> {
  const groups = new Map<string, GroupState>();
  if (groupBy.length === 0) groups.set("[]", newGroup([], metrics));
  for (const [place, unit] of snapshot.units.entries()) {
    const rows = matching[place];
    if (rows === undefined || rows.isEmpty()) continue;
    await checkpoint.pass();
    const keys = await Promise.all(groupBy.map((field) => unit.column(field)));
    const fields = [...metrics.values()].map(({ field }) => field);
    const columns = await Promise.all(
      fields.map(async (field) => (field === undefined ? undefined : await unit.column(field))),
    );
    await eachRow(rows, checkpoint, (row) => {
      const key = keys.map((column) => scalarAt(column, row));
      groupOf(groups, key, metrics).add(columns, row);
    });
  }
  const sorted = [...groups.values()].sort((a, b) => b.documents - a.documents || compareKeys(a.key, b.key));
  return sorted.slice(0, limit).map((group) => group.result(groupBy, metrics, snapshot.schema));
}

function groupOf(
  groups: Map<string, GroupState>,
  key: readonly (Scalar | null)[],
  metrics: Aggregation["metrics"],
): GroupState {
  const name = keyName(key);
  const known = groups.get(name);
  if (known !== undefined) return known;
  if (groups.size === LIMITS.groups)
    throw new SearchError(
      "limit-exceeded",
      `there are more than ${LIMITS.groups} groups: filter further, or group by fewer attributes`,
      {
        limit: "groups",
        most: LIMITS.groups,
      },
    );
  const group = newGroup(key, metrics);
  groups.set(name, group);
  return group;
}

/** One text for equal keys. */
function keyName(key: readonly (Scalar | null)[]): string {
  return JSON.stringify(key.map((value) => (typeof value === "bigint" ? [String(value)] : value)));
}

function compareKeys(left: readonly (Scalar | null)[], right: readonly (Scalar | null)[]): number {
  for (const [i, a] of left.entries()) {
    const b = right[i] ?? null;
    if (a === null || b === null) {
      if (a === b) continue;
      return a === null ? 1 : -1;
    }
    const order = compareScalars(a, b) ?? 0;
    if (order !== 0) return order;
  }
  return 0;
}

function newGroup(key: readonly (Scalar | null)[], metrics: Aggregation["metrics"]): GroupState {
  return new GroupState(key, [...metrics.values()]);
}

class GroupState {
  readonly key: readonly (Scalar | null)[];
  documents = 0;
  readonly #states: readonly MetricState[];

  constructor(key: readonly (Scalar | null)[], metrics: readonly AggregationMetric[]) {
    this.key = key;
    this.#states = metrics.map((metric) => new MetricState(metric));
  }

  add(columns: readonly (Column | undefined)[], row: number): void {
    this.documents++;
    for (const [i, state] of this.#states.entries()) state.add(columns[i], row);
  }

  result(groupBy: readonly string[], metrics: Aggregation["metrics"], schema: Schema): Group {
    return {
      key: new Map(groupBy.map((field, i) => [field, this.key[i] ?? null])),
      values: new Map(
        [...metrics].map(([name, metric], i) => [
          name,
          this.#states[i]?.result(isWhole(metric, schema)) ?? null,
        ]),
      ),
    };
  }
}

function isWhole({ field }: AggregationMetric, schema: Schema): boolean {
  return field !== undefined && schema.attributes.get(field)?.type !== "float";
}

class MetricState {
  readonly #metric: AggregationMetric;
  #count = 0;
  readonly #sum = new ExactSum();
  #extreme: number | bigint | undefined;

  constructor(metric: AggregationMetric) {
    this.#metric = metric;
  }

  /** No column: every row counts. */
  add(column: Column | undefined, row: number): void {
    const value = column?.valueAt(row);
    if (column !== undefined && value === undefined) return;
    this.#count++;
    if (typeof value !== "number" && typeof value !== "bigint") return;
    switch (this.#metric.kind) {
      case "sum":
      case "avg":
        this.#sum.add(value);
        break;
      case "min":
        if (this.#extreme === undefined || value < this.#extreme) this.#extreme = value;
        break;
      case "max":
        if (this.#extreme === undefined || value > this.#extreme) this.#extreme = value;
        break;
      case "count":
        break;
      default:
        unreachable(this.#metric);
    }
  }

  /** Null: of no value. */
  result(whole: boolean): number | bigint | null {
    switch (this.#metric.kind) {
      case "count":
        return this.#count;
      case "sum":
        return this.#count === 0 ? null : this.#sum.result(whole);
      case "avg":
        return this.#count === 0 ? null : this.#sum.mean(whole, this.#count);
      case "min":
      case "max":
        return this.#extreme ?? null;
      default:
        return unreachable(this.#metric);
    }
  }
}

function scalarAt(column: Column, row: number): Scalar | null {
  const value = column.valueAt(row);
  return value === undefined || typeof value === "object" ? null : value;
}
