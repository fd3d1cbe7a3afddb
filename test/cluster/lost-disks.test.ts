import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentOf, sha256Of } from "../support/content.ts";
import { skerry } from "../support/program.ts";
import { pause } from "../support/seeded.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const BUCKET = "lost-disks";
const OBJECTS = 40;
const EXIT_OPERATOR = 5;

/** Of the promise: a node that has forgotten what it promised never takes part as who it was, and damage is repaired from the others. */
describe("a node whose disk lost something", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3, environment: { SKERRY_RAFT_WAL_SEGMENT_SIZE: "1MiB" } });
    const client = cluster.s3(cluster.node(1));
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    for (let number = 0; number < OBJECTS; number++) await put(cluster.node(1), `object-${number}`);
  }, 180_000);

  afterAll(() => cluster?.stop());

  async function put(through: TestNode, key: string): Promise<void> {
    const body = contentOf(key, 9000);
    await cluster.s3(through).send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
  }

  async function expectAll(through: TestNode): Promise<void> {
    for (let number = 0; number < OBJECTS; number++) {
      const key = `object-${number}`;
      const read = await cluster.s3(through).send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      const bytes = (await read.Body?.transformToByteArray()) ?? new Uint8Array();
      expect(sha256Of(bytes), key).toBe(sha256Of(contentOf(key, 9000)));
    }
  }

  /** Starts the node, which must end by itself; gives the exit code and what it said since. */
  async function refused(
    node: TestNode,
  ): Promise<{ readonly exitCode: number | null; readonly said: string }> {
    const before = cluster.logTail(node, Number.MAX_SAFE_INTEGER).length;
    cluster.launch(node);
    const deadline = Date.now() + 60_000;
    while (node.process?.exitCode === null && node.process.signalCode === null) {
      if (Date.now() > deadline) throw new Error(`node ${node.number} goes on:\n${cluster.logTail(node)}`);
      await pause(50);
    }
    // What it said last arrives after its end.
    await pause(200);
    const said = cluster.logTail(node, Number.MAX_SAFE_INTEGER).slice(before);
    return { exitCode: node.process?.exitCode ?? null, said };
  }

  async function metric(node: TestNode, name: string): Promise<number> {
    const text = await (await fetch(`http://${node.host}:${node.metricsPort}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  }

  it("its log, damaged in the middle: it is fenced, repaired by the leader, and serves again", {
    timeout: 180_000,
  }, async () => {
    const node = cluster.node(2);
    await cluster.kill(node);
    for (const segment of segmentsOf(node)) flipInTheMiddle(segment);
    cluster.launch(node);
    await cluster.ready(node);
    const log = cluster.logTail(node, Number.MAX_SAFE_INTEGER);
    expect(log).toMatch(/"event":"fenced"/);
    expect(log).toMatch(/"event":"snapshot-installed"/);
    expect(await metric(node, "skerry_raft_log_damage_total")).toBe(1);
    expect(await metric(node, "skerry_raft_snapshots_installed_total")).toBeGreaterThan(0);
    await put(node, "after the damage");
    await untilUnfenced(node);
    await expectAll(node);
  });

  async function untilUnfenced(node: TestNode): Promise<void> {
    const deadline = Date.now() + 60_000;
    while ((await metric(node, "skerry_raft_fenced")) !== 0) {
      if (Date.now() > deadline)
        throw new Error(`node ${node.number} stays fenced:\n${cluster.logTail(node)}`);
      await pause(100);
    }
    expect(cluster.logTail(node, Number.MAX_SAFE_INTEGER)).toMatch(/"event":"fence-lifted"/);
  }

  it("its metadata: they are put aside and built again", { timeout: 180_000 }, async () => {
    const node = cluster.node(3);
    await cluster.kill(node);
    damageStore(join(node.directory, "state"));
    cluster.launch(node);
    await cluster.ready(node);
    expect(cluster.logTail(node, Number.MAX_SAFE_INTEGER)).toContain("put aside");
    expect(existsSync(join(node.directory, "state.damaged-1"))).toBe(true);
    expect(await metric(node, "skerry_state_rebuilds_total")).toBe(1);
    await expectAll(node);
  });

  it("everything, and an older copy of all of it in its place: refused while it runs, then at once; the right one starts", {
    timeout: 180_000,
  }, async () => {
    const node = cluster.node(2);
    const [older, newer] = [join(cluster.directory, "older-whole"), join(cluster.directory, "newer-whole")];
    await cluster.kill(node, "SIGTERM");
    cpSync(node.directory, older, { recursive: true });
    cluster.launch(node);
    await cluster.ready(node);
    await put(node, "since the copy");
    await cluster.kill(node, "SIGTERM");
    cpSync(node.directory, newer, { recursive: true });
    replaceTree(node.directory, older);
    for (let start = 0; start < 2; start++) {
      const { exitCode, said } = await refused(node);
      expect([exitCode, said]).toEqual([EXIT_OPERATOR, expect.stringContaining("older than the node")]);
      expect(said).toContain("skerry cluster remove node-2 --force");
      expect(said).not.toContain("RaftFatal");
    }
    replaceTree(node.directory, newer);
    cluster.launch(node);
    await cluster.ready(node);
    await expectAll(node);
  });

  it("its log, and an older one in its place: refused; with the right one it starts", {
    timeout: 180_000,
  }, async () => {
    const node = cluster.node(2);
    const log = join(node.directory, "raft");
    const [older, newer] = [join(cluster.directory, "older"), join(cluster.directory, "newer")];
    await cluster.kill(node, "SIGTERM");
    cpSync(log, older, { recursive: true });
    cluster.launch(node);
    await cluster.ready(node);
    await put(node, "since the backup");
    await cluster.kill(node, "SIGTERM");
    cpSync(log, newer, { recursive: true });
    replaceTree(log, older);
    const { exitCode, said } = await refused(node);
    expect([exitCode, said]).toEqual([EXIT_OPERATOR, expect.stringContaining("older than the node")]);
    expect(said).toContain("skerry cluster remove node-2 --force");
    expect(said).not.toContain("    at ");
    replaceTree(log, newer);
    cluster.launch(node);
    await cluster.ready(node);
    await expectAll(node);
  });

  it("everything but its identity: refused, with the command that fixes it, which does", {
    timeout: 240_000,
  }, async () => {
    const node = cluster.node(3);
    await cluster.kill(node);
    for (const name of readdirSync(node.directory)) {
      if (name !== "identity") rmSync(join(node.directory, name), { recursive: true });
    }
    const { exitCode, said } = await refused(node);
    expect([exitCode, said]).toEqual([
      EXIT_OPERATOR,
      expect.stringContaining("had a Raft log, and it is gone"),
    ]);
    const [, command = ""] = /run `skerry (cluster remove node-3 --force)`/.exec(said) ?? [];
    expect(command).not.toBe("");

    // All of it gone: the directory is nobody's, and its name is taken.
    rmSync(node.directory, { recursive: true });
    expect(await refused(node)).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining("belongs to no cluster yet"),
    });
    const token = await joinToken();
    const again = await skerry(["server", "--join-address", `${node.host}:${cluster.node(1).peerPort}`], {
      env: { ...cluster.environmentOf(node), SKERRY_JOIN_TOKEN: token },
    });
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain("skerry cluster remove NAME");

    // By force only once the node counts as dead.
    const remove = () => cluster.skerry(command.split(" "), cluster.node(1), 120_000);
    let removed = await remove();
    while (removed.exitCode === EXIT_OPERATOR && removed.stderr.includes("may come back"))
      removed = await remove();
    expect([removed.exitCode, removed.stdout.toString()]).toEqual([0, expect.stringContaining("is removed")]);
    rmSync(node.directory, { recursive: true, force: true });
    cluster.launch(node, { token: await joinToken(), through: cluster.node(1) });
    await cluster.ready(node);
    await expectAll(node);
  });

  async function joinToken(): Promise<string> {
    const made = await cluster.skerry(["cluster", "join-token", "--output", "json"], cluster.node(1));
    return (JSON.parse(made.stdout.toString()) as { token: string }).token;
  }
});

describe("a node that is alone", () => {
  it("with damaged metadata is refused, and nothing is changed", { timeout: 120_000 }, async () => {
    const cluster = await TestCluster.start({ nodes: 1 });
    try {
      const node = cluster.node(1);
      await cluster.kill(node, "SIGTERM");
      const state = join(node.directory, "state");
      damageStore(state);
      const before = readdirSync(node.directory);
      const ended = await skerry(["server"], { env: cluster.environmentOf(node) });
      expect([ended.exitCode, ended.stderr]).toEqual([
        EXIT_OPERATOR,
        expect.stringContaining("no other node"),
      ]);
      expect(ended.stderr).toContain("restore the whole data directory");
      expect(readdirSync(node.directory)).toEqual(before);
    } finally {
      await cluster.stop();
    }
  });

  it("without its log is refused, and not told to have itself removed", { timeout: 120_000 }, async () => {
    const cluster = await TestCluster.start({ nodes: 1 });
    try {
      const node = cluster.node(1);
      await cluster.kill(node, "SIGTERM");
      rmSync(join(node.directory, "raft"), { recursive: true });
      const { exitCode, stderr } = await skerry(["server"], { env: cluster.environmentOf(node) });
      expect([exitCode, stderr]).toEqual([
        EXIT_OPERATOR,
        expect.stringContaining("restore the whole data directory"),
      ]);
      expect(stderr).not.toContain("cluster remove");
    } finally {
      await cluster.stop();
    }
  });
});

function segmentsOf(node: TestNode): string[] {
  const directory = join(node.directory, "raft");
  return readdirSync(directory)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => join(directory, name));
}

/** Some bytes half way to the end of what was written; a segment that is still empty stays as it is. */
function flipInTheMiddle(path: string): void {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 256 && bytes[end - 1] === 0) end--;
  if (end < 2048) return;
  const middle = Math.floor(end / 2);
  for (let at = middle; at < middle + 16; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

/** What LevelDB begins with, of the live store. */
function damageStore(state: string): void {
  const store = readdirSync(state).find((name) => name.startsWith("store-")) ?? "";
  const manifest = readdirSync(join(state, store)).find((name) => name.startsWith("MANIFEST")) ?? "";
  const path = join(state, store, manifest);
  const bytes = readFileSync(path);
  writeFileSync(
    path,
    bytes.map((byte, at) => (at < 64 ? byte ^ 0xff : byte)),
  );
}

function replaceTree(path: string, by: string): void {
  rmSync(path, { recursive: true });
  cpSync(by, path, { recursive: true });
}
