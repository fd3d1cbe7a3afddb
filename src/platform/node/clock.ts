import type { Clock } from "../ports.ts";

/** The machine's clocks. The monotonic one is the same on all threads of the process. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    // Not performance.now(): that counts from the start of the calling thread.
    // In two numbers, for a bigint is an object more.
    const now = process.hrtime();
    return now[0] * 1e3 + now[1] / 1e6;
  }

  wallMs(): number {
    return Date.now();
  }
}
