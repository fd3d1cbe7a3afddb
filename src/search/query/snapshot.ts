import type { Clock } from "../../platform/ports.ts";
import { SearchError } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { QueryOptions } from "./query.ts";

/** What a query runs on: the units of a namespace at one version. */
export interface SearchSnapshot {
  readonly schema: Schema;
  readonly units: readonly SearchUnit[];
}

/** A row of one of the units; `unit` is the unit's place in the snapshot. */
export interface RowOfUnit {
  readonly unit: number;
  readonly row: number;
}

/** One number for a row of a snapshot. */
export function rowKey({ unit, row }: RowOfUnit): number {
  return unit * 2 ** 32 + row;
}

/** For so long a query keeps the thread to itself, in milliseconds. */
const SLICE_MS = 8;

/** What a running query asks now and then: whether it should go on, and whether it is the turn of others. */
export class Checkpoint {
  readonly #clock: Clock;
  readonly #options: QueryOptions;
  #turnMs: number;

  constructor(clock: Clock, options: QueryOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#turnMs = clock.monotonicMs();
  }

  /** Rejects with "cancelled" or "deadline-exceeded". */
  async pass(): Promise<void> {
    const nowMs = this.#check();
    const { pause } = this.#options;
    if (pause === undefined || nowMs - this.#turnMs < SLICE_MS) return;
    await pause();
    this.#turnMs = this.#check();
  }

  #check(): number {
    const { signal, deadlineMs } = this.#options;
    if (signal?.aborted === true) throw new SearchError("cancelled", "the query was given up");
    const nowMs = this.#clock.monotonicMs();
    if (deadlineMs !== undefined && nowMs >= deadlineMs)
      throw new SearchError("deadline-exceeded", "the query's deadline passed");
    return nowMs;
  }
}

/** Rows that are looked at without asking. */
export const SLICE_ROWS = 4_096;

/** Visits every row of a set, with a checkpoint now and then. */
export async function eachRow(
  rows: RowSet,
  checkpoint: Checkpoint,
  visit: (row: number) => void,
): Promise<void> {
  const all = rows.toRows();
  for (let first = 0; first < all.length; first += SLICE_ROWS) {
    await checkpoint.pass();
    const end = Math.min(all.length, first + SLICE_ROWS);
    for (let i = first; i < end; i++) visit(all[i]!);
  }
}
