/** The promise: what is asked to be encrypted is, reads back exactly by any range, and is not given out without the right key. */
import { createHash } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  type S3Client,
  type ServerSideEncryptionRule,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../testing/rig.ts";

const Bucket = "encrypted";
const random = createPrng("sse");
const content = Buffer.from(random.bytes(3 * 65_536 + 1000));
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig({ customerKeysOverHttp: true });
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await rig.node.encryptionKey("key-1");
  await rig.node.encryptionKey("key-2");
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

function customer(seed: number) {
  const key = Buffer.alloc(32, seed);
  return {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: key.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(key).digest("base64"),
  };
}

function sourceOf(keys: ReturnType<typeof customer>) {
  return {
    CopySourceSSECustomerAlgorithm: keys.SSECustomerAlgorithm,
    CopySourceSSECustomerKey: keys.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: keys.SSECustomerKeyMD5,
  };
}

const MODES = {
  plain: { put: {}, read: {}, source: {}, shown: {} },
  "sse-s3": {
    put: { ServerSideEncryption: "AES256" as const },
    read: {},
    source: {},
    shown: { ServerSideEncryption: "AES256" },
  },
  "sse-kms": {
    put: { ServerSideEncryption: "aws:kms" as const, SSEKMSKeyId: "key-1" },
    read: {},
    source: {},
    shown: { ServerSideEncryption: "aws:kms", SSEKMSKeyId: "key-1" },
  },
  "sse-c": {
    put: customer(1),
    read: customer(1),
    source: sourceOf(customer(1)),
    shown: { SSECustomerAlgorithm: "AES256", SSECustomerKeyMD5: customer(1).SSECustomerKeyMD5 },
  },
};
type Mode = keyof typeof MODES;
const modes = Object.keys(MODES) as Mode[];

async function read(Key: string, options: object = {}): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...options }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/** Whether the chunks on the nodes hold this; it is too long to lie in the metadata. */
function isStoredInTheClear(piece: Buffer): boolean {
  return [...rig.node.targets.chunks.values()].some((bytes) => Buffer.from(bytes).includes(piece));
}

describe.each(modes)("an object with %s", (mode) => {
  const { put, read: readWith, shown } = MODES[mode];

  it.each([0, 1, 500, 65_536, content.length])(
    "of %i bytes comes back, whole and by ranges",
    async (size) => {
      const Key = `${mode}/${size}`;
      const Body = content.subarray(0, size);
      expect(await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...put }))).toMatchObject({
        ...shown,
        ETag: `"${createHash("md5").update(Body).digest("hex")}"`,
      });
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ...readWith }));
      expect(head).toMatchObject({ ...shown, ContentLength: size });
      expect((await read(Key, readWith)).equals(Body)).toBe(true);
      if (size < 500) return;
      const part = await read(Key, { ...readWith, Range: `bytes=100-${size - 2}` });
      expect(part.equals(Body.subarray(100, size - 1))).toBe(true);
    },
  );

  it("lies in the blobs as it should", async () => {
    const marker = Buffer.from(`marker of ${mode} `.repeat(100));
    await s3.send(new PutObjectCommand({ Bucket, Key: `${mode}/marker`, Body: marker, ...put }));
    expect(isStoredInTheClear(marker)).toBe(mode === "plain");
  });

  it("of parts comes back, whole, by part and by ranges that cross parts", async () => {
    const Key = `${mode}/parts`;
    const started = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...put }));
    expect(started).toMatchObject(shown);
    const { UploadId } = started;
    const pieces = [
      content.subarray(0, 70_000),
      content.subarray(70_000, 72_000),
      content.subarray(72_000, 72_100),
    ];
    const parts = [];
    for (const [index, Body] of pieces.entries()) {
      const PartNumber = index + 1;
      const sent = await s3.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...readWith }),
      );
      expect(sent).toMatchObject(shown);
      parts.push({ PartNumber, ETag: sent.ETag });
    }
    const completed = await s3.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key,
        UploadId,
        MultipartUpload: { Parts: parts },
        ...readWith,
      }),
    );
    expect(completed.ETag).toMatch(/-3"$/);
    expect((await read(Key, readWith)).equals(content.subarray(0, 72_100))).toBe(true);
    expect((await read(Key, { ...readWith, PartNumber: 2 })).equals(pieces[1]!)).toBe(true);
    const range = await read(Key, { ...readWith, Range: "bytes=69990-72050" });
    expect(range.equals(content.subarray(69_990, 72_051))).toBe(true);
  });

  it.each(modes)("is copied to %s, in one piece and as a part", async (to) => {
    const Key = `${mode}/source`;
    const Body = content.subarray(0, 66_000);
    await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...put }));
    const CopySource = `${Bucket}/${Key}`;
    const { source } = MODES[mode];
    const target = MODES[to];
    const copied = await s3.send(
      new CopyObjectCommand({ Bucket, Key: `${Key}-as-${to}`, CopySource, ...source, ...target.put }),
    );
    expect(copied).toMatchObject(target.shown);
    expect((await read(`${Key}-as-${to}`, target.read)).equals(Body)).toBe(true);

    const upload = { Bucket, Key: `${Key}-part-of-${to}` };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...upload, ...target.put }));
    const part = await s3.send(
      new UploadPartCopyCommand({
        ...upload,
        UploadId,
        PartNumber: 1,
        CopySource,
        CopySourceRange: "bytes=10-65999",
        ...source,
        ...target.read,
      }),
    );
    const Parts = [{ PartNumber: 1, ETag: part.CopyPartResult?.ETag }];
    await s3.send(
      new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts }, ...target.read }),
    );
    expect((await read(upload.Key, target.read)).equals(Body.subarray(10))).toBe(true);
  });
});

describe("a customer's key", () => {
  const Key = "customers";

  beforeAll(async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "secret", ...customer(5) }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "open" }));
  });

  it.each([
    ["is needed", Key, {}],
    ["must be the same", Key, customer(6)],
    ["is refused for an object without", "plain", customer(5)],
  ])("%s", async (_, key, keys) => {
    expect((await failureOf(read(key, keys))).status).toBe(400);
    const head = s3.send(new HeadObjectCommand({ Bucket, Key: key, ...keys }));
    expect((await failureOf(head)).status).toBe(400);
  });

  const all = {
    "x-amz-server-side-encryption-customer-algorithm": "AES256",
    "x-amz-server-side-encryption-customer-key": customer(1).SSECustomerKey,
    "x-amz-server-side-encryption-customer-key-md5": customer(1).SSECustomerKeyMD5,
  };
  it.each<[string, Record<string, string>, string]>([
    ["without its MD5", { ...all, "x-amz-server-side-encryption-customer-key-md5": "" }, "InvalidArgument"],
    [
      "with another MD5",
      { ...all, "x-amz-server-side-encryption-customer-key-md5": customer(2).SSECustomerKeyMD5 },
      "InvalidArgument",
    ],
    ["that is too short", { ...all, "x-amz-server-side-encryption-customer-key": "AAAA" }, "InvalidArgument"],
    [
      "of another algorithm",
      { ...all, "x-amz-server-side-encryption-customer-algorithm": "AES128" },
      "InvalidEncryptionAlgorithmError",
    ],
    ["beside another method", { ...all, "x-amz-server-side-encryption": "AES256" }, "InvalidArgument"],
    [
      "alone",
      { "x-amz-server-side-encryption-customer-key": all["x-amz-server-side-encryption-customer-key"] },
      "InvalidArgument",
    ],
  ])("%s is refused, and not repeated", async (_, headers, code) => {
    const answer = await sendRaw(rig, { method: "PUT", target: `/${Bucket}/k`, body: "x", headers });
    expect(errorCodeOf(answer)).toBe(code);
    expect(answer.body).not.toContain(customer(1).SSECustomerKey);
  });

  it("is not taken over plain HTTP unless the operator says so", async () => {
    const strict = await startRig();
    try {
      const client = clientOf(strict, ADMIN);
      await client.send(new CreateBucketCommand({ Bucket }));
      const put = client.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...customer(1) }));
      expect(await failureOf(put)).toEqual({ name: "InvalidRequest", status: 400 });
      client.destroy();
    } finally {
      await strict.close();
    }
  });
});

describe("headers of encryption", () => {
  it.each<[string, string, Record<string, string>, string]>([
    ["an unknown method", "PUT", { "x-amz-server-side-encryption": "ROT13" }, "InvalidArgument"],
    [
      "a method that is not there",
      "PUT",
      { "x-amz-server-side-encryption": "aws:kms:dsse" },
      "NotImplemented",
    ],
    [
      "a key that nobody made",
      "PUT",
      { "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "none" },
      "KMS.NotFoundException",
    ],
    ["no key", "PUT", { "x-amz-server-side-encryption": "aws:kms" }, "KMS.NotFoundException"],
    [
      "a key without its method",
      "PUT",
      { "x-amz-server-side-encryption-aws-kms-key-id": "key-1" },
      "InvalidArgument",
    ],
    [
      "a context that is none",
      "PUT",
      {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key-1",
        "x-amz-server-side-encryption-context": "???",
      },
      "InvalidArgument",
    ],
    ["a method on a read", "GET", { "x-amz-server-side-encryption": "AES256" }, "InvalidArgument"],
    [
      "a source's key on a write",
      "PUT",
      { "x-amz-copy-source-server-side-encryption-customer-algorithm": "AES256" },
      "InvalidArgument",
    ],
  ])("with %s are refused", async (_, method, headers, code) => {
    const answer = await sendRaw(rig, { method, target: `/${Bucket}/plain`, headers });
    expect(errorCodeOf(answer)).toBe(code);
  });
});

describe("a key of the ring", () => {
  it("that was rotated still opens what it wrapped before", async () => {
    const put = {
      ServerSideEncryption: "aws:kms" as const,
      SSEKMSKeyId: "arn:aws:kms:us-east-1:1:key/key-2",
    };
    await s3.send(new PutObjectCommand({ Bucket, Key: "before", Body: "old", ...put }));
    await rig.node.encryptionKey("key-2");
    await s3.send(new PutObjectCommand({ Bucket, Key: "after", Body: "new", ...put }));
    expect((await read("before")).toString()).toBe("old");
    expect((await read("after")).toString()).toBe("new");
    // Onto itself: the data key is wrapped by the new version.
    await s3.send(new CopyObjectCommand({ Bucket, Key: "before", CopySource: `${Bucket}/before`, ...put }));
    expect((await read("before")).toString()).toBe("old");
  });
});

describe("a bucket's encryption", () => {
  const put = (rule: ServerSideEncryptionRule["ApplyServerSideEncryptionByDefault"]) =>
    s3.send(
      new PutBucketEncryptionCommand({
        Bucket: "by-default",
        ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault: rule }] },
      }),
    );
  const get = () => s3.send(new GetBucketEncryptionCommand({ Bucket: "by-default" }));

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: "by-default" }));
  });

  it("is none at first, then what was put, and holds for requests that do not say", async () => {
    expect((await failureOf(get())).name).toBe("ServerSideEncryptionConfigurationNotFoundError");
    await put({ SSEAlgorithm: "AES256" });
    const target = { Bucket: "by-default", Key: "k", Body: "content" };
    expect(await s3.send(new PutObjectCommand(target))).toMatchObject({ ServerSideEncryption: "AES256" });
    await put({ SSEAlgorithm: "aws:kms", KMSMasterKeyID: "key-1" });
    const rules = (await get()).ServerSideEncryptionConfiguration?.Rules;
    expect(rules?.[0]?.ApplyServerSideEncryptionByDefault).toEqual({
      SSEAlgorithm: "aws:kms",
      KMSMasterKeyID: "key-1",
    });
    expect(await s3.send(new PutObjectCommand(target))).toMatchObject({ SSEKMSKeyId: "key-1" });
    expect(await s3.send(new PutObjectCommand({ ...target, ServerSideEncryption: "aws:kms" }))).toMatchObject(
      {
        SSEKMSKeyId: "key-1",
      },
    );
    const upload = new CreateMultipartUploadCommand({ Bucket: "by-default", Key: "parts" });
    expect(await s3.send(upload)).toMatchObject({ SSEKMSKeyId: "key-1" });
    const copy = new CopyObjectCommand({ Bucket: "by-default", Key: "copy", CopySource: `${Bucket}/plain` });
    expect(await s3.send(copy)).toMatchObject({ SSEKMSKeyId: "key-1" });
    const onto = { Bucket: "by-default", Key: "copy", CopySource: "by-default/copy" };
    const summed = new CopyObjectCommand({ ...onto, ChecksumAlgorithm: "SHA256" });
    expect(await s3.send(summed)).toMatchObject({ SSEKMSKeyId: "key-1" });
    await s3.send(new DeleteBucketEncryptionCommand({ Bucket: "by-default" }));
    expect((await failureOf(get())).name).toBe("ServerSideEncryptionConfigurationNotFoundError");
    expect((await s3.send(new PutObjectCommand(target))).ServerSideEncryption).toBeUndefined();
  });

  const rule = (inner: string) =>
    `<ServerSideEncryptionConfiguration><Rule>${inner}</Rule></ServerSideEncryptionConfiguration>`;
  const apply = (inner: string) =>
    rule(`<ApplyServerSideEncryptionByDefault>${inner}</ApplyServerSideEncryptionByDefault>`);
  it.each([
    ["no rule", "<ServerSideEncryptionConfiguration/>", "MalformedXML"],
    ["a rule that says nothing", rule(""), "MalformedXML"],
    ["an unknown method", apply("<SSEAlgorithm>ROT13</SSEAlgorithm>"), "MalformedXML"],
    ["two layers", apply("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>"), "NotImplemented"],
    [
      "a key for the method without",
      apply("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"),
      "InvalidArgument",
    ],
    ["no key", apply("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), "InvalidArgument"],
    ["what nobody knows", rule("<Colour/>"), "MalformedXML"],
  ])("with %s is refused", async (_, body, code) => {
    const request = { method: "PUT", target: "/by-default?encryption", body, credentials: ADMIN };
    expect(errorCodeOf(await sendRaw(rig, request))).toBe(code);
  });

  it("is for administrators", async () => {
    const body = apply("<SSEAlgorithm>AES256</SSEAlgorithm>");
    const request = { method: "PUT", target: "/by-default?encryption", body, credentials: WRITER };
    expect(errorCodeOf(await sendRaw(rig, request))).toBe("AccessDenied");
  });
});
