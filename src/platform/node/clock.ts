import type { Clock } from "../ports.ts";

/** The machine's clocks. The monotonic one is the same on all threads of the process. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    // Not performance.now(): that counts from the start of the calling thread.
    return Number(process.hrtime.bigint()) / 1e6;
  }

  wallMs(): number {
    return Date.now();
  }
}
