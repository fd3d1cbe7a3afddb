import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RegisterWorkload } from "../support/register-workload.ts";
import { pause } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const BUCKET = "membership";
const SIZES = [100, 5000];
/** A machine that does much else at the same time moves copies slowly. */
const REMOVE_SECONDS = 120;

interface Status {
  readonly nodes: readonly { readonly name: string; readonly state: string; readonly health: string }[];
  readonly raft: { readonly voters: readonly number[]; readonly leaderNodeId: number };
}

/** Of the promise: every node of a cluster can be replaced while it serves, and nothing that was acknowledged is lost. */
describe("a cluster whose nodes come and go", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
    await cluster.s3(cluster.node(1)).send(new CreateBucketCommand({ Bucket: BUCKET }));
  }, 120_000);

  afterAll(() => cluster?.stop());

  async function status(through: TestNode): Promise<Status> {
    const { stdout, stderr } = await cluster.skerry(["cluster", "status", "--output", "json"], through);
    if (stdout.length === 0) throw new Error(stderr);
    return JSON.parse(stdout.toString()) as Status;
  }

  it("three nodes are replaced by three others, one by one, under load", { timeout: 600_000 }, async () => {
    const clients = cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 }));
    const workload = new RegisterWorkload({
      clients,
      bucket: BUCKET,
      keys: 6,
      readers: 2,
      sizes: SIZES,
    });
    workload.start();
    for (const old of cluster.nodes.slice(0, 3)) {
      const through = cluster.nodes.at(-1)!;
      const added = await cluster.grow(through);
      workload.addClient(cluster.s3(added, { maxAttempts: 1 }));
      workload.removeClient(clients[old.number - 1]!);
      const removed = await cluster.skerry(
        ["cluster", "remove", `node-${old.number}`, "--timeout", String(REMOVE_SECONDS), "--output", "json"],
        added,
        (REMOVE_SECONDS + 30) * 1000,
      );
      expect([removed.exitCode, removed.stderr]).toEqual([0, ""]);
      await endsByItself(old);
      expect(old.process?.exitCode, cluster.logTail(old)).toBe(5);
      expect(cluster.logTail(old)).toContain("removed from the cluster");
    }
    const report = await workload.finish();
    console.log(`${report.puts} puts and ${report.gets} gets were answered`);
    console.log(`retryable failures: ${JSON.stringify(Object.fromEntries(report.retryable))}`);
    expect(report.violations).toEqual([]);
    expect(report.puts).toBeGreaterThan(50);
    const { raft, nodes } = await status(cluster.node(6));
    expect(raft.voters).toEqual([4, 5, 6]);
    expect(nodes.map(({ name }) => name)).toEqual(["node-4", "node-5", "node-6"]);
  });

  it("a removed node is refused when it is started again, and says why", async () => {
    const old = cluster.node(1);
    cluster.launch(old);
    await endsByItself(old);
    expect(old.process?.exitCode).toBe(5);
    expect(cluster.logTail(old)).toContain("the cluster has removed node-1");
    expect(cluster.logTail(old, 600)).toContain("skerry cluster add");
  });

  it("what would lose redundancy or quorum is refused, with a reason and an advice", async () => {
    const through = cluster.node(4);
    const drained = await cluster.skerry(["cluster", "drain", "node-5"], through);
    expect(drained.exitCode).toBe(5);
    expect(drained.stderr).toMatch(
      /2 active storage nodes are left for 3 copies.*what to do: add a node first/s,
    );
    const alive = await cluster.skerry(["cluster", "remove", "node-5", "--force"], through);
    expect([alive.exitCode, alive.stderr]).toEqual([5, expect.stringContaining("node-5 answers")]);
    const unknown = await cluster.skerry(["cluster", "remove", "node-9"], through);
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      4,
      expect.stringContaining("there are node-4, node-5, node-6"),
    ]);
  });

  it("leadership is handed to whom an operator names", async () => {
    const leader = await leaderOf(cluster);
    const target = cluster.nodes.slice(3).find((node) => node !== leader)!;
    const { exitCode, stdout } = await cluster.skerry(
      ["cluster", "transfer", `node-${target.number}`, "--output", "json"],
      target,
    );
    expect([exitCode, JSON.parse(stdout.toString())]).toMatchObject([0, { leaderNodeId: target.number }]);
    expect((await status(target)).raft.leaderNodeId).toBe(target.number);
    const learner = await cluster.skerry(["cluster", "transfer", "node-7"], target);
    expect(learner.exitCode).toBe(4);
  });

  it("a dead node is removed by force when another one has taken its place", {
    timeout: 240_000,
  }, async () => {
    const added = await cluster.grow(cluster.node(4));
    const dead = cluster.node(6);
    await cluster.kill(dead);
    await untilState(added, "node-6", ({ health }) => health === "dead");
    const removed = await cluster.skerry(
      ["cluster", "remove", "node-6", "--force", "--output", "json"],
      added,
    );
    expect([removed.exitCode, removed.stderr]).toEqual([0, ""]);
    const { raft } = await status(added);
    expect(raft.voters).toEqual([4, 5, 7]);
    // It comes back, is told, and stops.
    cluster.launch(dead);
    await endsByItself(dead);
    expect(dead.process?.exitCode, cluster.logTail(dead)).toBe(5);
  });

  async function untilState(
    through: TestNode,
    name: string,
    isThere: (node: { readonly health: string }) => boolean,
  ): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const { nodes } = await status(through);
      const node = nodes.find((each) => each.name === name);
      if (node !== undefined && isThere(node)) return;
      if (Date.now() > deadline) throw new Error(`${name} is ${JSON.stringify(node)}`);
      await pause(200);
    }
  }

  /** Rejects after two minutes. */
  async function endsByItself(node: TestNode): Promise<void> {
    const deadline = Date.now() + 120_000;
    while (node.process?.exitCode === null && node.process.signalCode === null) {
      if (Date.now() > deadline) throw new Error(`node ${node.number} goes on:\n${cluster.logTail(node)}`);
      await pause(50);
    }
  }
});
