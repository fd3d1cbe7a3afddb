/** Of the promise: a program's tests get a real store with one call, and nothing of it is left when they are done. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { contentOf, sha256Of } from "../support/content.ts";
import { PROGRAM, run } from "../support/program.ts";

const MiB = 1024 * 1024;
const PART_BYTES = 5 * MiB;
const systemTemporary = process.env["TMPDIR"] ?? "/tmp";
const temporary = mkdtempSync(join(systemTemporary, "skerry-embedded-"));
const clients: S3Client[] = [];

beforeAll(() => {
  // Where a node makes its own directory, so that what it leaves can be seen.
  process.env["TMPDIR"] = temporary;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

afterAll(() => {
  process.env["TMPDIR"] = systemTemporary;
  rmSync(temporary, { recursive: true, force: true });
});

function clientOf(skerry: Skerry): S3Client {
  const client = new S3Client({
    endpoint: skerry.s3Endpoint,
    region: skerry.region,
    forcePathStyle: true,
    credentials: skerry.credentials,
    maxAttempts: 1,
  });
  clients.push(client);
  return client;
}

async function read(client: S3Client, Bucket: string, Key: string, Range?: string): Promise<Buffer> {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
}

async function keysOf(client: S3Client, Bucket: string): Promise<string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  return Contents.map((row) => row.Key ?? "");
}

/** What a request is refused with, as the SDK names it. */
async function refusal(request: Promise<unknown>): Promise<string> {
  return request.then(
    () => "nothing",
    (error: Error) => error.name,
  );
}

describe("one node in this process", () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["photos", "notes"] });
  });

  afterAll(() => skerry?.stop());

  it("has the buckets that were asked for, and makes and removes others", async () => {
    const client = clientOf(skerry);
    const names = async () =>
      (await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name);
    expect(await names()).toEqual(["notes", "photos"]);
    await client.send(new CreateBucketCommand({ Bucket: "third" }));
    expect(await names()).toEqual(["notes", "photos", "third"]);
    await client.send(new PutObjectCommand({ Bucket: "third", Key: "k", Body: "x" }));
    expect(await refusal(client.send(new DeleteBucketCommand({ Bucket: "third" })))).toBe("BucketNotEmpty");
    await client.send(new DeleteObjectCommand({ Bucket: "third", Key: "k" }));
    await client.send(new DeleteBucketCommand({ Bucket: "third" }));
    expect(await names()).toEqual(["notes", "photos"]);
    expect(await refusal(client.send(new ListObjectsV2Command({ Bucket: "third" })))).toBe("NoSuchBucket");
  });

  // Nothing, inline, the greatest inline size and one more, more than one chunk.
  it.each([0, 1, 16 * 1024, 16 * 1024 + 1, 5 * MiB + 1])(
    "%d bytes come back as they went in",
    async (size) => {
      const client = clientOf(skerry);
      const body = contentOf(`whole ${size}`, size);
      const at = { Bucket: "photos", Key: `whole/${size}` };
      const put = await client.send(
        new PutObjectCommand({
          ...at,
          Body: body,
          ContentType: "image/x-test",
          Metadata: { shelf: "three" },
        }),
      );
      const head = await client.send(new HeadObjectCommand(at));
      expect(head).toMatchObject({
        ContentLength: size,
        ContentType: "image/x-test",
        Metadata: { shelf: "three" },
        ETag: put.ETag,
      });
      expect(sha256Of(await read(client, at.Bucket, at.Key))).toBe(sha256Of(body));
    },
  );

  it("ranges are the bytes that they name", async () => {
    const client = clientOf(skerry);
    const size = 9 * MiB + 7;
    const body = contentOf("ranged", size);
    await client.send(new PutObjectCommand({ Bucket: "photos", Key: "ranged", Body: body }));
    // Within a chunk, across the border of two chunks, the tail, everything after, one past the end.
    for (const [range, from, to] of [
      ["bytes=0-0", 0, 1],
      ["bytes=5-99", 5, 100],
      [`bytes=${4 * MiB - 3}-${4 * MiB + 2}`, 4 * MiB - 3, 4 * MiB + 3],
      ["bytes=-11", size - 11, size],
      [`bytes=${8 * MiB}-`, 8 * MiB, size],
      [`bytes=${size - 1}-${size + 1000}`, size - 1, size],
    ] as const) {
      const bytes = await read(client, "photos", "ranged", range);
      expect(bytes.equals(body.subarray(from, to)), range).toBe(true);
    }
    expect(await refusal(read(client, "photos", "ranged", `bytes=${size}-`))).toBe("InvalidRange");
  });

  it("three parts become one object, and only when they are completed", async () => {
    const client = clientOf(skerry);
    const at = { Bucket: "photos", Key: "parts" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    const parts = [1, 2, 3].map((number) => contentOf(`part ${number}`, PART_BYTES));
    const Parts = await Promise.all(
      parts.map(async (Body, index) => {
        const PartNumber = index + 1;
        const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
        return { PartNumber, ETag };
      }),
    );
    const listed = await client.send(new ListPartsCommand({ ...at, UploadId }));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual(
      Parts.map(({ PartNumber }) => [PartNumber, PART_BYTES]),
    );
    expect(await refusal(client.send(new HeadObjectCommand(at)))).toBe("NotFound");
    const done = await client.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
    );
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect(sha256Of(await read(client, at.Bucket, at.Key))).toBe(sha256Of(Buffer.concat(parts)));
    expect(await refusal(client.send(new ListPartsCommand({ ...at, UploadId })))).toBe("NoSuchUpload");
  });

  it("lists go through pages and folders", async () => {
    const client = clientOf(skerry);
    const keys = ["a", "b/1", "b/2", "c/d/e", "ü/ö"].map((key) => `list/${key}`);
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: "notes", Key, Body: Key }));
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: "notes", Prefix: "list/", MaxKeys: 2, ContinuationToken }),
      );
      expect(page.KeyCount).toBeLessThanOrEqual(2);
      seen.push(...(page.Contents ?? []).map((row) => row.Key ?? ""));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(seen).toEqual(keys);
    const folders = await client.send(
      new ListObjectsV2Command({ Bucket: "notes", Prefix: "list/", Delimiter: "/" }),
    );
    expect(folders.Contents?.map((row) => row.Key)).toEqual(["list/a"]);
    expect(folders.CommonPrefixes?.map((row) => row.Prefix)).toEqual(["list/b/", "list/c/", "list/ü/"]);
  });

  it("a copy outlives its source", async () => {
    const client = clientOf(skerry);
    const body = contentOf("copied", 300_000);
    await client.send(new PutObjectCommand({ Bucket: "photos", Key: "original", Body: body }));
    await client.send(
      new CopyObjectCommand({ Bucket: "notes", Key: "copies/one", CopySource: "photos/original" }),
    );
    await client.send(new DeleteObjectCommand({ Bucket: "photos", Key: "original" }));
    expect(await refusal(read(client, "photos", "original"))).toBe("NoSuchKey");
    expect(sha256Of(await read(client, "notes", "copies/one"))).toBe(sha256Of(body));
  });

  it("what is deleted is gone, one or many, and twice is fine", async () => {
    const client = clientOf(skerry);
    const Objects = ["x", "y", "never-was"].map((name) => ({ Key: `gone/${name}` }));
    for (const { Key } of Objects.slice(0, 2))
      await client.send(new PutObjectCommand({ Bucket: "notes", Key, Body: "x" }));
    const { Deleted, Errors } = await client.send(
      new DeleteObjectsCommand({ Bucket: "notes", Delete: { Objects } }),
    );
    expect([Deleted?.map((row) => row.Key).sort(), Errors]).toEqual([
      Objects.map((row) => row.Key).sort(),
      undefined,
    ]);
    await client.send(new DeleteObjectCommand({ Bucket: "notes", Key: "gone/x" }));
    expect((await keysOf(client, "notes")).filter((key) => key.startsWith("gone/"))).toEqual([]);
  });

  it("a signed URL is enough to write and to read, and only for what it names", async () => {
    const client = clientOf(skerry);
    const body = contentOf("by URL", 20_000);
    const at = { Bucket: "photos", Key: "by URL/ü.bin" };
    const putUrl = await getSignedUrl(client, new PutObjectCommand(at), { expiresIn: 60 });
    const getUrl = await getSignedUrl(client, new GetObjectCommand(at), { expiresIn: 60 });
    expect((await fetch(putUrl, { method: "PUT", body })).status).toBe(200);
    const answer = await fetch(getUrl);
    expect(answer.status).toBe(200);
    expect(sha256Of(Buffer.from(await answer.arrayBuffer()))).toBe(sha256Of(body));
    expect((await fetch(getUrl, { method: "DELETE" })).status).toBe(403);
    expect((await fetch(getUrl.replace("/photos/", "/notes/"))).status).toBe(403);
    expect((await fetch(getUrl.split("?")[0] ?? "")).status).toBe(403);
  });
});

describe("a data directory", () => {
  it("keeps everything when its node stops, and goes on when it is started again", async () => {
    const dataDirectory = mkdtempSync(join(temporary, "kept-"));
    const sizes = [0, 1, 16 * 1024 + 1, 5 * MiB + 1];
    const first = await startSkerry({ dataDirectory, buckets: ["kept"] });
    const before = clientOf(first);
    for (const size of sizes) {
      const Body = contentOf(`kept ${size}`, size);
      await before.send(new PutObjectCommand({ Bucket: "kept", Key: `size/${size}`, Body }));
    }
    const { UploadId } = await before.send(
      new CreateMultipartUploadCommand({ Bucket: "kept", Key: "unfinished" }),
    );
    const part = { Bucket: "kept", Key: "unfinished", UploadId, PartNumber: 1 };
    const Body = contentOf("a part", 100_000);
    const { ETag } = await before.send(new UploadPartCommand({ ...part, Body }));
    await first.stop();

    const second = await startSkerry({ dataDirectory, buckets: ["kept", "new"] });
    try {
      const after = clientOf(second);
      const listed = await keysOf(after, "kept");
      expect(listed).toEqual(sizes.map((size) => `size/${size}`).sort());
      for (const size of sizes) {
        const bytes = await read(after, "kept", `size/${size}`);
        expect(sha256Of(bytes), `${size} bytes`).toBe(sha256Of(contentOf(`kept ${size}`, size)));
      }
      const { Bucket, Key } = part;
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await after.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
      expect(sha256Of(await read(after, "kept", "unfinished"))).toBe(sha256Of(Body));
      expect(await keysOf(after, "new")).toEqual([]);
    } finally {
      await second.stop();
    }
    expect(readdirSync(dataDirectory)).not.toEqual([]);
  });

  it("is not made for a bucket that cannot be", async () => {
    await expect(startSkerry({ buckets: ["No"] })).rejects.toThrow("a bucket name has 3 to 63 characters");
    expect(readdirSync(temporary).filter((name) => /^skerry-/.test(name))).toEqual([]);
  });

  it("belongs to one node at a time", async () => {
    const dataDirectory = mkdtempSync(join(temporary, "taken-"));
    const owner = await startSkerry({ dataDirectory, buckets: ["mine"] });
    try {
      await expect(startSkerry({ dataDirectory })).rejects.toThrow();
      const client = clientOf(owner);
      await client.send(new PutObjectCommand({ Bucket: "mine", Key: "k", Body: "still served" }));
      expect((await read(client, "mine", "k")).toString()).toBe("still served");
    } finally {
      await owner.stop();
    }
  });
});

describe("two nodes at once", () => {
  it("know nothing of one another, and one goes on when the other stops", async () => {
    const [one, two] = await Promise.all([
      startSkerry({ buckets: ["shared-name"] }),
      startSkerry({ buckets: ["shared-name"] }),
    ]);
    try {
      await clientOf(one).send(new PutObjectCommand({ Bucket: "shared-name", Key: "one", Body: "1" }));
      await clientOf(two).send(new PutObjectCommand({ Bucket: "shared-name", Key: "two", Body: "2" }));
      expect(await keysOf(clientOf(one), "shared-name")).toEqual(["one"]);
      expect(await keysOf(clientOf(two), "shared-name")).toEqual(["two"]);
      await one.stop();
      expect((await read(clientOf(two), "shared-name", "two")).toString()).toBe("2");
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
  });
});

describe("stop", () => {
  it("leaves no files, no open files, no sockets and no threads", async () => {
    const kinds = () => countsOf(process.getActiveResourcesInfo().filter((kind) => HELD.has(kind)));
    const filesBefore = readdirSync(temporary);
    const before = kinds();
    const skerry = await startSkerry({ buckets: ["bucket"] });
    const during = kinds();
    expect(during["TCPServerWrap"] ?? 0).toBeGreaterThan(before["TCPServerWrap"] ?? 0);
    const client = clientOf(skerry);
    await client.send(
      new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: contentOf("left behind", 5 * MiB) }),
    );
    await read(client, "bucket", "k");
    await skerry.stop();
    client.destroy();
    await expect(fetch(skerry.s3Endpoint)).rejects.toThrow();
    // Not equal: what an earlier test left closing may be counted before and gone now.
    await expect.poll(() => beyond(kinds(), before), { timeout: 10_000 }).toEqual({});
    expect(readdirSync(temporary)).toEqual(filesBefore);
    expect(openFilesIn(temporary)).toEqual([]);
    await skerry.stop();
  });

  it("lets the program end by itself", async () => {
    const script = `
      import { startSkerry } from "skerry/testing";
      const skerry = await startSkerry({ buckets: ["bucket"] });
      await skerry.stop();
      process.stdout.write("stopped");`;
    const ended = await run(process.execPath, ["--input-type=module", "-e", script], {
      cwd: resolve(PROGRAM, "../../../.."),
    });
    expect(ended).toMatchObject({ exitCode: 0, signal: null, stderr: "" });
    expect(ended.stdout.toString()).toBe("stopped");
  });
});

/** What Node counts as open, of the kinds that a node makes. */
const HELD = new Set([
  "TCPServerWrap",
  "TCPSocketWrap",
  "MessagePort",
  "Worker",
  "FSReqPromise",
  "FSEventWrap",
]);

/** The kinds of which there are more than there were. */
function beyond(counts: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([kind, count]) => count > (before[kind] ?? 0)));
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function openFilesIn(directory: string): string[] {
  return readdirSync("/proc/self/fd")
    .map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        return "";
      }
    })
    .filter((path) => path.startsWith(directory));
}

describe("the figures of a node", () => {
  it("tell what is stored and what was asked", { timeout: 60_000 }, async () => {
    const skerry = await startSkerry({ buckets: ["figures"] });
    try {
      const client = clientOf(skerry);
      for (const Key of ["a", "b"]) {
        await client.send(new PutObjectCommand({ Bucket: "figures", Key, Body: "12345" }));
      }
      await client.send(new DeleteObjectCommand({ Bucket: "figures", Key: "b" }));
      await expect(client.send(new GetObjectCommand({ Bucket: "figures", Key: "b" }))).rejects.toThrow();
      const answer = await fetch(`${skerry.apiEndpoint}/v1/meta/stats`, {
        headers: { authorization: `Bearer ${skerry.apiKey}` },
      });
      expect(answer.status).toBe(200);
      const stats = (await answer.json()) as { operations: { operation: string; outcomes: object }[] };
      expect(stats).toMatchObject({
        node_id: 1,
        stored: { buckets: 1, objects: 1, object_bytes: 5 },
        maintenance: { state: "off" },
        segments: { writable: true },
        bytes_in_total: 10,
      });
      const outcomesOf = (name: string) =>
        stats.operations.find(({ operation }) => operation === name)?.outcomes;
      expect(outcomesOf("PutObject")).toEqual({ ok: 2 });
      expect(outcomesOf("GetObject")).toEqual({ NoSuchKey: 1 });
    } finally {
      await skerry.stop();
    }
  });
});
