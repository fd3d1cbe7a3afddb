import { createHash } from "node:crypto";
import { PassThrough } from "node:stream";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause } from "../support/seeded.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const BUCKET = "kept-still";
const SLOW_BYTES = 300_000;

interface Mode {
  readonly state: string;
  readonly waitingNodeIds: readonly number[];
  readonly writesUnderWay: number;
}

/** Of the promise: in maintenance nothing that clients store changes, on any node, whatever restarts meanwhile; what was begun before ends well. */
describe("the maintenance mode", () => {
  let cluster: TestCluster;
  const clients: S3Client[] = [];

  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: 3 });
    clients.push(...cluster.nodes.map((node) => cluster.s3(node, { maxAttempts: 1 })));
    await clients[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  }, 120_000);

  afterAll(async () => {
    for (const client of clients) client.destroy();
    await cluster?.stop();
  });

  const run = async (node: TestNode, ...args: readonly string[]): Promise<Mode> => {
    const ended = await cluster.skerry(["ops", "maintenance", ...args, "--output", "json"], node);
    expect(ended, ended.stderr.toString()).toMatchObject({ exitCode: 0 });
    return JSON.parse(ended.stdout.toString()) as Mode;
  };
  const put = (client: S3Client, Key: string) =>
    client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key })).then(
      () => "stored",
      (error: Error) => error.name,
    );
  const everywhere = (key: string) => Promise.all(clients.map((client) => put(client, key)));

  it("drains, holds through restarts, and ends", { timeout: 120_000 }, async () => {
    const [one, two, three] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    const content = Buffer.alloc(SLOW_BYTES, "skerry ");
    const slow = new PassThrough();
    slow.write(content.subarray(0, 100_000));
    const [, second] = clients;
    const writing = second?.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key: "slow",
        Body: slow,
        ContentLength: SLOW_BYTES,
        ContentMD5: createHash("md5").update(content).digest("base64"),
      }),
    );
    await until(async () => (await run(two, "status")).writesUnderWay === 1);

    await run(one, "on", "--no-wait");
    await until(async () => (await run(two, "status")).waitingNodeIds.join() === "2");
    expect(await run(two, "status")).toMatchObject({ state: "entering", writesUnderWay: 1 });
    expect(await everywhere("during")).toEqual(Array(3).fill("ServiceUnavailable"));
    slow.end(content.subarray(100_000));
    await writing;
    expect(await run(three, "on")).toMatchObject({ state: "quiesced", waitingNodeIds: [] });

    await cluster.kill(three);
    cluster.launch(three);
    await cluster.ready(three);
    const page = (await (await fetch(`${cluster.endpointOf(three)}/readyz`)).json()) as object;
    expect(page).toEqual({ status: "ok", maintenance: "quiesced" });
    expect(await everywhere("after a restart")).toEqual(Array(3).fill("ServiceUnavailable"));
    for (const client of clients) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: "slow" }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
    }

    // A node that is gone is waited for, unless it is told otherwise.
    await cluster.kill(three);
    expect(await run(one, "off", "--no-wait")).toMatchObject({ state: "exiting" });
    expect(await put(clients[0] as S3Client, "too early")).toBe("ServiceUnavailable");
    expect(await run(one, "off", "--force")).toMatchObject({ state: "off", waitingNodeIds: [] });
    expect(await put(clients[0] as S3Client, "again")).toBe("stored");
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await isSo()) return;
    await pause(100);
  }
  throw new Error("it did not come to be");
}
