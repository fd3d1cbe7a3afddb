import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf } from "../access/index.ts";
import { LIMITED, OTHER, READER, type Rig, startRig, WRITER } from "./testing/rig.ts";

let rig: Rig;
let s3: S3Client;

function clientOf(credentials: typeof WRITER): S3Client {
  return new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
}

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(WRITER);
  await s3.send(new CreateBucketCommand({ Bucket: "docs" }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

async function textOf(output: GetObjectCommandOutput): Promise<string> {
  return (await output.Body?.transformToString()) ?? "";
}

async function put(key: string, body: string, bucket = "docs"): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
}

function failureOf(promise: Promise<unknown>): Promise<{ name: string; status: number | undefined }> {
  return promise.then(
    () => ({ name: "succeeded", status: undefined }),
    (error: { name: string; $metadata?: { httpStatusCode?: number } }) => ({
      name: error.name,
      status: error.$metadata?.httpStatusCode,
    }),
  );
}

describe("buckets through the SDK", () => {
  it("creates, finds, lists, pages and deletes them", async () => {
    for (const name of ["zoo-one", "zoo-three", "zoo-two"]) {
      await s3.send(new CreateBucketCommand({ Bucket: name }));
    }
    expect((await s3.send(new HeadBucketCommand({ Bucket: "zoo-one" }))).BucketRegion).toBe("us-east-1");
    expect(
      (await s3.send(new GetBucketLocationCommand({ Bucket: "zoo-one" }))).LocationConstraint,
    ).toBeUndefined();
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: "zoo-one" }))).Status).toBeUndefined();
    const first = await s3.send(new ListBucketsCommand({ Prefix: "zoo-", MaxBuckets: 2 }));
    expect(first.Buckets?.map((bucket) => bucket.Name)).toEqual(["zoo-one", "zoo-three"]);
    const second = await s3.send(
      new ListBucketsCommand({ Prefix: "zoo-", ContinuationToken: first.ContinuationToken }),
    );
    expect(second.Buckets?.map((bucket) => bucket.Name)).toEqual(["zoo-two"]);
    expect(second.Owner).toEqual({ ID: "a".repeat(64), DisplayName: "user a" });
    for (const name of ["zoo-one", "zoo-three", "zoo-two"]) {
      await s3.send(new DeleteBucketCommand({ Bucket: name }));
    }
    expect(await failureOf(s3.send(new HeadBucketCommand({ Bucket: "zoo-one" })))).toEqual({
      name: "NotFound",
      status: 404,
    });
  });

  it("tells whose an existing bucket is, and makes a plain one of the caller's own again in us-east-1 alone", async () => {
    const again = { name: "BucketAlreadyOwnedByYou", status: 409 };
    const [versionId, withLock] = [undefined, { Bucket: "docs", ObjectLockEnabledForBucket: true }];
    await put("kept/again", "kept");
    expect((await s3.send(new CreateBucketCommand({ Bucket: "docs" }))).Location).toBe("/docs");
    const { VersionId, Body } = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "kept/again" }));
    expect([VersionId, await Body?.transformToString()]).toEqual([versionId, "kept"]);
    expect(await failureOf(s3.send(new CreateBucketCommand(withLock)))).toEqual(again);
    const elsewhere = await startRig({ region: "eu-west-1", anyRegion: true });
    const there = new S3Client({
      endpoint: elsewhere.endpoint,
      region: "eu-west-1",
      forcePathStyle: true,
      credentials: WRITER,
    });
    await there.send(new CreateBucketCommand({ Bucket: "docs" }));
    expect(await failureOf(there.send(new CreateBucketCommand({ Bucket: "docs" })))).toEqual(again);
    there.destroy();
    await elsewhere.close();
    expect(await failureOf(clientOf(OTHER).send(new CreateBucketCommand({ Bucket: "docs" })))).toEqual({
      name: "BucketAlreadyExists",
      status: 409,
    });
  });

  it("refuses to delete a bucket with objects, bad names and foreign regions", async () => {
    await s3.send(new CreateBucketCommand({ Bucket: "full" }));
    await put("k", "v", "full");
    expect(await failureOf(s3.send(new DeleteBucketCommand({ Bucket: "full" })))).toEqual({
      name: "BucketNotEmpty",
      status: 409,
    });
    expect(await failureOf(s3.send(new CreateBucketCommand({ Bucket: "xn--bad" })))).toEqual({
      name: "InvalidBucketName",
      status: 400,
    });
    const elsewhere = new CreateBucketCommand({
      Bucket: "elsewhere",
      CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
    });
    expect(await failureOf(s3.send(elsewhere))).toEqual({
      name: "IllegalLocationConstraintException",
      status: 400,
    });
  });
});

describe("objects through the SDK", () => {
  it("gives back what was put, with its attributes and checksum", async () => {
    await s3.send(
      new PutObjectCommand({
        Bucket: "docs",
        Key: "a b/ü+.txt",
        Body: "hello",
        ContentType: "text/plain",
        CacheControl: "no-store",
        Metadata: { color: "red" },
        StorageClass: "STANDARD_IA",
      }),
    );
    const got = await s3.send(
      new GetObjectCommand({ Bucket: "docs", Key: "a b/ü+.txt", ChecksumMode: "ENABLED" }),
    );
    expect(await textOf(got)).toBe("hello");
    expect(got).toMatchObject({
      ContentType: "text/plain",
      CacheControl: "no-store",
      Metadata: { color: "red" },
      StorageClass: "STANDARD_IA",
      ChecksumCRC32: "NhCmhg==",
      ChecksumType: "FULL_OBJECT",
      ETag: '"5d41402abc4b2a76b9719d911017c592"',
      ContentLength: 5,
      AcceptRanges: "bytes",
    });
    const head = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "a b/ü+.txt" }));
    expect(head).toMatchObject({ ContentLength: 5, ETag: '"5d41402abc4b2a76b9719d911017c592"' });
  });

  it.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "verifies and keeps %s",
    async (algorithm) => {
      const key = `checksums/${algorithm}`;
      const body = Buffer.alloc(1000, algorithm);
      const stored = await s3
        .send(new PutObjectCommand({ Bucket: "docs", Key: key, Body: body, ChecksumAlgorithm: algorithm }))
        .catch((error: Error) => error);
      // The SDK needs an optional package for CRC64NVME; the others must work.
      if (stored instanceof Error) {
        expect(algorithm).toBe("CRC64NVME");
        return;
      }
      expect(stored[`Checksum${algorithm}`]).toBeTruthy();
      const head = await s3.send(
        new HeadObjectCommand({ Bucket: "docs", Key: key, ChecksumMode: "ENABLED" }),
      );
      expect(head[`Checksum${algorithm}`]).toBe(stored[`Checksum${algorithm}`]);
    },
  );

  it("streams bodies with a trailer, in and out", async () => {
    const bytes = Buffer.alloc(3_000_000, "0123456789abcdef");
    const pieces = Array.from({ length: 30 }, (_, index) =>
      bytes.subarray(index * 100_000, (index + 1) * 100_000),
    );
    const stored = await s3.send(
      new PutObjectCommand({
        Bucket: "docs",
        Key: "stream",
        Body: Readable.from(pieces),
        ContentLength: bytes.length,
      }),
    );
    expect(stored.ChecksumCRC32).toBeTruthy();
    const got = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "stream" }));
    expect(got.ContentEncoding).toBeUndefined();
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(bytes)).toBe(true);
  });

  it("takes large buffers, for which the SDK waits for 100 Continue", async () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024, 7);
    await s3.send(new PutObjectCommand({ Bucket: "docs", Key: "large", Body: bytes }));
    const got = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "large" }));
    expect((await got.Body!.transformToByteArray()).length).toBe(bytes.length);
  });

  it("serves ranges", async () => {
    await put("range", "0123456789");
    const get = (Range: string) => s3.send(new GetObjectCommand({ Bucket: "docs", Key: "range", Range }));
    const middle = await get("bytes=2-4");
    expect(await textOf(middle)).toBe("234");
    expect(middle.ContentRange).toBe("bytes 2-4/10");
    expect(await textOf(await get("bytes=-3"))).toBe("789");
    expect(await textOf(await get("bytes=7-100"))).toBe("789");
    expect(await textOf(await get("bytes=0-1,4-5"))).toBe("0123456789");
    const far = await get("bytes=7-9223372036854775806");
    expect([far.ContentRange, await textOf(far)]).toEqual(["bytes 7-9/10", "789"]);
    expect(await failureOf(get("bytes=9223372036854775806-"))).toEqual({ name: "InvalidRange", status: 416 });
    expect(await failureOf(get("bytes=10-"))).toEqual({ name: "InvalidRange", status: 416 });
    const head = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "range", Range: "bytes=2-4" }));
    expect(head).toMatchObject({ ContentLength: 3, ContentRange: "bytes 2-4/10" });
  });

  it("honours conditions on reads and writes", async () => {
    await put("cond", "one");
    const { ETag } = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "cond" }));
    const get = (conditions: object) =>
      s3.send(new GetObjectCommand({ Bucket: "docs", Key: "cond", ...conditions }));
    expect(await textOf(await get({ IfMatch: ETag }))).toBe("one");
    expect(await failureOf(get({ IfMatch: '"other"' }))).toEqual({ name: "PreconditionFailed", status: 412 });
    expect((await failureOf(get({ IfNoneMatch: ETag }))).status).toBe(304);
    const again = (conditions: object) =>
      s3.send(new PutObjectCommand({ Bucket: "docs", Key: "cond", Body: "two", ...conditions }));
    expect(await failureOf(again({ IfNoneMatch: "*" }))).toEqual({ name: "PreconditionFailed", status: 412 });
    await again({ IfMatch: ETag });
    expect(await failureOf(again({ IfMatch: ETag }))).toEqual({ name: "PreconditionFailed", status: 412 });
    for (const IfMatch of ["*", ETag]) {
      const nothing = new PutObjectCommand({ Bucket: "docs", Key: "cond-none", Body: "", IfMatch });
      expect(await failureOf(s3.send(nothing))).toEqual({ name: "NoSuchKey", status: 404 });
    }
  });

  it("overrides response headers", async () => {
    await put("override", "x");
    const got = await s3.send(
      new GetObjectCommand({
        Bucket: "docs",
        Key: "override",
        ResponseContentType: "image/png",
        ResponseContentDisposition: "attachment; filename=x",
      }),
    );
    expect(got).toMatchObject({ ContentType: "image/png", ContentDisposition: "attachment; filename=x" });
  });

  it("deletes one and many", async () => {
    await put("d/1", "x");
    await put("d/<&>", "x");
    await s3.send(new DeleteObjectCommand({ Bucket: "docs", Key: "d/none" }));
    const result = await s3.send(
      new DeleteObjectsCommand({
        Bucket: "docs",
        Delete: { Objects: [{ Key: "d/1" }, { Key: "d/<&>" }, { Key: "d/none" }] },
      }),
    );
    expect(result.Deleted?.map((deleted) => deleted.Key)).toEqual(["d/1", "d/<&>", "d/none"]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket: "docs", Prefix: "d/" }))).KeyCount).toBe(0);
    const quiet = await s3.send(
      new DeleteObjectsCommand({ Bucket: "docs", Delete: { Quiet: true, Objects: [{ Key: "d/none" }] } }),
    );
    expect(quiet.Deleted).toBeUndefined();
  });

  it("copies, with the source's attributes or new ones", async () => {
    await s3.send(
      new PutObjectCommand({
        Bucket: "docs",
        Key: "src ü",
        Body: "copy me",
        Metadata: { a: "1" },
        ContentType: "x/y",
      }),
    );
    const CopySource = `docs/${encodeURIComponent("src ü")}`;
    await s3.send(new CopyObjectCommand({ Bucket: "docs", Key: "dst", CopySource }));
    const copied = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "dst" }));
    expect(await textOf(copied)).toBe("copy me");
    expect(copied).toMatchObject({ ContentType: "x/y", Metadata: { a: "1" } });
    await s3.send(
      new CopyObjectCommand({
        Bucket: "docs",
        Key: "dst",
        CopySource,
        MetadataDirective: "REPLACE",
        Metadata: { b: "2" },
      }),
    );
    expect((await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst" }))).Metadata).toEqual({
      b: "2",
    });
    await s3.send(
      new CopyObjectCommand({ Bucket: "docs", Key: "dst2", CopySource, StorageClass: "GLACIER_IR" }),
    );
    expect(await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }))).toMatchObject({
      StorageClass: "GLACIER_IR",
      Metadata: { a: "1" },
    });
    await s3.send(new CopyObjectCommand({ Bucket: "docs", Key: "dst3", CopySource: "docs/dst2" }));
    const plain = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst3" }));
    expect([plain.StorageClass, plain.Metadata]).toEqual([undefined, { a: "1" }]);
    const itself = { Bucket: "docs", Key: "dst2", CopySource: "docs/dst2" };
    await s3.send(new CopyObjectCommand({ ...itself, StorageClass: "GLACIER_IR" }));
    const same = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }));
    expect([same.StorageClass, same.Metadata]).toEqual(["GLACIER_IR", { a: "1" }]);
    const summed = new CopyObjectCommand({ ...itself, ChecksumAlgorithm: "SHA256" });
    expect(await failureOf(s3.send(summed))).toEqual({ name: "InvalidRequest", status: 400 });
    await s3.send(new CopyObjectCommand({ ...itself, StorageClass: "STANDARD" }));
    const changed = await s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }));
    expect([changed.StorageClass, changed.Metadata]).toEqual([undefined, { a: "1" }]);
    const onto = new CopyObjectCommand({ Bucket: "docs", Key: "dst", CopySource: "docs/dst" });
    expect(await failureOf(s3.send(onto))).toEqual({ name: "InvalidRequest", status: 400 });
    const conditional = new CopyObjectCommand({
      Bucket: "docs",
      Key: "dst4",
      CopySource,
      CopySourceIfMatch: '"nope"',
    });
    expect(await failureOf(s3.send(conditional))).toEqual({ name: "PreconditionFailed", status: 412 });
  });
});

describe("listings through the SDK", () => {
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: "lists" }));
    for (const key of ["a", "b/1", "b/2", "c d", "é", "\u0001x"]) await put(key, "x", "lists");
  });

  it("v2 folds, pages and ends exactly", async () => {
    const page = (ContinuationToken?: string) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket: "lists",
          Delimiter: "/",
          MaxKeys: 2,
          ContinuationToken,
          EncodingType: "url",
        }),
      );
    const first = await page();
    expect(first.Contents?.map((entry) => entry.Key)).toEqual(["%01x", "a"]);
    expect(first.IsTruncated).toBe(true);
    const second = await page(first.NextContinuationToken);
    expect(second.CommonPrefixes).toEqual([{ Prefix: "b/" }]);
    expect(second.Contents?.map((entry) => entry.Key)).toEqual(["c%20d"]);
    expect(second.KeyCount).toBe(2);
    expect(second.ContinuationToken).toBe(first.NextContinuationToken);
    const third = await page(second.NextContinuationToken);
    expect(third.Contents?.map((entry) => entry.Key)).toEqual(["%C3%A9"]);
    expect(third.IsTruncated).toBe(false);
    expect(third.NextContinuationToken).toBeUndefined();
  });

  it("v2 has owners only when asked", async () => {
    const plain = await s3.send(
      new ListObjectsV2Command({ Bucket: "lists", StartAfter: "b/2", Prefix: "c" }),
    );
    expect(plain.Contents?.[0]).toMatchObject({ Key: "c d", Size: 1, StorageClass: "STANDARD" });
    expect(plain.Contents?.[0]?.Owner).toBeUndefined();
    expect(plain.Delimiter).toBeUndefined();
    const owned = await s3.send(new ListObjectsV2Command({ Bucket: "lists", Prefix: "c", FetchOwner: true }));
    expect(owned.Contents?.[0]?.Owner).toEqual({ ID: "a".repeat(64), DisplayName: "user a" });
  });

  it("v1 goes on from markers", async () => {
    const first = await s3.send(
      new ListObjectsCommand({ Bucket: "lists", Prefix: "b", MaxKeys: 1, Delimiter: "/" }),
    );
    expect(first).toMatchObject({ CommonPrefixes: [{ Prefix: "b/" }], IsTruncated: false });
    const marked = await s3.send(new ListObjectsCommand({ Bucket: "lists", Marker: "b/1", MaxKeys: 1 }));
    expect(marked.Contents?.map((entry) => entry.Key)).toEqual(["b/2"]);
    expect(marked.IsTruncated).toBe(true);
    expect(marked.NextMarker).toBeUndefined();
    expect(marked.Contents?.[0]?.Owner?.ID).toBe("a".repeat(64));
  });

  it("max-keys of zero is an empty page that is not truncated", async () => {
    const none = await s3.send(new ListObjectsV2Command({ Bucket: "lists", MaxKeys: 0 }));
    expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false, MaxKeys: 0 });
  });

  it("lists every object as its null version", async () => {
    const listing = await s3.send(
      new ListObjectVersionsCommand({ Bucket: "lists", Prefix: "b/", MaxKeys: 1 }),
    );
    expect(listing.Versions).toMatchObject([{ Key: "b/1", VersionId: "null", IsLatest: true }]);
    expect(listing).toMatchObject({ IsTruncated: true, NextKeyMarker: "b/1", NextVersionIdMarker: "null" });
    const next = await s3.send(
      new ListObjectVersionsCommand({
        Bucket: "lists",
        Prefix: "b/",
        KeyMarker: listing.NextKeyMarker,
        VersionIdMarker: listing.NextVersionIdMarker,
      }),
    );
    expect(next.Versions?.map((version) => version.Key)).toEqual(["b/2"]);
  });
});

describe("multipart uploads through the SDK", () => {
  const Bucket = "docs";

  it("creates, uploads, lists, completes and reads parts", async () => {
    const Key = "multi/ü";
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "text/x", ChecksumAlgorithm: "CRC32" }),
    );
    const address = { Bucket, Key, UploadId };
    const bodies = ["a".repeat(2000), "b".repeat(10)];
    const parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const part = await s3.send(
        new UploadPartCommand({ ...address, PartNumber, Body, ChecksumAlgorithm: "CRC32" }),
      );
      parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
    }
    const listed = await s3.send(new ListPartsCommand({ ...address, MaxParts: 1 }));
    expect(listed).toMatchObject({ IsTruncated: true, NextPartNumberMarker: "1", StorageClass: "STANDARD" });
    expect(listed.Parts).toMatchObject([{ PartNumber: 1, Size: 2000 }]);
    const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "multi/" }));
    expect(uploads.Uploads).toMatchObject([{ Key, UploadId, ChecksumAlgorithm: "CRC32" }]);
    const done = await s3.send(
      new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts: parts } }),
    );
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(done.ChecksumCRC32).toMatch(/-2$/);
    expect(done.Location).toBe(`${rig.endpoint}/docs/multi/%C3%BC`);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    expect(await textOf(got)).toBe(bodies.join(""));
    const second = await s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    expect(await textOf(second)).toBe(bodies[1]);
    expect(second).toMatchObject({ PartsCount: 2, ContentRange: "bytes 2000-2009/2010" });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, PartNumber: 1 }));
    expect(head).toMatchObject({ ContentLength: 2000, PartsCount: 2 });
    expect(await failureOf(s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 3 })))).toEqual({
      name: "InvalidPart",
      status: 400,
    });
  });

  it("copies parts and ranges of other objects", async () => {
    await put("part-source", "0123456789".repeat(300));
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "assembled" }));
    const address = { Bucket, Key: "assembled", UploadId };
    const CopySource = "docs/part-source";
    const whole = await s3.send(new UploadPartCopyCommand({ ...address, PartNumber: 1, CopySource }));
    const range = await s3.send(
      new UploadPartCopyCommand({ ...address, PartNumber: 2, CopySource, CopySourceRange: "bytes=3-5" }),
    );
    await s3.send(
      new CompleteMultipartUploadCommand({
        ...address,
        MultipartUpload: {
          Parts: [
            { PartNumber: 1, ETag: whole.CopyPartResult?.ETag },
            { PartNumber: 2, ETag: range.CopyPartResult?.ETag },
          ],
        },
      }),
    );
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "assembled" }));
    expect(await textOf(got)).toBe(`${"0123456789".repeat(300)}345`);
    for (const CopySourceRange of ["bytes=0-3000", "bytes=3000-3000"]) {
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "assembled" }));
      const beyond = { Bucket, Key: "assembled", UploadId, PartNumber: 3, CopySource, CopySourceRange };
      const failure = { name: "InvalidRange", status: 416 };
      expect(await failureOf(s3.send(new UploadPartCopyCommand(beyond)))).toEqual(failure);
    }
  });

  it("refuses parts with a checksum of another algorithm than the upload's", async () => {
    const create = { Bucket, Key: "sha", ChecksumAlgorithm: "SHA256" } as const;
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(create));
    const address = { Bucket, Key: "sha", UploadId };
    const part = { ...address, PartNumber: 1, Body: "x", ChecksumAlgorithm: "CRC32" } as const;
    expect(await failureOf(s3.send(new UploadPartCommand(part)))).toEqual({
      name: "InvalidRequest",
      status: 400,
    });
    await s3.send(new AbortMultipartUploadCommand(address));
  });

  it("takes a part that is named twice as it was sent last", async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "twice" }));
    const address = { Bucket, Key: "twice", UploadId };
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const Body of ["first", "again"]) {
      const { ETag } = await s3.send(new UploadPartCommand({ ...address, PartNumber: 1, Body }));
      Parts.push({ PartNumber: 1, ETag });
    }
    const complete = (MultipartUpload: { Parts: typeof Parts }) =>
      failureOf(s3.send(new CompleteMultipartUploadCommand({ ...address, MultipartUpload })));
    const outdated = { name: "InvalidPart", status: 400 };
    expect(await complete({ Parts: Parts.toReversed() })).toEqual(outdated);
    expect((await complete({ Parts })).name).toBe("succeeded");
    expect(await textOf(await s3.send(new GetObjectCommand({ Bucket, Key: "twice" })))).toBe("again");
  });

  it("refuses bad completions and unknown uploads, and aborts", async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "bad" }));
    const address = { Bucket, Key: "bad", UploadId };
    const { ETag } = await s3.send(new UploadPartCommand({ ...address, PartNumber: 1, Body: "short" }));
    await s3.send(new UploadPartCommand({ ...address, PartNumber: 2, Body: "short" }));
    const complete = (Parts: { PartNumber: number; ETag: string | undefined }[]) =>
      failureOf(s3.send(new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts } })));
    expect(await complete([{ PartNumber: 1, ETag: '"00"' }])).toEqual({ name: "InvalidPart", status: 400 });
    expect(
      await complete([
        { PartNumber: 2, ETag },
        { PartNumber: 1, ETag },
      ]),
    ).toEqual({
      name: "InvalidPartOrder",
      status: 400,
    });
    expect(
      await complete([
        { PartNumber: 1, ETag },
        { PartNumber: 2, ETag },
      ]),
    ).toEqual({
      name: "EntityTooSmall",
      status: 400,
    });
    await s3.send(new AbortMultipartUploadCommand(address));
    expect(await failureOf(s3.send(new ListPartsCommand(address)))).toEqual({
      name: "NoSuchUpload",
      status: 404,
    });
    const marker = new ListMultipartUploadsCommand({ Bucket, KeyMarker: "bad", UploadIdMarker: "zzz" });
    expect(await failureOf(s3.send(marker))).toEqual({ name: "InvalidArgument", status: 400 });
    const elsewhere = new UploadPartCommand({ ...address, Key: "other", PartNumber: 1, Body: "x" });
    expect(await failureOf(s3.send(elsewhere))).toEqual({ name: "NoSuchUpload", status: 404 });
  });
});

describe("the gate, through the SDK", () => {
  it("keeps readers from writing and limited keys from other buckets", async () => {
    await put("secret", "x");
    const reader = clientOf(READER);
    await reader.send(new GetObjectCommand({ Bucket: "docs", Key: "secret" }));
    const write = new PutObjectCommand({ Bucket: "docs", Key: "nope", Body: "x" });
    expect(await failureOf(reader.send(write))).toEqual({ name: "AccessDenied", status: 403 });
    const limited = clientOf(LIMITED);
    expect(await failureOf(limited.send(new GetObjectCommand({ Bucket: "docs", Key: "secret" })))).toEqual({
      name: "AccessDenied",
      status: 403,
    });
    await limited.send(new CreateBucketCommand({ Bucket: "mine" }));
    expect((await limited.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toEqual([
      "mine",
    ]);
    // A copy's source is a read of its own.
    const steal = new CopyObjectCommand({ Bucket: "mine", Key: "stolen", CopySource: "docs/secret" });
    expect(await failureOf(limited.send(steal))).toEqual({ name: "AccessDenied", status: 403 });
    const { UploadId } = await limited.send(
      new CreateMultipartUploadCommand({ Bucket: "mine", Key: "stolen" }),
    );
    const stealPart = new UploadPartCopyCommand({
      Bucket: "mine",
      Key: "stolen",
      UploadId,
      PartNumber: 1,
      CopySource: "docs/secret",
    });
    expect(await failureOf(limited.send(stealPart))).toEqual({ name: "AccessDenied", status: 403 });
  });

  it("refuses unknown keys, wrong secrets and what is not supported", async () => {
    const unknown = clientOf({ ...WRITER, accessKeyId: "SKNOBODY" });
    expect(await failureOf(unknown.send(new ListBucketsCommand({})))).toEqual({
      name: "InvalidAccessKeyId",
      status: 403,
    });
    const wrong = clientOf({ ...WRITER, secretAccessKey: "wrong" });
    expect(await failureOf(wrong.send(new ListBucketsCommand({})))).toEqual({
      name: "SignatureDoesNotMatch",
      status: 403,
    });
    const tagging = new PutBucketTaggingCommand({ Bucket: "docs", Tagging: { TagSet: [] } });
    expect(await failureOf(s3.send(tagging))).toEqual({ name: "AccessDenied", status: 403 });
    const redirecting = new PutObjectCommand({
      Bucket: "docs",
      Key: "e",
      Body: "x",
      WriteOffsetBytes: 1,
    });
    expect(await failureOf(s3.send(redirecting))).toEqual({ name: "NotImplemented", status: 501 });
  });

  it("find out that a bucket is not whose they expect, by number or by canonical id", async () => {
    await put("expected", "x");
    const read = (ExpectedBucketOwner: string) =>
      failureOf(s3.send(new GetObjectCommand({ Bucket: "docs", Key: "expected", ExpectedBucketOwner })));
    const copy = (ExpectedSourceBucketOwner: string) =>
      failureOf(
        s3.send(
          new CopyObjectCommand({
            Bucket: "docs",
            Key: "copy of expected",
            CopySource: "docs/expected",
            ExpectedSourceBucketOwner,
          }),
        ),
      );
    for (const wrong of ["b".repeat(64), accountIdOf("b".repeat(64)), ""]) {
      expect(await read(wrong), wrong).toEqual({ name: "AccessDenied", status: 403 });
      expect(await copy(wrong), wrong).toEqual({ name: "AccessDenied", status: 403 });
    }
    for (const right of ["a".repeat(64), accountIdOf("a".repeat(64))]) {
      expect((await read(right)).name, right).toBe("succeeded");
      expect((await copy(right)).name, right).toBe("succeeded");
    }
  });
});

describe("presigned URLs of the SDK", () => {
  it("get, put, head and delete", async () => {
    await put("signed", "by url");
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "docs", Key: "signed" }), {
      expiresIn: 60,
    });
    expect(await (await fetch(url)).text()).toBe("by url");
    expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
    const putUrl = await getSignedUrl(s3, new PutObjectCommand({ Bucket: "docs", Key: "signed put" }), {
      expiresIn: 60,
    });
    const stored = await fetch(putUrl, { method: "PUT", body: "uploaded by url" });
    expect({ status: stored.status, text: await stored.text() }).toEqual({ status: 200, text: "" });
    const got = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "signed put" }));
    expect(await textOf(got)).toBe("uploaded by url");
  });

  it("with metadata whose name is no header's are refused, as nobody could read the object", async () => {
    const command = new PutObjectCommand({ Bucket: "docs", Key: "unreadable", Metadata: { größe: "1" } });
    const answer = await fetch(await getSignedUrl(s3, command), { method: "PUT", body: "x" });
    expect(answer.status).toBe(400);
    const document = await answer.text();
    expect(document).toContain("<Code>InvalidArgument</Code>");
    expect(document).toContain("<ArgumentName>x-amz-meta-größe</ArgumentName>");
    const head = new HeadObjectCommand({ Bucket: "docs", Key: "unreadable" });
    expect(await failureOf(s3.send(head))).toEqual({ name: "NotFound", status: 404 });
  });

  it("do not outlive their time and cannot be changed", async () => {
    const command = new GetObjectCommand({ Bucket: "docs", Key: "signed" });
    const old = await getSignedUrl(s3, command, {
      expiresIn: 60,
      signingDate: new Date(Date.now() - 3600_000),
    });
    const expired = await fetch(old);
    expect(expired.status).toBe(403);
    expect(await expired.text()).toContain("<Message>Request has expired</Message>");
    const url = await getSignedUrl(s3, command, { expiresIn: 60 });
    expect((await fetch(url.replace("/docs/signed", "/docs/secret"))).status).toBe(403);
    expect((await fetch(`${url}&response-content-type=text%2Fhtml`)).status).toBe(403);
  });
});

it("reported every request once, with what it was", async () => {
  const { events } = rig;
  expect(new Set(events.map((event) => event.requestId)).size).toBe(events.length);
  const put = events.find((event) => event.operation === "PutObject" && event.key === "range");
  expect(put).toMatchObject({
    principalKeyId: WRITER.accessKeyId,
    bucket: "docs",
    status: 200,
    bytesIn: 10,
    errorCode: undefined,
    completed: true,
  });
  const denied = events.find(
    (event) => event.errorCode === "AccessDenied" && event.operation === "PutObject",
  );
  expect(denied).toMatchObject({ principalKeyId: READER.accessKeyId, status: 403, key: "nope" });
});
