import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RegisterWorkload } from "../support/register-workload.ts";
import { pause } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster } from "../support/test-cluster.ts";

const BUCKET = "rolling";
const SIZES = [100, 5000, 300_000];

/** Of the promise: a planned restart of one node after the other loses nothing, and the leader hands over before it goes. */
describe("a rolling restart under load", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
    await cluster.s3(cluster.node(1)).send(new CreateBucketCommand({ Bucket: BUCKET }));
  }, 120_000);

  afterAll(() => cluster?.stop());

  it("loses no acknowledged write; the leader hands over", { timeout: 240_000 }, async () => {
    const workload = new RegisterWorkload({
      clients: cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 })),
      bucket: BUCKET,
      keys: 8,
      readers: 2,
      sizes: SIZES,
    });
    workload.start();
    const stalls: string[] = [];
    // The leader of the moment last, so that at least once a leader is stopped.
    const leader = await leaderOf(cluster);
    const others = cluster.nodes.filter((node) => node !== leader);
    for (const node of [...others, await leaderOf(cluster)]) {
      const wasLeading = (await leaderOf(cluster)) === node;
      const watching = longestStall(workload);
      await cluster.kill(node, "SIGTERM");
      expect(node.process?.exitCode, cluster.logTail(node)).toBe(0);
      await pause(500);
      stalls.push(
        `node ${node.number}${wasLeading ? " (leader)" : ""}: ${(await watching.end()).toFixed(0)} ms`,
      );
      if (wasLeading)
        expect(cluster.logTail(node)).toMatch(/"isHandedOver":true.*leadership before stopping/);
      cluster.launch(node);
      await cluster.ready(node);
    }
    const report = await workload.finish();
    console.log(
      `${report.puts} puts and ${report.gets} gets were answered; longest time without a write, by node that stopped: ${stalls.join("; ")}`,
    );
    console.log(`retryable failures: ${JSON.stringify(Object.fromEntries(report.retryable))}`);
    expect(report.violations).toEqual([]);
    expect(report.puts).toBeGreaterThan(50);
    expect(cluster.nodes.some((node) => /leadership before stopping/.test(cluster.logTail(node, 1e9)))).toBe(
      true,
    );
  });

  /** The longest time in which no put was acknowledged, from now until `end`. */
  function longestStall(workload: RegisterWorkload) {
    let [puts, sinceMs, longestMs] = [workload.puts, performance.now(), 0];
    const timer = setInterval(() => {
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - sinceMs);
      if (workload.puts !== puts) [puts, sinceMs] = [workload.puts, nowMs];
    }, 5);
    return {
      end: async () => {
        clearInterval(timer);
        return Math.max(longestMs, performance.now() - sinceMs);
      },
    };
  }
});
