import type { Clock } from "../../platform/ports.ts";
import { SearchError } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
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

/** What a running query asks now and then: whether it should go on. */
export class Checkpoint {
  readonly #clock: Clock;
  readonly #options: QueryOptions;

  constructor(clock: Clock, options: QueryOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Throws "cancelled" or "deadline-exceeded". */
  pass(): void {
    const { signal, deadlineMs } = this.#options;
    if (signal?.aborted === true) throw new SearchError("cancelled", "the query was given up");
    if (deadlineMs !== undefined && this.#clock.monotonicMs() >= deadlineMs)
      throw new SearchError("deadline-exceeded", "the query's deadline passed");
  }
}
