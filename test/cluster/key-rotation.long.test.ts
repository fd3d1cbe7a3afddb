/**
 * Rotation of the key ring's keys, with real nodes whose leader is killed in the middle of the walk: everything that was acknowledged is readable at every time, through every node,
 * and in the end the old versions can be removed.
 */
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRetryable } from "../support/register-workload.ts";
import { pause, seeded } from "../support/seeded.ts";
import { leaderOf } from "../support/status.ts";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";

const PATIENCE_MS = 120_000;
/** Three pages of the walk, with rests of seconds between them. */
const OBJECTS = 300;
const KEYS_PER_SECOND = 20;
const PART_BYTES = 5 * 1024 * 1024;
const KMS_KEY = "rotated";
const S3_KEY = "skerry-s3";
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
const random = seeded(seed);

/** The exit code of a command that is worth another try. */
const NOT_NOW = 3;
class NotNow extends Error {}

interface ShownVersion {
  readonly version: number;
  readonly uses: number;
}

/** What must be there: a version of a key, and its content. */
interface Acknowledged {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly content: string;
}

describe(`rotation of encryption keys, while the leader is killed (SKERRY_TEST_SEED=${seed})`, () => {
  let cluster: TestCluster;
  let client: S3Client;
  const acknowledged: Acknowledged[] = [];
  let written = 0;

  beforeAll(async () => {
    cluster = await TestCluster.start({
      nodes: 3,
      environment: { SKERRY_ENCRYPTION_REWRAP_KEYS_PER_SECOND: String(KEYS_PER_SECOND) },
    });
    client = cluster.s3(cluster.node(1), { maxAttempts: 10 });
  }, 180_000);

  afterAll(async () => {
    client?.destroy();
    await cluster?.stop();
  });

  it("everything stays readable, and the old versions can go", { timeout: 400_000 }, async () => {
    await ring(["create", "--id", KMS_KEY]);
    await makeBucket("by-default", { SSEAlgorithm: "AES256" });
    await makeBucket("by-key", { SSEAlgorithm: "aws:kms", KMSMasterKeyID: KMS_KEY });
    await client.send(
      new PutBucketVersioningCommand({ Bucket: "by-key", VersioningConfiguration: { Status: "Enabled" } }),
    );
    for (let at = 0; at < OBJECTS; at++) await write(client, at % 2 === 0 ? "by-default" : "by-key", at);
    const upload = { Bucket: "by-key", Key: "upload" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
    const parts = [await sendPart({ ...upload, UploadId }, 1)];

    for (const key of [KMS_KEY, S3_KEY]) await ring(["rotate", key]);
    let isOver = false;
    const writing = keepWriting(() => isOver);
    await until("the walk is under way", async () => {
      const left = await retiredUses();
      return left > 0 && left < OBJECTS;
    });
    const leader = await leaderOf(cluster);
    await cluster.kill(leader);
    await until("the others go on with the walk", async () => (await retiredUses()) === 0);
    isOver = true;
    await writing;
    cluster.launch(leader);
    await cluster.ready(leader);
    console.log(`${acknowledged.length} versions of objects, node ${leader.number} was killed`);

    for (const key of [KMS_KEY, S3_KEY]) {
      expect((await versionsOf(key)).map(({ version }) => version)).toEqual([1, 2]);
      await ring(["remove-version", key, "1"]);
      const refused = await cluster.skerry(["encryption-key", "remove-version", key, "2"], cluster.node(1));
      expect(refused).toMatchObject({ exitCode: 5 });
    }
    parts.push(await sendPart({ ...upload, UploadId }, 2));
    await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        UploadId,
        MultipartUpload: { Parts: parts.map((ETag, at) => ({ ETag, PartNumber: at + 1 })) },
      }),
    );
    // With nothing in memory that was read before the versions went.
    for (const node of cluster.nodes) {
      await cluster.kill(node);
      cluster.launch(node);
      await cluster.ready(node);
    }
    for (const node of cluster.nodes) await expectReadable(node);
    const { Body } = await client.send(new GetObjectCommand(upload));
    expect((await Body?.transformToByteArray())?.length).toBe(2 * PART_BYTES);
  });

  async function ring(args: readonly string[]): Promise<string> {
    const ended = await cluster.skerry(
      ["encryption-key", ...args, "--output", "json"],
      cluster.nodes.find(({ process }) => process?.exitCode === null && process.signalCode === null)!,
    );
    if (ended.exitCode === NOT_NOW) throw new NotNow();
    if (ended.exitCode !== 0) throw new Error(`encryption-key ${args.join(" ")}: ${ended.stderr}`);
    return ended.stdout.toString();
  }

  async function versionsOf(key: string): Promise<readonly ShownVersion[]> {
    return JSON.parse(await ring(["versions", key])) as readonly ShownVersion[];
  }

  /** What older versions of both keys still wrap. Not a number while nobody leads. */
  async function retiredUses(): Promise<number> {
    const shown = await Promise.all([KMS_KEY, S3_KEY].map(versionsOf)).catch((error: unknown) => {
      if (error instanceof NotNow) return undefined;
      throw error;
    });
    if (shown === undefined) return Number.NaN;
    return shown.flatMap((versions) => versions.slice(0, -1)).reduce((sum, { uses }) => sum + uses, 0);
  }

  async function makeBucket(
    Bucket: string,
    ApplyServerSideEncryptionByDefault: {
      readonly SSEAlgorithm: "AES256" | "aws:kms";
      readonly KMSMasterKeyID?: string;
    },
  ): Promise<void> {
    await client.send(new CreateBucketCommand({ Bucket }));
    const Rules = [{ ApplyServerSideEncryptionByDefault }];
    await client.send(
      new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }),
    );
  }

  async function write(through: S3Client, bucket: string, at: number): Promise<void> {
    const content = `content ${written++}`;
    // Few keys for the versioned bucket: most of its versions are not current.
    const key = bucket === "by-key" ? `k-${at % 20}` : `k-${at}`;
    const { VersionId } = await through.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }),
    );
    acknowledged.push({ bucket, key, versionId: VersionId, content });
  }

  /** Through every node that answers, until the walk is over. A key is used once where there are no versions, for nobody knows what became of a write without an answer. */
  async function keepWriting(isOver: () => boolean): Promise<void> {
    for (let at = OBJECTS; !isOver(); at++) {
      const node = cluster.nodes[Math.floor(random() * cluster.nodes.length)] ?? cluster.node(1);
      const one = cluster.s3(node, { maxAttempts: 1 });
      try {
        await write(one, at % 2 === 0 ? "by-default" : "by-key", at);
      } catch (error) {
        if (!isRetryable(error)) throw error;
      } finally {
        one.destroy();
      }
      await pause(50);
    }
  }

  async function sendPart(
    upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
    PartNumber: number,
  ): Promise<string | undefined> {
    const Body = new Uint8Array(PART_BYTES).fill(PartNumber);
    return (await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }))).ETag;
  }

  async function expectReadable(node: TestNode): Promise<void> {
    const through = cluster.s3(node, { maxAttempts: 10 });
    for (const { bucket, key, versionId, content } of acknowledged) {
      const { Body } = await through.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, ...(versionId && { VersionId: versionId }) }),
      );
      expect(await Body?.transformToString(), `${bucket}/${key} through node ${node.number}`).toBe(content);
    }
    through.destroy();
  }
});

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to this: ${what}`);
    await pause(250);
  }
}
