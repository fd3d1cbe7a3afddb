import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  ObjectAttributes,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "attributes";
const ALL = Object.values(ObjectAttributes);
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, WRITER);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const get = (Key: string, options: object = {}) =>
  s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ALL, ...options }));

describe("the attributes of an object", () => {
  it("of one piece have no parts", async () => {
    const put = await s3.send(
      new PutObjectCommand({ Bucket, Key: "one", Body: "x", ChecksumAlgorithm: "SHA256" }),
    );
    const attributes = await get("one");
    expect(attributes).toMatchObject({
      ETag: put.ETag?.slice(1, -1),
      ObjectSize: 1,
      StorageClass: "STANDARD",
      Checksum: { ChecksumSHA256: put.ChecksumSHA256, ChecksumType: "FULL_OBJECT" },
    });
    expect(attributes.ObjectParts).toBeUndefined();
    expect(await get("one", { ObjectAttributes: ["ObjectSize"] })).toMatchObject({ ObjectSize: 1 });
    expect((await get("one", { ObjectAttributes: ["ObjectSize"] })).ETag).toBeUndefined();
  });

  it("of an upload have its parts page by page; a part comes with its own checksum", async () => {
    const Key = "parts";
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key,
        ChecksumAlgorithm: "CRC32",
        ChecksumType: "FULL_OBJECT",
      }),
    );
    const Parts = [];
    for (const [index, Body] of ["a".repeat(1000), "b".repeat(2000), "c"].entries()) {
      const PartNumber = index * 2 + 1;
      const { ETag, ChecksumCRC32 } = await s3.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm: "CRC32" }),
      );
      Parts.push({ PartNumber, ETag, ChecksumCRC32 });
    }
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    expect(await get(Key, { MaxParts: 1, PartNumberMarker: "1" })).toMatchObject({
      ObjectSize: 3001,
      ObjectParts: {
        TotalPartsCount: 3,
        PartNumberMarker: "1",
        NextPartNumberMarker: "3",
        MaxParts: 1,
        IsTruncated: true,
        Parts: [{ PartNumber: 3, Size: 2000, ChecksumCRC32: Parts[1]?.ChecksumCRC32 }],
      },
    });
    expect((await get(Key, { PartNumberMarker: "3" })).ObjectParts).toMatchObject({ IsTruncated: false });
    const part = await s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 3, ChecksumMode: "ENABLED" }));
    expect([part.ContentLength, part.ChecksumCRC32]).toEqual([2000, Parts[1]?.ChecksumCRC32]);
  });

  it.each([
    ["unknown ones", { "x-amz-object-attributes": "ETag,Colour" }],
    ["none", {}],
    ["parts that are no number", { "x-amz-object-attributes": "ETag", "x-amz-max-parts": "many" }],
  ])("are refused: %s", async (_, headers) => {
    const answer = await sendRaw(rig, { method: "GET", target: `/${Bucket}/one?attributes`, headers });
    expect(errorCodeOf(answer)).toBe("InvalidArgument");
  });

  it("need an object", async () => {
    expect(await failureOf(get("missing"))).toEqual({ name: "NoSuchKey", status: 404 });
  });
});
