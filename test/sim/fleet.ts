import { Worker } from "node:worker_threads";
import type { RunReport } from "../../src/sim/index.ts";

/** Seeds that a thread is given at a time. */
const BATCH = 8;

export interface FleetOptions {
  /** The first seed, and the one behind the last. */
  readonly from: number;
  readonly end: number;
  readonly jobs: number;
  readonly onReport: (report: RunReport) => void;
  /** The thread that ran these seeds ended: some of them were not judged. */
  readonly onLost: (seeds: readonly number[], error: Error) => void;
}

/** Runs seeds on threads, until all have been run. A thread that dies, for want of memory say, is replaced. */
export async function runFleet({ from, end, jobs, onReport, onLost }: FleetOptions): Promise<void> {
  let next = from;
  const takeBatch = (): number[] => Array.from({ length: Math.min(BATCH, end - next) }, () => next++);
  const work = (): Promise<"done" | "lost"> =>
    new Promise((resolve) => {
      const thread = new Worker(new URL("./worker.ts", import.meta.url));
      let seeds: number[] = [];
      const feed = (): void => {
        seeds = takeBatch();
        if (seeds.length > 0) thread.postMessage(seeds);
        else void thread.terminate().then(() => resolve("done"));
      };
      thread.on("error", (error: Error) => {
        onLost(seeds, error);
        resolve("lost");
      });
      thread.on("message", (reports: readonly RunReport[]) => {
        for (const report of reports) onReport(report);
        feed();
      });
      feed();
    });
  const keepWorking = async (): Promise<void> => {
    while ((await work()) === "lost");
  };
  await Promise.all(Array.from({ length: jobs }, keepWorking));
}
