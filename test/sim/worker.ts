import { parentPort } from "node:worker_threads";
import { type RunReport, runSeed } from "../../src/sim/index.ts";

/** A thread that runs the seeds which it is given, and says what came of them. */
const port = parentPort;
port?.on("message", (seeds: readonly number[]) => {
  const run = async (): Promise<void> => {
    const reports: RunReport[] = [];
    for (const seed of seeds) {
      const report = await runSeed(seed);
      // Operations are many, and nobody asks for them here.
      reports.push({ ...report, scenario: { ...report.scenario, clients: [], faults: [] } });
    }
    port.postMessage(reports);
  };
  void run();
});
