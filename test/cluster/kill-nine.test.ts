import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RegisterWorkload } from "../support/register-workload.ts";
import { pause, seeded } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster } from "../support/test-cluster.ts";

const BUCKET = "kill-nine";
const SIZES = [100, 5000, 40_000, 300_000, 5_000_000];
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);

/** Of the promise: an acknowledged write survives the loss of any one node, at any instant. */
describe("three processes under kill -9", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
    await cluster.s3(cluster.node(1)).send(new CreateBucketCommand({ Bucket: BUCKET }));
  }, 120_000);

  afterAll(() => cluster?.stop());

  it("nothing acknowledged is lost or changed while each node is killed in turn", {
    timeout: 240_000,
  }, async () => {
    console.log(`seed ${seed} (SKERRY_TEST_SEED=${seed} repeats the moments)`);
    const random = seeded(seed);
    const workload = new RegisterWorkload({
      clients: cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 })),
      bucket: BUCKET,
      keys: 12,
      readers: 4,
      sizes: SIZES,
    });
    workload.start();
    const recoveries: string[] = [];
    for (const node of [...cluster.nodes, await leaderOf(cluster)]) {
      await pause(500 + random() * 1500);
      await cluster.kill(node);
      await pause(1000 + random() * 2000);
      const begun = performance.now();
      cluster.launch(node);
      await cluster.ready(node);
      recoveries.push(
        `node ${node.number}: ready again after ${((performance.now() - begun) / 1000).toFixed(2)} s`,
      );
    }
    await pause(1000);
    const report = await workload.finish();
    console.log(`${report.puts} puts and ${report.gets} gets were answered; ${recoveries.join("; ")}`);
    console.log(`retryable failures: ${JSON.stringify(Object.fromEntries(report.retryable))}`);
    expect(report.violations).toEqual([]);
    expect(report.puts).toBeGreaterThan(100);
  });
});
