import { expect, it } from "vitest";
import { runScenario } from "./run.ts";
import { CALM } from "./scenario/settings.ts";
import type { PlannedClient } from "./workload/plan.ts";

/** Longer than the cluster is given to recover: who waits for it once has failed. */
const GRACE_MS = 190_000;
const CLIENTS = 3;

/** Overwrites a few keys without a pause, with bytes that are cut into chunks. */
function overwriter(client: number): PlannedClient {
  const operations = Array.from({ length: 400 }, (_, at) => ({
    kind: "put" as const,
    key: at % 3,
    sizeBytes: 3000,
    condition: "none" as const,
    id: client * 1000 + at,
    waitMs: 100,
    node: (at % 7) / 7,
  }));
  return { client, operations };
}

it("all nodes are replaced one by one under constant overwrites, without waiting for the grace of what was overwritten", async () => {
  const report = await runScenario({
    seed: "replace all",
    settings: {
      ...CALM,
      isFormedAnew: false,
      safetyMs: 30_000,
      clients: CLIENTS,
      keys: 3,
      inlineBytes: 0,
      chunkBytes: 1024,
      deleteGraceMs: GRACE_MS,
    },
    faults: [0, 1, 2].map((node) => ({ kind: "replace", node, id: node, atMs: 1000 + node })),
    clients: Array.from({ length: CLIENTS }, (_, client) => overwriter(client)),
  });
  expect(
    report.failure,
    `${report.failure?.message}\n${report.failure?.tail.slice(-30).join("\n")}`,
  ).toBeUndefined();
  expect(report.coverage.get("node replaced as planned")).toBe(3);
}, 120_000);
