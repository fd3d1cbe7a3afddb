/** Of the promise: one command is a whole cluster, its end is the end of all of it, and started again it goes on. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, describe, expect, it } from "vitest";
import { freePorts } from "../../src/platform/node/index.ts";
import { contentOf, sha256Of } from "../support/content.ts";
import { type Running, startSkerryProgram } from "../support/program.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-dev-"));
const BODY = contentOf("dev", 200_000);
const KEYS = {
  SKERRY_ROOT_ACCESS_KEY: "SKDEVACCESSKEY",
  SKERRY_ROOT_SECRET_KEY: "a-secret-for-dev-only",
  SKERRY_ROOT_API_KEY: "sk_an-api-key-for-dev-only",
};

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Dev {
  readonly s3Port: number;
  readonly apiPort: number;
  readonly dataDirectory: string;
  start(): Running;
}

async function dev(nodes: number): Promise<Dev> {
  const [s3 = 0, api = 0, metrics = 0] = await freePorts(3, nodes);
  const [peer = 0] = await freePorts(1, 2 * nodes);
  const dataDirectory = join(directory, `${nodes}-nodes`);
  const flags = Object.entries({
    "--nodes": nodes,
    "--data-dir": dataDirectory,
    "--s3-port": s3,
    "--api-port": api,
    "--metrics-port": metrics,
    "--peer-port": peer,
  }).flatMap(([name, value]) => [name, String(value)]);
  const env = { ...KEYS, SKERRY_BUCKETS: "first,second" };
  return {
    s3Port: s3,
    apiPort: api,
    dataDirectory,
    start: () => startSkerryProgram(["dev", ...flags], { env, timeoutMs: 120_000 }),
  };
}

async function withClient<T>(port: number, use: (client: S3Client) => Promise<T>): Promise<T> {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: {
      accessKeyId: KEYS.SKERRY_ROOT_ACCESS_KEY,
      secretAccessKey: KEYS.SKERRY_ROOT_SECRET_KEY,
    },
  });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

/** Processes that run with this text among their arguments. */
function processesOf(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });
}

describe.each([
  [1, "SIGINT", "SIGTERM"],
  [3, "SIGTERM", "SIGINT"],
] as const)("skerry dev --nodes %d", (nodes, firstSignal, secondSignal) => {
  it(`is ready, ends with ${firstSignal} or ${secondSignal}, and goes on`, { timeout: 120_000 }, async () => {
    const cluster = await dev(nodes);
    const first = cluster.start();
    try {
      await first.says("Skerry is ready");
      expect(first.output).toContain(KEYS.SKERRY_ROOT_ACCESS_KEY);
      for (let index = 0; index < nodes; index++) {
        expect((await fetch(`http://127.0.0.1:${cluster.apiPort + index}/readyz`)).status).toBe(200);
        await withClient(cluster.s3Port + index, async (client) => {
          const { Buckets } = await client.send(new ListBucketsCommand({}));
          expect(Buckets?.map(({ Name }) => Name)).toEqual(["first", "second"]);
          await client.send(new PutObjectCommand({ Bucket: "first", Key: `of-${index}`, Body: BODY }));
        });
      }
      // The starter and its nodes.
      expect(processesOf(cluster.dataDirectory)).toHaveLength(1 + nodes);
    } finally {
      first.child.kill(firstSignal);
    }
    expect(await first.ended).toMatchObject({ exitCode: 0, signal: null });
    expect(processesOf(cluster.dataDirectory)).toEqual([]);

    const second = cluster.start();
    try {
      await second.says("Skerry is ready");
      for (let index = 0; index < nodes; index++) {
        await withClient(cluster.s3Port + index, async (client) => {
          const Key = `of-${(index + 1) % nodes}`;
          const { Body } = await client.send(new GetObjectCommand({ Bucket: "first", Key }));
          expect(sha256Of((await Body?.transformToByteArray()) ?? new Uint8Array())).toBe(sha256Of(BODY));
        });
      }
    } finally {
      second.child.kill(secondSignal);
    }
    expect(await second.ended).toMatchObject({ exitCode: 0, signal: null });
    expect(processesOf(cluster.dataDirectory)).toEqual([]);
  });
});

describe("skerry dev", () => {
  it("leaves no node behind when it is killed", { timeout: 60_000 }, async () => {
    const cluster = await dev(1);
    const started = cluster.start();
    try {
      await started.says("Skerry is ready");
    } finally {
      started.child.kill("SIGKILL");
    }
    await expect.poll(() => processesOf(cluster.dataDirectory), { timeout: 30_000 }).toEqual([]);
  });

  it("shows the keys of a new cluster also when the start fails, and names nodes that are left out", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const data = join(directory, "failing");
    mkdirSync(join(data, "node-2/identity"), { recursive: true });
    writeFileSync(join(data, "node-2/identity/node.json"), "{}");
    const [api, metrics] = await freePorts(2);
    const [peer] = await freePorts(1, 2);
    const ports = Object.entries({
      "--s3-port": (taken.address() as AddressInfo).port,
      "--api-port": api,
      "--metrics-port": metrics,
      "--peer-port": peer,
    }).flatMap(([name, port]) => [name, String(port)]);
    try {
      const args = ["dev", "--nodes", "1", "--data-dir", data, ...ports];
      const ended = await startSkerryProgram(args, { timeoutMs: 60_000 }).ended;
      expect(ended).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("node-2 will not be started"),
      });
      expect(ended.stdout.toString()).toMatch(/Access key +\S+\n +Secret key +\S+\n +API key +sk_\S+\n/);
    } finally {
      taken.close();
    }
  });

  it.each([
    ["--nodes", "0"],
    ["--nodes", "10"],
    ["--nodes", "three"],
    ["--s3-port", "70000"],
  ])("refuses %s %s", async (flag, value) => {
    const ended = await startSkerryProgram(["dev", "--data-dir", join(directory, "none"), flag, value], {
      timeoutMs: 60_000,
    }).ended;
    expect([ended.exitCode, ended.stderr.includes(flag)]).toEqual([2, true]);
  });
});
