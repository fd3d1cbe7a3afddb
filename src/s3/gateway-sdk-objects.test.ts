import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { failureOf } from "./testing/feature-client.ts";
import { SdkRig, textOf } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { put } = sdk;

describe("objects through the SDK", () => {
  it("gives back what was put, with its attributes and checksum", async () => {
    await sdk.s3.send(
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
    const got = await sdk.s3.send(
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
    const head = await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "a b/ü+.txt" }));
    expect(head).toMatchObject({ ContentLength: 5, ETag: '"5d41402abc4b2a76b9719d911017c592"' });
  });

  it.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "verifies and keeps %s",
    async (algorithm) => {
      const key = `checksums/${algorithm}`;
      const body = Buffer.alloc(1000, algorithm);
      const stored = await sdk.s3
        .send(new PutObjectCommand({ Bucket: "docs", Key: key, Body: body, ChecksumAlgorithm: algorithm }))
        .catch((error: Error) => error);
      // The SDK needs an optional package for CRC64NVME; the others must work.
      if (stored instanceof Error) {
        expect(algorithm).toBe("CRC64NVME");
        return;
      }
      expect(stored[`Checksum${algorithm}`]).toBeTruthy();
      const head = await sdk.s3.send(
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
    const stored = await sdk.s3.send(
      new PutObjectCommand({
        Bucket: "docs",
        Key: "stream",
        Body: Readable.from(pieces),
        ContentLength: bytes.length,
      }),
    );
    expect(stored.ChecksumCRC32).toBeTruthy();
    const got = await sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "stream" }));
    expect(got.ContentEncoding).toBeUndefined();
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(bytes)).toBe(true);
  });

  it("takes large buffers, for which the SDK waits for 100 Continue", async () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024, 7);
    await sdk.s3.send(new PutObjectCommand({ Bucket: "docs", Key: "large", Body: bytes }));
    const got = await sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "large" }));
    expect((await got.Body!.transformToByteArray()).length).toBe(bytes.length);
  });

  it("serves ranges", async () => {
    await put("range", "0123456789");
    const get = (Range: string) => sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "range", Range }));
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
    const head = await sdk.s3.send(
      new HeadObjectCommand({ Bucket: "docs", Key: "range", Range: "bytes=2-4" }),
    );
    expect(head).toMatchObject({ ContentLength: 3, ContentRange: "bytes 2-4/10" });
  });

  it("honours conditions on reads and writes", async () => {
    await put("cond", "one");
    const { ETag } = await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "cond" }));
    const get = (conditions: object) =>
      sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "cond", ...conditions }));
    expect(await textOf(await get({ IfMatch: ETag }))).toBe("one");
    expect(await failureOf(get({ IfMatch: '"other"' }))).toEqual({ name: "PreconditionFailed", status: 412 });
    expect((await failureOf(get({ IfNoneMatch: ETag }))).status).toBe(304);
    const again = (conditions: object) =>
      sdk.s3.send(new PutObjectCommand({ Bucket: "docs", Key: "cond", Body: "two", ...conditions }));
    expect(await failureOf(again({ IfNoneMatch: "*" }))).toEqual({ name: "PreconditionFailed", status: 412 });
    await again({ IfMatch: ETag });
    expect(await failureOf(again({ IfMatch: ETag }))).toEqual({ name: "PreconditionFailed", status: 412 });
    for (const IfMatch of ["*", ETag]) {
      const nothing = new PutObjectCommand({ Bucket: "docs", Key: "cond-none", Body: "", IfMatch });
      expect(await failureOf(sdk.s3.send(nothing))).toEqual({ name: "NoSuchKey", status: 404 });
    }
  });

  it("overrides response headers", async () => {
    await put("override", "x");
    const got = await sdk.s3.send(
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
    await sdk.s3.send(new DeleteObjectCommand({ Bucket: "docs", Key: "d/none" }));
    const result = await sdk.s3.send(
      new DeleteObjectsCommand({
        Bucket: "docs",
        Delete: { Objects: [{ Key: "d/1" }, { Key: "d/<&>" }, { Key: "d/none" }] },
      }),
    );
    expect(result.Deleted?.map((deleted) => deleted.Key)).toEqual(["d/1", "d/<&>", "d/none"]);
    expect((await sdk.s3.send(new ListObjectsV2Command({ Bucket: "docs", Prefix: "d/" }))).KeyCount).toBe(0);
    const quiet = await sdk.s3.send(
      new DeleteObjectsCommand({ Bucket: "docs", Delete: { Quiet: true, Objects: [{ Key: "d/none" }] } }),
    );
    expect(quiet.Deleted).toBeUndefined();
  });

  it("copies, with the source's attributes or new ones", async () => {
    await sdk.s3.send(
      new PutObjectCommand({
        Bucket: "docs",
        Key: "src ü",
        Body: "copy me",
        Metadata: { a: "1" },
        ContentType: "x/y",
      }),
    );
    const CopySource = `docs/${encodeURIComponent("src ü")}`;
    await sdk.s3.send(new CopyObjectCommand({ Bucket: "docs", Key: "dst", CopySource }));
    const copied = await sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "dst" }));
    expect(await textOf(copied)).toBe("copy me");
    expect(copied).toMatchObject({ ContentType: "x/y", Metadata: { a: "1" } });
    await sdk.s3.send(
      new CopyObjectCommand({
        Bucket: "docs",
        Key: "dst",
        CopySource,
        MetadataDirective: "REPLACE",
        Metadata: { b: "2" },
      }),
    );
    expect((await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst" }))).Metadata).toEqual({
      b: "2",
    });
    await sdk.s3.send(
      new CopyObjectCommand({ Bucket: "docs", Key: "dst2", CopySource, StorageClass: "GLACIER_IR" }),
    );
    expect(await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }))).toMatchObject({
      StorageClass: "GLACIER_IR",
      Metadata: { a: "1" },
    });
    await sdk.s3.send(new CopyObjectCommand({ Bucket: "docs", Key: "dst3", CopySource: "docs/dst2" }));
    const plain = await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst3" }));
    expect([plain.StorageClass, plain.Metadata]).toEqual([undefined, { a: "1" }]);
    const itself = { Bucket: "docs", Key: "dst2", CopySource: "docs/dst2" };
    await sdk.s3.send(new CopyObjectCommand({ ...itself, StorageClass: "GLACIER_IR" }));
    const same = await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }));
    expect([same.StorageClass, same.Metadata]).toEqual(["GLACIER_IR", { a: "1" }]);
    const summed = new CopyObjectCommand({ ...itself, ChecksumAlgorithm: "SHA256" });
    expect(await failureOf(sdk.s3.send(summed))).toEqual({ name: "InvalidRequest", status: 400 });
    await sdk.s3.send(new CopyObjectCommand({ ...itself, StorageClass: "STANDARD" }));
    const changed = await sdk.s3.send(new HeadObjectCommand({ Bucket: "docs", Key: "dst2" }));
    expect([changed.StorageClass, changed.Metadata]).toEqual([undefined, { a: "1" }]);
    const onto = new CopyObjectCommand({ Bucket: "docs", Key: "dst", CopySource: "docs/dst" });
    expect(await failureOf(sdk.s3.send(onto))).toEqual({ name: "InvalidRequest", status: 400 });
    const conditional = new CopyObjectCommand({
      Bucket: "docs",
      Key: "dst4",
      CopySource,
      CopySourceIfMatch: '"nope"',
    });
    expect(await failureOf(sdk.s3.send(conditional))).toEqual({ name: "PreconditionFailed", status: 412 });
  });
});
