import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../../src/platform/node/index.ts";
import { contentOf, sha256Of } from "../support/content.ts";
import { skerry } from "../support/program.ts";
import { RegisterWorkload } from "../support/register-workload.ts";
import { pause } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const SIZES = [100, 40_000, 300_000, 5_000_000];

/** Makes a tree immutable, so that even root's writes to files that are open already fail; or takes that back. */
function setImmutable(path: string, immutable: boolean): void {
  execFileSync("chattr", ["-R", immutable ? "+i" : "-i", path], { stdio: "pipe" });
}

/** Undefined when this machine can make files immutable; else why not. */
function cannotFreeze(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "skerry-frozen-"));
  try {
    writeFileSync(join(directory, "file"), "1");
    setImmutable(directory, true);
    try {
      writeFileSync(join(directory, "file"), "2");
      return "an immutable file can be written to here";
    } catch {
      return undefined;
    } finally {
      setImmutable(directory, false);
    }
  } catch (error) {
    return `chattr +i does not work here: ${(error as Error).message}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const obstacle = cannotFreeze();
if (obstacle !== undefined) console.warn(`SKIPPED: a disk that becomes read-only is not tested: ${obstacle}`);

/** Of the promise: a disk that takes no more writes costs one node, and nothing that was acknowledged. */
describe.skipIf(obstacle !== undefined)("a disk that becomes read-only", () => {
  let cluster: TestCluster;
  const frozen = new Set<string>();

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
  }, 120_000);

  afterEach(() => {
    for (const path of frozen) thaw(path);
  });

  afterAll(() => cluster?.stop());

  function freeze(path: string): void {
    frozen.add(path);
    setImmutable(path, true);
  }

  function thaw(path: string): void {
    setImmutable(path, false);
    frozen.delete(path);
  }

  /** Waits until the process has ended by itself. Rejects after a minute. */
  async function endsByItself(node: TestNode): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (node.process?.exitCode === null && node.process.signalCode === null) {
      if (Date.now() > deadline) throw new Error(`node ${node.number} goes on:\n${cluster.logTail(node)}`);
      await pause(50);
    }
  }

  it.each(["leader", "follower"])(
    "of the %s: it stops, the others go on, and it comes back",
    {
      timeout: 180_000,
    },
    async (role) => {
      const leader = await leaderOf(cluster);
      const victim = role === "leader" ? leader : cluster.nodes.find((node) => node !== leader);
      if (victim === undefined) throw new Error("a cluster has followers");
      const clients = cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 }));
      const bucket = `read-only-${role}`;
      await clients[0]?.send(new CreateBucketCommand({ Bucket: bucket }));
      const workload = new RegisterWorkload({ clients, bucket, keys: 8, readers: 3, sizes: SIZES });
      workload.start();
      await untilMore(workload, 20);
      freeze(victim.directory);
      await endsByItself(victim);
      expect(victim.process?.exitCode, cluster.logTail(victim)).not.toBe(0);
      expect(cluster.logTail(victim)).toContain("the node cannot go on");
      // Two of three nodes are a quorum.
      await untilMore(workload, 20);

      const refused = await skerry(["server"], { env: cluster.environmentOf(victim) });
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toMatch(/cannot be written to|read-only/);
      expect(refused.stderr).not.toContain("    at ");

      thaw(victim.directory);
      cluster.launch(victim);
      await cluster.ready(victim);
      await untilMore(workload, 20);
      const report = await workload.finish();
      console.log(`${report.puts} puts and ${report.gets} gets were answered`);
      console.log(`retryable failures: ${JSON.stringify(Object.fromEntries(report.retryable))}`);
      expect(report.violations).toEqual([]);
      const client = clients[victim.number - 1];
      const body = contentOf(`after ${role}`, 300_000);
      await client?.send(new PutObjectCommand({ Bucket: bucket, Key: "after", Body: body }));
      const read = await client?.send(new GetObjectCommand({ Bucket: bucket, Key: "after" }));
      expect(sha256Of((await read?.Body?.transformToByteArray()) ?? new Uint8Array())).toBe(sha256Of(body));
      for (const each of clients) each.destroy();
    },
  );
});

/** Waits until the workload has had `more` puts answered. Rejects after a minute. */
async function untilMore(workload: RegisterWorkload, more: number): Promise<void> {
  const wanted = workload.puts + more;
  const deadline = Date.now() + 60_000;
  while (workload.puts < wanted) {
    if (Date.now() > deadline) throw new Error(`${workload.puts} puts of ${wanted} were answered`);
    await pause(20);
  }
}

describe.skipIf(obstacle !== undefined)("a directory that cannot be written to", () => {
  it("is refused when a cluster is founded in it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-frozen-"));
    try {
      setImmutable(directory, true);
      const [port] = await freePorts(1, 2);
      const env = { SKERRY_PEER_LISTEN: `127.0.0.1:${port}` };
      for (const dataDirectory of [directory, join(directory, "below")]) {
        const ended = await skerry(["cluster", "init"], {
          env: { ...env, SKERRY_NODE_DATA_DIR: dataDirectory },
        });
        expect([ended.exitCode, ended.stdout.toString()]).toEqual([1, ""]);
        expect(ended.stderr).toContain("cannot be written to");
        expect(ended.stderr).not.toContain("    at ");
      }
    } finally {
      setImmutable(directory, false);
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
