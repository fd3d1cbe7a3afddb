/**
 * Of the promises of what works behind the requests, with real nodes whose leader is killed: webhooks are told of every change, in order; access logs hold every request that a node
 * answered which lives on, once; rules remove what is due, once, and nothing else.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketLoggingCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRetryable } from "../support/register-workload.ts";
import { pause, seeded } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const DAY_SECONDS = 5;
const LOG_INTERVAL_SECONDS = 2;
const PATIENCE_MS = 90_000;
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
const random = seeded(seed);

interface Told {
  readonly key: string;
  readonly sequencer: string;
}

/** A webhook that refuses one message in five, and takes one in ten but breaks the connection before it says so. */
class Webhook {
  /** In the order in which they were taken. */
  readonly told: Told[] = [];
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () => {
        const chance = random();
        if (chance < 0.2) {
          response.writeHead(503).end();
          return;
        }
        this.#take(Buffer.concat(pieces).toString("utf8"));
        if (chance < 0.3) request.socket.destroy();
        else response.writeHead(200).end();
      });
    });
  }

  #take(message: string): void {
    const { Records } = JSON.parse(message) as {
      Records: { s3: { object: { key: string; sequencer: string } } }[];
    };
    for (const { s3 } of Records) this.told.push(s3.object);
  }

  /** Each change the first time that it was told of. */
  get firsts(): readonly Told[] {
    const seen = new Set<string>();
    return this.told.filter(({ sequencer }) => !seen.has(sequencer) && seen.add(sequencer));
  }
}

describe(`what works behind the requests, while the leader is killed (SKERRY_TEST_SEED=${seed})`, () => {
  const webhook = new Webhook();
  let cluster: TestCluster;
  let client: S3Client;

  beforeAll(async () => {
    await new Promise<void>((listening) => webhook.server.listen(0, "127.0.0.1", listening));
    const { port } = webhook.server.address() as AddressInfo;
    cluster = await TestCluster.start({
      nodes: 3,
      environment: {
        SKERRY_NOTIFICATIONS_DESTINATIONS: `sink=http://127.0.0.1:${port}/`,
        SKERRY_NOTIFICATIONS_SIGNING_KEY: "a-key-for-these-tests-only",
        SKERRY_ACCESS_LOGS_INTERVAL: `${LOG_INTERVAL_SECONDS}s`,
        SKERRY_LIFECYCLE_DAY_SECONDS: String(DAY_SECONDS),
        SKERRY_LIFECYCLE_ALLOW_SHORT_DAYS: "true",
      },
    });
    client = cluster.s3(cluster.node(1), { maxAttempts: 10 });
  }, 180_000);

  afterAll(async () => {
    client?.destroy();
    webhook.server.closeAllConnections();
    webhook.server.close();
    await cluster?.stop();
  });

  it("webhooks are told of every change, in order", { timeout: 240_000 }, async () => {
    const Bucket = "told";
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: {
          QueueConfigurations: [{ QueueArn: "arn:aws:sqs:::sink", Events: ["s3:ObjectCreated:*"] }],
        },
      }),
    );
    const acknowledged: string[] = [];
    const unknown: string[] = [];
    const write = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        const key = `k-${String(acknowledged.length + unknown.length).padStart(6, "0")}`;
        const isDone = await attempt(Bucket, key);
        (isDone ? acknowledged : unknown).push(key);
      }
    };
    for (let round = 0; round < 3; round++) {
      await write(20 + Math.floor(random() * 30));
      const leader = await leaderOf(cluster);
      const killed = cluster.kill(leader);
      await write(20);
      await killed;
      await revive(leader);
    }
    await write(10);
    await until("every acknowledged change was told", () => {
      const keys = new Set(webhook.told.map(({ key }) => key));
      return acknowledged.every((key) => keys.has(key));
    });
    const { firsts } = webhook;
    console.log(
      `${acknowledged.length} changes, ${unknown.length} unknown; told ${webhook.told.length} times`,
    );
    expect(firsts.map(({ sequencer }) => sequencer)).toEqual(
      firsts.map(({ sequencer }) => sequencer).toSorted(),
    );
    const told = firsts.map(({ key }) => key).filter((key) => acknowledged.includes(key));
    // A change whose answer was lost may have been made twice by the client's own retries: the first counts.
    expect([...new Set(told)]).toEqual(acknowledged);
  });

  it("access logs hold each request of a living node once", { timeout: 240_000 }, async () => {
    const [Bucket, target] = ["logged", "logs"];
    for (const name of [Bucket, target]) await client.send(new CreateBucketCommand({ Bucket: name }));
    await allowDelivery(target);
    const LoggingEnabled = { TargetBucket: target, TargetPrefix: "log/" };
    await client.send(new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } }));
    await pause(1000);
    const leader = await leaderOf(cluster);
    const answered: string[] = [];
    const others = cluster.nodes.filter((node) => node !== leader);
    const clients = others.map((node) => cluster.s3(node, { maxAttempts: 1 }));
    const endMs = performance.now() + 3 * LOG_INTERVAL_SECONDS * 1000;
    const working = clients.map(async (each) => {
      while (performance.now() < endMs) {
        try {
          const { $metadata } = await each.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
          answered.push($metadata.requestId ?? "");
        } catch (error) {
          if (!isRetryable(error)) throw error;
        }
        await pause(10);
      }
    });
    // While both of the others are delivering, or about to.
    await pause(LOG_INTERVAL_SECONDS * 1000 * (0.8 + random()));
    await cluster.kill(leader);
    await Promise.all(working);
    await revive(leader);
    for (const each of clients) each.destroy();
    let lines: readonly string[] = [];
    await until("every answered request stands in a log", async () => {
      lines = await logLines(target);
      const logged = new Set(lines);
      return answered.every((id) => logged.has(id));
    });
    console.log(`${answered.length} requests, ${lines.length} records`);
    expect(answered.length).toBeGreaterThan(20);
    const times = new Map<string, number>();
    for (const id of lines) times.set(id, (times.get(id) ?? 0) + 1);
    expect(answered.filter((id) => times.get(id) !== 1)).toEqual([]);
  });

  it("rules remove what is due once, and nothing else", { timeout: 240_000 }, async () => {
    const Bucket = "expiring";
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
    const count = 120;
    for (let at = 0; at < count; at++) {
      await client.send(new PutObjectCommand({ Bucket, Key: `old/${at}`, Body: "x" }));
      if (at % 4 === 0) await client.send(new PutObjectCommand({ Bucket, Key: `kept/${at}`, Body: "x" }));
    }
    await client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: {
          Rules: [{ ID: "old", Status: "Enabled", Filter: { Prefix: "old/" }, Expiration: { Days: 1 } }],
        },
      }),
    );
    // Twice: wherever the rule is by then.
    for (let round = 0; round < 2; round++) {
      await pause(DAY_SECONDS * 1000 * (0.2 + random()));
      const leader = await leaderOf(cluster);
      await cluster.kill(leader);
      await revive(leader);
    }
    await until("nothing old is left", async () => (await keysOf(Bucket, "old/")).length === 0);
    // A day more, in which nothing may happen to what has been done.
    await pause(DAY_SECONDS * 1000);
    const { Versions = [], DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket, MaxKeys: 1000 }),
    );
    expect(DeleteMarkers.length).toBe(count);
    expect(new Set(DeleteMarkers.map(({ Key }) => Key)).size).toBe(count);
    expect(Versions.filter(({ Key }) => Key?.startsWith("old/")).length).toBe(count);
    expect((await keysOf(Bucket, "kept/")).length).toBe(count / 4);
  });

  /** False: nobody knows. */
  async function attempt(Bucket: string, Key: string): Promise<boolean> {
    const node = cluster.nodes[Math.floor(random() * cluster.nodes.length)] ?? cluster.node(1);
    const one = cluster.s3(node, { maxAttempts: 1 });
    try {
      await one.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
      return true;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      await pause(100);
      return false;
    } finally {
      one.destroy();
    }
  }

  async function revive(node: TestNode): Promise<void> {
    cluster.launch(node);
    await cluster.ready(node);
  }

  async function keysOf(Bucket: string, Prefix: string): Promise<string[]> {
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return keys;
  }

  /** Request ids of all records. */
  async function logLines(Bucket: string): Promise<readonly string[]> {
    const ids: string[] = [];
    for (const Key of await keysOf(Bucket, "log/")) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      const text = (await Body?.transformToString()) ?? "";
      for (const line of text.split("\n").filter((each) => each !== "")) {
        // Owner, bucket, [time zone], address, requester, request id.
        ids.push(line.split(" ")[6] ?? "");
      }
    }
    return ids;
  }

  async function allowDelivery(Bucket: string): Promise<void> {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "logging.s3.amazonaws.com" },
          Action: "s3:PutObject",
          Resource: `arn:aws:s3:::${Bucket}/log/*`,
        },
      ],
    });
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  }
});

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to this: ${what}`);
    await pause(250);
  }
}
