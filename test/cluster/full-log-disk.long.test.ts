import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NodeDisk } from "../chaos/node-disk.ts";
import { contentOf, sha256Of } from "../support/content.ts";
import { skerry } from "../support/program.ts";
import { pause } from "../support/seeded.ts";
import { TestCluster } from "../support/test-cluster.ts";

const BUCKET = "full";
const DISK_BYTES = 96 * 1024 * 1024;
/** Inline: its bytes go through the log. */
const OBJECT_BYTES = 16_000;
/** More than what the log has prepared. */
const OBJECTS = 400;

/** Undefined when file systems can be mounted here; else why not. */
function cannotMount(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "skerry-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "skerry", directory], { stdio: "pipe" });
    execFileSync("umount", [directory], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `tmpfs cannot be mounted here: ${(error as Error).message}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const obstacle = cannotMount();
if (obstacle !== undefined) console.warn(`SKIPPED: a full disk of the log is not tested: ${obstacle}`);

/** Of the promise: a log that cannot be written costs one node, which says so, and nothing that was acknowledged. */
describe.skipIf(obstacle !== undefined)("a disk that is full", () => {
  let cluster: TestCluster;
  let disk: NodeDisk;

  beforeAll(async () => {
    cluster = await TestCluster.start({
      nodes: 3,
      environment: { SKERRY_RAFT_WAL_SEGMENT_SIZE: "1MiB", SKERRY_STORAGE_SEGMENT_SIZE: "8MiB" },
      onMade: (made) => {
        disk = new NodeDisk(join(made.directory, "node-3"), DISK_BYTES);
      },
    });
  }, 180_000);

  afterAll(async () => {
    await cluster?.killAll();
    disk?.unmount();
    await cluster?.stop();
  });

  it("stops the node with the reason; the others go on; with room it comes back", {
    timeout: 240_000,
  }, async () => {
    const node = cluster.node(3);
    const client = cluster.s3(cluster.node(1));
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    disk.fill();
    let acknowledged = 0;
    for (; acknowledged < OBJECTS; acknowledged++) {
      const key = `object-${acknowledged}`;
      await client.send(
        new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: contentOf(key, OBJECT_BYTES) }),
      );
    }
    const deadline = Date.now() + 60_000;
    while (node.process?.exitCode === null && node.process.signalCode === null) {
      if (Date.now() > deadline) throw new Error(`it goes on:\n${cluster.logTail(node)}`);
      await pause(50);
    }
    expect(node.process?.exitCode).toBe(1);
    expect(cluster.logTail(node, 1e6)).toMatch(/no space left.*the node cannot go on/i);

    // Still full: it says so, and nothing else.
    const again = await skerry(["server"], { env: cluster.environmentOf(node) });
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("is full")]);
    expect(again.stderr).not.toContain("    at ");

    disk.free();
    cluster.launch(node);
    await cluster.ready(node);
    for (let number = 0; number < acknowledged; number += 20) {
      const key = `object-${number}`;
      const read = await cluster.s3(node).send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      const bytes = (await read.Body?.transformToByteArray()) ?? new Uint8Array();
      expect(sha256Of(bytes), key).toBe(sha256Of(contentOf(key, OBJECT_BYTES)));
    }
  });
});
