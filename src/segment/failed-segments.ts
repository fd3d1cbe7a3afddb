import type { Clock } from "../platform/index.ts";

/** How long a segment that could not be read is left alone: a bad sector stays bad, and each try may take the disk seconds. */
const REST_MS = 10 * 60_000;

/** Segments that could not be read lately: whoever looks for space passes them over and goes on with the others. */
export class FailedSegments {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #untilMs = new Map<number, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  add(segmentId: number): void {
    this.#untilMs.set(segmentId, this.#clock.monotonicMs() + REST_MS);
  }

  /** Whether it failed less than `REST_MS` ago. */
  has(segmentId: number): boolean {
    const untilMs = this.#untilMs.get(segmentId);
    if (untilMs === undefined) return false;
    if (this.#clock.monotonicMs() < untilMs) return true;
    this.#untilMs.delete(segmentId);
    return false;
  }
}
