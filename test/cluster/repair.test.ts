import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentOf, sha256Of } from "../support/content.ts";
import { pause, seeded } from "../support/seeded.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const BUCKET = "repair";
const SIZES = [20_000, 70_000, 300_000, 1_500_000, 5_000_000];
const OBJECTS = 40;
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
const random = seeded(seed);

/** Of the promise: bytes are verified on every read, damaged ones are repaired from a good copy, and a lost node costs no redundancy for long. */
describe("four processes that lose bytes", () => {
  let cluster: TestCluster;
  const objects = new Map<string, Buffer>();
  let storedBytes = 0;

  beforeAll(async () => {
    console.log(`seed ${seed} (SKERRY_TEST_SEED=${seed} repeats the damage)`);
    cluster = await TestCluster.start({
      nodes: 4,
      environment: {
        // Longer than a node takes to start again on a busy machine: else its copies are made on the fourth node, and stay there.
        SKERRY_REPAIR_LOSS_DELAY: "20s",
        SKERRY_SCRUB_INTERVAL: "2s",
        SKERRY_SCRUB_BYTES_PER_SECOND: "1GiB",
        SKERRY_STORAGE_INVENTORY_INTERVAL: "2s",
      },
    });
    const client = cluster.s3(cluster.node(1));
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    for (let number = 0; number < OBJECTS; number++) {
      const body = Buffer.from(contentOf(`object ${number}`, SIZES[number % SIZES.length] ?? 0));
      const key = `object-${number}`;
      objects.set(key, body);
      storedBytes += body.length;
      await cluster
        .s3(cluster.node(1 + (number % 4)))
        .send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
    }
    await untilHeld(cluster.nodes, 3 * storedBytes);
  }, 180_000);

  afterAll(() => cluster?.stop());

  /** The sum of a metric over its labels, as one node shows it. */
  async function metric(node: TestNode, name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${node.metricsPort}/metrics`)).text();
    const lines = text
      .split("\n")
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /** Waits until these nodes are recorded for so many bytes and no blob has too few copies. Rejects after two minutes. */
  async function untilHeld(nodes: readonly TestNode[], bytes: number): Promise<void> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const held = await Promise.all(nodes.map((node) => metric(node, "skerry_repair_held_bytes")));
      const missing = await metric(nodes[0]!, "skerry_repair_under_replicated_blobs");
      const sum = held.reduce((total, each) => total + each, 0);
      if (sum === bytes && missing === 0) return;
      if (Date.now() > deadline) {
        const logs = nodes.map((node) => cluster.logTail(node, 1500)).join("\n");
        throw new Error(
          `held ${held.join(" + ")} of ${bytes}, ${missing} blobs have too few copies\n${logs}`,
        );
      }
      await pause(200);
    }
  }

  async function expectReadable(nodes: readonly TestNode[]): Promise<void> {
    for (const node of nodes) {
      const client = cluster.s3(node);
      for (const [key, body] of objects) {
        const read = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
        const bytes = (await read.Body?.transformToByteArray()) ?? new Uint8Array();
        expect(sha256Of(bytes), `${key} from node ${node.number}`).toBe(sha256Of(body));
      }
    }
  }

  it("flipped bits in a segment are found, never served, and repaired", { timeout: 180_000 }, async () => {
    const victim = cluster.node(2);
    const flipped = flipBits(victim, 30);
    console.log(`${flipped} bits were flipped on node 2`);
    await expectReadable(cluster.nodes);
    const deadline = Date.now() + 60_000;
    const found = async () =>
      (await metric(victim, "skerry_scrub_bad_chunks_total")) +
      (await metric(victim, "skerry_segment_damage_total"));
    while ((await found()) === 0) {
      expect(Date.now(), cluster.logTail(victim)).toBeLessThan(deadline);
      await pause(200);
    }
    // Two cycles later everything has been read once more.
    await pause(6_000);
    await untilHeld(cluster.nodes, 3 * storedBytes);
    expect(await metric(victim, "skerry_repair_copied_bytes_total")).toBeGreaterThan(0);
    await expectReadable(cluster.nodes);
  });

  it("a node whose segments are gone gets them back", { timeout: 180_000 }, async () => {
    const victim = cluster.node(3);
    await cluster.kill(victim);
    rmSync(join(victim.directory, "segments"), { recursive: true });
    cluster.launch(victim);
    await cluster.ready(victim);
    await expectReadable([victim]);
    // What is missing is counted before it is reported: only the copies show that repair has begun.
    const deadline = Date.now() + 60_000;
    while ((await metric(victim, "skerry_repair_copied_bytes_total")) === 0) {
      expect(Date.now(), cluster.logTail(victim)).toBeLessThan(deadline);
      await pause(200);
    }
    await untilHeld(cluster.nodes, 3 * storedBytes);
    expect(await metric(victim, "skerry_inventory_missing_chunks_total")).toBeGreaterThan(0);
    await expectReadable(cluster.nodes);
  });

  it("the copies of a node that never comes back are made anew on the others", {
    timeout: 180_000,
  }, async () => {
    await cluster.kill(cluster.node(4));
    const others = cluster.nodes.slice(0, 3);
    await untilHeld(others, 3 * storedBytes);
    await expectReadable(others);
  });
});

/** Flips single bits in the chunks of a node's segment files; how many. */
function flipBits(node: TestNode, count: number): number {
  const directory = join(node.directory, "segments", "segments");
  const files = readdirSync(directory).filter((name) => name.endsWith(".seg"));
  for (let flip = 0; flip < count; flip++) {
    const file = openSync(join(directory, files[flip % files.length] ?? ""), "r+");
    try {
      const { size } = fstatSync(file);
      const position = 4096 + Math.floor(random() * (size - 4096));
      const byte = Buffer.alloc(1);
      readSync(file, byte, 0, 1, position);
      byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8));
      writeSync(file, byte, 0, 1, position);
    } finally {
      closeSync(file);
    }
  }
  return count;
}
