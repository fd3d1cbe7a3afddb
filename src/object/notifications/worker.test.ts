/** The promise: a destination is told of every change that a rule is about, in order and at least once, over failures and changes of leader. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";
import { TrimOplogSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type NotificationRule, notificationsDocument } from "../index.ts";
import type { BodySource } from "../ports.ts";
import { OWNER, SingleNode } from "../testing/single-node.ts";
import { type NotificationOptions, notificationWorker } from "./worker.ts";

const BUCKET = "told";
const signal = new AbortController().signal;
const HOUR_MS = 3_600_000;

let nowMs: number;
let node: SingleNode;
let sent: string[];
let outcomes: string[];
let isDown: boolean;

beforeEach(async () => {
  nowMs = 1_700_000_000_000;
  sent = [];
  outcomes = [];
  isDown = false;
  node = await SingleNode.create(() => nowMs);
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
});

function make(more: Partial<NotificationOptions> = {}) {
  return notificationWorker({
    metadata: node.metadata,
    isLeader: () => true,
    clock: { wallMs: () => nowMs },
    timers: { sleep: () => new Promise(() => undefined) },
    region: "eu",
    destinations: ["hook"],
    send: async (destination, message) => {
      if (isDown) throw new Error("down");
      const { Records } = JSON.parse(new TextDecoder().decode(message)) as {
        Records: { eventName: string; s3: { object: { key: string } } }[];
      };
      for (const { eventName, s3 } of Records) sent.push(`${destination} ${eventName} ${s3.object.key}`);
    },
    giveUpAfterMs: HOUR_MS,
    onEvents: (outcome, destination, count) => outcomes.push(`${outcome} ${destination} ${count}`),
    ...more,
  });
}

async function run(worker: ReturnType<typeof make>): Promise<void> {
  while ((await worker.runUnit(signal)) === "more");
}

function rule(more: Partial<NotificationRule> = {}): NotificationRule {
  return {
    id: "rule",
    kind: "queue",
    arn: "arn:aws:sqs:::hook",
    events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    filters: [],
    ...more,
  };
}

/** As the handler of PutBucketNotificationConfiguration does. */
async function configure(...rules: NotificationRule[]) {
  const before = await node.objects.getBucketConfiguration({ bucket: BUCKET, kind: "notification" });
  const configuration = notificationsDocument({ rules }, before);
  return node.objects.putBucketConfiguration({ bucket: BUCKET, kind: "notification", configuration });
}

function put(key: string) {
  async function* pieces() {
    yield new Uint8Array(3);
  }
  const body: BodySource = { sizeBytes: 3, bytes: pieces(), expected: {} };
  const attributes = {
    contentType: "text/plain",
    headers: new Map<string, string>(),
    userMetadata: new Map<string, string>(),
    storageClass: "STANDARD",
  };
  return node.objects.putObject({ bucket: BUCKET, key, body, attributes, owner: OWNER, signal });
}

describe("a destination", () => {
  it("is told of what its rules are about, from their time on, in order", async () => {
    await run(make());
    await put("before");
    await configure(
      rule({
        filters: [
          { name: "prefix", value: "a/" },
          { name: "suffix", value: ".txt" },
        ],
      }),
    );
    const worker = make();
    await put("a/1.txt");
    await put("a/1.bin");
    await put("b/1.txt");
    await node.objects.deleteObject({ bucket: BUCKET, key: "a/1.txt" });
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put a/1.txt", "hook ObjectRemoved:Delete a/1.txt"]);
    await run(worker);
    expect(sent).toHaveLength(2);
    expect(await node.violations()).toEqual([]);
  });

  it("that is new is told of what comes from then on", async () => {
    await configure(rule());
    await put("a");
    const worker = make();
    await run(worker);
    expect(sent).toEqual([]);
    await put("b");
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put b"]);
  });

  it("that does not answer is asked again later, and loses nothing", async () => {
    const worker = make();
    await run(worker);
    await configure(rule());
    await put("a");
    isDown = true;
    await run(worker);
    await put("b");
    isDown = false;
    await run(worker);
    expect(sent).toEqual([]);
    nowMs += 1_000;
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put a", "hook ObjectCreated:Put b"]);
    expect(outcomes).toEqual(["delivered hook 2"]);
  });

  it("that never answers is given up for what is too old, and not for what is new", async () => {
    const worker = make();
    await run(worker);
    await configure(rule());
    await put("old");
    isDown = true;
    await run(worker);
    nowMs += HOUR_MS;
    await run(worker);
    expect(outcomes).toEqual(["given-up hook 1"]);
    await put("new");
    await run(worker);
    isDown = false;
    nowMs += HOUR_MS / 2;
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put new"]);
  });

  it("that does not answer keeps no other one waiting", async () => {
    const worker = make({
      destinations: ["hook", "other"],
      send: async (destination) => {
        if (destination === "hook") throw new Error("down");
        sent.push(destination);
      },
    });
    await run(worker);
    await configure(
      rule({ filters: [{ name: "prefix", value: "a" }] }),
      rule({ id: "2", arn: "arn:aws:sns:::other", filters: [{ name: "prefix", value: "b" }] }),
    );
    await put("a");
    await put("b");
    await run(worker);
    expect(sent).toEqual(["other"]);
  });
});

describe("a destination that hangs", () => {
  const two = () =>
    configure(
      rule({ filters: [{ name: "prefix", value: "a" }] }),
      rule({ id: "2", arn: "arn:aws:sns:::other", filters: [{ name: "prefix", value: "b" }] }),
    );

  it("keeps no other one waiting, and is not told twice at once", async () => {
    let takes: () => void = () => undefined;
    let asked = 0;
    // Time passes at once: a unit that has nothing else to do ends.
    const timers = { sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };
    const worker = make({
      timers,
      destinations: ["hook", "other"],
      send: (destination) => {
        sent.push(destination);
        if (destination === "other") return Promise.resolve();
        asked += 1;
        return new Promise((resolve) => {
          takes = resolve;
        });
      },
    });
    await run(worker);
    await two();
    await put("a");
    await put("b1");
    await run(worker);
    await put("b2");
    await run(worker);
    expect(sent.filter((name) => name === "other")).toHaveLength(2);
    expect(asked).toBe(1);
    takes();
    await run(worker);
    await run(worker);
    expect(outcomes).toContain("delivered hook 1");
    expect(asked).toBe(1);
  });

  it("is called off by whoever leads no more, and what it was told counts as not told", async () => {
    let isLeader = true;
    let reason: unknown;
    const worker = make({
      isLeader: () => isLeader,
      timers: { sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) },
      send: (_, __, calledOff) =>
        new Promise((_resolve, reject) => {
          calledOff.addEventListener("abort", () => {
            reason = calledOff.reason;
            reject(new Error("called off"));
          });
        }),
    });
    await run(worker);
    await configure(rule());
    await put("a");
    await run(worker);
    isLeader = false;
    await run(worker);
    expect(reason).toBeDefined();
    expect(outcomes).toEqual([]);
    await run(make());
    expect(sent).toEqual(["hook ObjectCreated:Put a"]);
  });
});

describe("rules that are put again while events wait", () => {
  const later = rule({ id: "later", events: ["s3:ObjectTagging:*"] });

  it("lose nothing where they are the same, whatever else is in the document and what they are called", async () => {
    const worker = make();
    await run(worker);
    await configure(rule());
    await put("a");
    await configure(rule(), later);
    await put("b");
    await configure(later, rule({ id: "renamed", events: ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"] }));
    await put("c");
    await run(worker);
    expect(sent).toEqual(["a", "b", "c"].map((key) => `hook ObjectCreated:Put ${key}`));
  });

  it("begin anew where they ask for something else, or were not there meanwhile", async () => {
    const worker = make();
    await run(worker);
    await configure(rule());
    await put("a");
    await configure(rule({ filters: [{ name: "prefix", value: "b" }] }));
    await put("b1");
    await configure(later);
    await put("b2");
    await configure(rule());
    await put("c");
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put c"]);
  });

  it("begin with their document where an earlier version wrote it", async () => {
    const worker = make();
    await run(worker);
    await configure(rule());
    await put("a");
    const configuration = notificationsDocument({ rules: [rule()] });
    await node.objects.putBucketConfiguration({ bucket: BUCKET, kind: "notification", configuration });
    await put("b");
    await configure(rule(), later);
    await run(worker);
    expect(sent).toEqual(["hook ObjectCreated:Put b"]);
  });
});

describe("the next leader", () => {
  it("goes on where the last one was", async () => {
    const first = make();
    await run(first);
    await configure(rule());
    await put("a");
    await run(first);
    await put("b");
    await run(make());
    expect(sent).toEqual(["hook ObjectCreated:Put a", "hook ObjectCreated:Put b"]);
  });

  it("tells once more what the last one could not write down", async () => {
    const first = make();
    await run(first);
    await configure(rule());
    await put("a");
    const { metadata } = node;
    const dying = make({
      metadata: {
        view: metadata.view,
        barrier: () => metadata.barrier(),
        submit: () => Promise.reject(new Error("gone")),
      },
    });
    await expect(run(dying)).rejects.toThrow("gone");
    await run(make());
    expect(sent).toEqual(["hook ObjectCreated:Put a", "hook ObjectCreated:Put a"]);
  });

  it("keeps the positions of destinations that only others know, as long as there is something to tell", async () => {
    const both = { destinations: ["hook", "other"] };
    await run(make(both));
    await configure(
      rule({ filters: [{ name: "prefix", value: "a" }] }),
      rule({ id: "2", arn: "arn:aws:sqs:::other", filters: [{ name: "prefix", value: "b" }] }),
    );
    await put("b");
    await put("a");
    await run(make());
    await run(make(both));
    expect(sent.sort()).toEqual(["hook ObjectCreated:Put a", "other ObjectCreated:Put b"]);
  });

  it("is the only one that tells", async () => {
    await run(make());
    await configure(rule());
    await put("a");
    await run(make({ isLeader: () => false }));
    expect(sent).toEqual([]);
  });
});

it("what the log of changes does not hold any more is counted as lost", async () => {
  const worker = make();
  await run(worker);
  await configure(rule());
  await put("a");
  const { next } = node.metadata.view.oplogBounds();
  await node.metadata.submit({ case: "trimOplog", value: create(TrimOplogSchema, { belowSequence: next }) });
  await put("b");
  await run(worker);
  expect(sent).toEqual(["hook ObjectCreated:Put b"]);
  expect(outcomes[0]).toBe("lost hook 2");
});

it("a message is what S3 sends", async () => {
  const messages: unknown[] = [];
  const worker = make({
    send: async (_, message) => {
      messages.push(JSON.parse(new TextDecoder().decode(message)));
    },
  });
  await run(worker);
  await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
  await configure(rule());
  const { versionId, etag } = await put("a b/größe+");
  await run(worker);
  const sequencer = expect.stringMatching(/^[0-9A-F]{16}$/) as string;
  expect(messages).toEqual([
    {
      Records: [
        {
          eventVersion: "2.1",
          eventSource: "aws:s3",
          awsRegion: "eu",
          eventTime: new Date(nowMs).toISOString(),
          eventName: "ObjectCreated:Put",
          userIdentity: { principalId: "" },
          requestParameters: { sourceIPAddress: "" },
          responseElements: {},
          s3: {
            s3SchemaVersion: "1.0",
            configurationId: "rule",
            bucket: {
              name: BUCKET,
              ownerIdentity: { principalId: OWNER.id },
              arn: `arn:aws:s3:::${BUCKET}`,
            },
            object: { key: "a+b/gr%C3%B6%C3%9Fe%2B", size: 3, eTag: etag, versionId, sequencer },
          },
        },
      ],
    },
  ]);
});
