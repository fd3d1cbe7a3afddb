import type { Clock } from "../../platform/ports.ts";
import type { ReadCounters } from "../unit/ports.ts";
import type { Performance } from "./result.ts";
import type { SearchSnapshot } from "./snapshot.ts";

type Stage = "filterMs" | "legsMs" | "rankMs" | "aggregateMs" | "fetchMs";
type Counted = Pick<Performance, "documents" | "matching" | "candidates" | "exhaustive">;

/** What a query costs: milliseconds by stage, and what the units' counters grew by. Queries that run at once see each other's reads. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #snapshot: SearchSnapshot;
  readonly #startMs: number;
  readonly #before: readonly ReadCounters[];
  readonly #stages: Record<Stage, number> = { filterMs: 0, legsMs: 0, rankMs: 0, aggregateMs: 0, fetchMs: 0 };
  #lastMs: number;

  constructor(clock: Clock, snapshot: SearchSnapshot) {
    this.#clock = clock;
    this.#snapshot = snapshot;
    this.#startMs = clock.monotonicMs();
    this.#lastMs = this.#startMs;
    this.#before = snapshot.units.map(({ counters }) => ({ ...counters }));
  }

  /** What went by since the last lap was this stage. */
  lap(stage: Stage): void {
    const nowMs = this.#clock.monotonicMs();
    this.#stages[stage] += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
  }

  performance(counted: Counted): Performance {
    const grown = this.#snapshot.units.map(({ counters }, i) => {
      const before = this.#before[i] ?? counters;
      return {
        waves: counters.waves - before.waves,
        reads: counters.reads - before.reads,
        bytes: counters.bytes - before.bytes,
      };
    });
    return {
      units: grown.length,
      ...counted,
      // Units are read side by side.
      waves: Math.max(0, ...grown.map(({ waves }) => waves)),
      reads: grown.reduce((sum, { reads }) => sum + reads, 0),
      readBytes: grown.reduce((sum, { bytes }) => sum + bytes, 0),
      blobs: grown.filter(({ reads }) => reads > 0).length,
      ...this.#stages,
      totalMs: this.#lastMs - this.#startMs,
    };
  }
}
