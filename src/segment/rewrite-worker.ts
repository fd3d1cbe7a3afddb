import type { Worker } from "../background/index.ts";
import type { Clock, Timers } from "../platform/index.ts";
import type { SegmentStore } from "./ports.ts";

/** Bytes that one unit moves. */
const UNIT_BYTES = 16 * 1024 * 1024;

export interface RewriteWorkerOptions {
  readonly store: Pick<SegmentStore, "rewrite" | "status">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly bytesPerSecond: number;
  /** Told of bytes that were moved. */
  readonly onMoved: (bytes: number) => void;
}

/** Gives the space of half-dead segments back, at a rate; on a full disk too. */
export function rewriteWorker(options: RewriteWorkerOptions): Worker {
  const { store, clock, timers, bytesPerSecond, onMoved } = options;
  return {
    name: "segment-rewrite",
    idleMs: 60_000,
    runUnit: async (signal) => {
      const { writable, full } = store.status();
      if (!writable && !full) return "idle";
      const begunMs = clock.monotonicMs();
      const movedBytes = await store.rewrite(UNIT_BYTES, signal);
      if (movedBytes === 0) return "idle";
      onMoved(movedBytes);
      const restMs = (movedBytes / bytesPerSecond) * 1000 - (clock.monotonicMs() - begunMs);
      if (restMs > 0) await timers.sleep(restMs, signal);
      return "more";
    },
  };
}
