import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SkerryClient } from "../../src/client/index.ts";
import { NamespaceWorkload } from "../support/namespace-workload.ts";
import { pause, seeded } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster } from "../support/test-cluster.ts";

const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env["SKERRY_TEST_ROUNDS"] ?? 6);
const CALL_TIMEOUT_MS = 15_000;
/** Longer than a lease that its holder did not live to give back. */
const INDEXED_TIMEOUT_MS = 120_000;

/** Of the promise: what was acknowledged to writers of namespaces stays, once, whichever node is killed while it leads, serves, flushes or merges. */
describe("namespaces while nodes are killed", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    // Small and frequent, so that there is always a flush or a merge to be killed in.
    const environment = { SKERRY_SEARCH_FLUSH_AFTER: "300ms", SKERRY_SEARCH_FLUSH_SIZE: "64KiB" };
    cluster = await TestCluster.start({ nodes: 3, environment });
  }, 120_000);

  afterAll(() => cluster?.stop());

  it("show one history through every node", { timeout: 400_000 }, async () => {
    console.log(`seed ${seed} (SKERRY_TEST_SEED=${seed} repeats the choices)`);
    const random = seeded(seed);
    const clients = cluster.nodes.map(
      (node) =>
        new SkerryClient({
          endpoint: cluster.endpointOf(node),
          apiKey: cluster.apiKey,
          maxAttempts: 1,
          timeoutMs: CALL_TIMEOUT_MS,
        }),
    );
    const workload = new NamespaceWorkload({
      clients,
      random,
      project: "failover/test",
      writers: 4,
      readers: 3,
    });
    await workload.start();
    for (let round = 0; round < ROUNDS; round++) {
      await pause(1000 + 2000 * random());
      // Every second time the leader; else any node, which may be the one that indexes.
      const victim = round % 2 === 0 ? await leaderOf(cluster) : cluster.node(1 + Math.floor(random() * 3));
      await cluster.kill(victim);
      await pause(2000 * random());
      cluster.launch(victim);
      await cluster.ready(victim);
    }
    await workload.stop();
    await workload.indexed(INDEXED_TIMEOUT_MS);
    console.log(JSON.stringify(workload.counts));
    expect(workload.violations()).toEqual([]);
    expect(workload.counts).toMatchObject({ batches: expect.any(Number), branches: expect.any(Number) });
  });
});
