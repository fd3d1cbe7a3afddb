import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { failureOf } from "./testing/feature-client.ts";
import { SdkRig, textOf } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { put } = sdk;

describe("multipart uploads through the SDK", () => {
  const Bucket = "docs";

  it("creates, uploads, lists, completes and reads parts", async () => {
    const Key = "multi/ü";
    const { UploadId } = await sdk.s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "text/x", ChecksumAlgorithm: "CRC32" }),
    );
    const address = { Bucket, Key, UploadId };
    const bodies = ["a".repeat(2000), "b".repeat(10)];
    const parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const part = await sdk.s3.send(
        new UploadPartCommand({ ...address, PartNumber, Body, ChecksumAlgorithm: "CRC32" }),
      );
      parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
    }
    const listed = await sdk.s3.send(new ListPartsCommand({ ...address, MaxParts: 1 }));
    expect(listed).toMatchObject({ IsTruncated: true, NextPartNumberMarker: "1", StorageClass: "STANDARD" });
    expect(listed.Parts).toMatchObject([{ PartNumber: 1, Size: 2000 }]);
    const uploads = await sdk.s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "multi/" }));
    expect(uploads.Uploads).toMatchObject([{ Key, UploadId, ChecksumAlgorithm: "CRC32" }]);
    const done = await sdk.s3.send(
      new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts: parts } }),
    );
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(done.ChecksumCRC32).toMatch(/-2$/);
    expect(done.Location).toBe(`${sdk.rig.endpoint}/docs/multi/%C3%BC`);
    const got = await sdk.s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    expect(await textOf(got)).toBe(bodies.join(""));
    const second = await sdk.s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    expect(await textOf(second)).toBe(bodies[1]);
    expect(second).toMatchObject({ PartsCount: 2, ContentRange: "bytes 2000-2009/2010" });
    const head = await sdk.s3.send(new HeadObjectCommand({ Bucket, Key, PartNumber: 1 }));
    expect(head).toMatchObject({ ContentLength: 2000, PartsCount: 2 });
    expect(await failureOf(sdk.s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 3 })))).toEqual({
      name: "InvalidPart",
      status: 400,
    });
  });

  it("copies parts and ranges of other objects", async () => {
    await put("part-source", "0123456789".repeat(300));
    const { UploadId } = await sdk.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "assembled" }));
    const address = { Bucket, Key: "assembled", UploadId };
    const CopySource = "docs/part-source";
    const whole = await sdk.s3.send(new UploadPartCopyCommand({ ...address, PartNumber: 1, CopySource }));
    const range = await sdk.s3.send(
      new UploadPartCopyCommand({ ...address, PartNumber: 2, CopySource, CopySourceRange: "bytes=3-5" }),
    );
    await sdk.s3.send(
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
    const got = await sdk.s3.send(new GetObjectCommand({ Bucket, Key: "assembled" }));
    expect(await textOf(got)).toBe(`${"0123456789".repeat(300)}345`);
    for (const CopySourceRange of ["bytes=0-3000", "bytes=3000-3000"]) {
      const { UploadId } = await sdk.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "assembled" }));
      const beyond = { Bucket, Key: "assembled", UploadId, PartNumber: 3, CopySource, CopySourceRange };
      const failure = { name: "InvalidRange", status: 416 };
      expect(await failureOf(sdk.s3.send(new UploadPartCopyCommand(beyond)))).toEqual(failure);
    }
  });

  it("refuses parts with a checksum of another algorithm than the upload's", async () => {
    const create = { Bucket, Key: "sha", ChecksumAlgorithm: "SHA256" } as const;
    const { UploadId } = await sdk.s3.send(new CreateMultipartUploadCommand(create));
    const address = { Bucket, Key: "sha", UploadId };
    const part = { ...address, PartNumber: 1, Body: "x", ChecksumAlgorithm: "CRC32" } as const;
    expect(await failureOf(sdk.s3.send(new UploadPartCommand(part)))).toEqual({
      name: "InvalidRequest",
      status: 400,
    });
    await sdk.s3.send(new AbortMultipartUploadCommand(address));
  });

  it("takes a part that is named twice as it was sent last", async () => {
    const { UploadId } = await sdk.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "twice" }));
    const address = { Bucket, Key: "twice", UploadId };
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const Body of ["first", "again"]) {
      const { ETag } = await sdk.s3.send(new UploadPartCommand({ ...address, PartNumber: 1, Body }));
      Parts.push({ PartNumber: 1, ETag });
    }
    const complete = (MultipartUpload: { Parts: typeof Parts }) =>
      failureOf(sdk.s3.send(new CompleteMultipartUploadCommand({ ...address, MultipartUpload })));
    const outdated = { name: "InvalidPart", status: 400 };
    expect(await complete({ Parts: Parts.toReversed() })).toEqual(outdated);
    expect((await complete({ Parts })).name).toBe("succeeded");
    expect(await textOf(await sdk.s3.send(new GetObjectCommand({ Bucket, Key: "twice" })))).toBe("again");
  });

  it("refuses bad completions and unknown uploads, and aborts", async () => {
    const { UploadId } = await sdk.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "bad" }));
    const address = { Bucket, Key: "bad", UploadId };
    const { ETag } = await sdk.s3.send(new UploadPartCommand({ ...address, PartNumber: 1, Body: "short" }));
    await sdk.s3.send(new UploadPartCommand({ ...address, PartNumber: 2, Body: "short" }));
    const complete = (Parts: { PartNumber: number; ETag: string | undefined }[]) =>
      failureOf(sdk.s3.send(new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts } })));
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
    await sdk.s3.send(new AbortMultipartUploadCommand(address));
    expect(await failureOf(sdk.s3.send(new ListPartsCommand(address)))).toEqual({
      name: "NoSuchUpload",
      status: 404,
    });
    const marker = new ListMultipartUploadsCommand({ Bucket, KeyMarker: "bad", UploadIdMarker: "zzz" });
    expect(await failureOf(sdk.s3.send(marker))).toEqual({ name: "InvalidArgument", status: 400 });
    const elsewhere = new UploadPartCommand({ ...address, Key: "other", PartNumber: 1, Body: "x" });
    expect(await failureOf(sdk.s3.send(elsewhere))).toEqual({ name: "NoSuchUpload", status: 404 });
  });
});
