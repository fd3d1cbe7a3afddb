import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { accountIdOf } from "../access/index.ts";
import { failureOf } from "./testing/feature-client.ts";
import { LIMITED, READER, WRITER } from "./testing/rig.ts";
import { SdkRig } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { clientOf, put } = sdk;

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
    expect(await failureOf(sdk.s3.send(tagging))).toEqual({ name: "AccessDenied", status: 403 });
    const redirecting = new PutObjectCommand({
      Bucket: "docs",
      Key: "e",
      Body: "x",
      WriteOffsetBytes: 1,
    });
    expect(await failureOf(sdk.s3.send(redirecting))).toEqual({ name: "NotImplemented", status: 501 });
  });

  it("find out that a bucket is not whose they expect, by number or by canonical id", async () => {
    await put("expected", "x");
    const read = (ExpectedBucketOwner: string) =>
      failureOf(sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "expected", ExpectedBucketOwner })));
    const copy = (ExpectedSourceBucketOwner: string) =>
      failureOf(
        sdk.s3.send(
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

it("reported every request once, with what it was", async () => {
  const { events } = sdk.rig;
  expect(new Set(events.map((event) => event.requestId)).size).toBe(events.length);
  const put = events.find((event) => event.operation === "PutObject" && event.key === "secret");
  expect(put).toMatchObject({
    principalKeyId: WRITER.accessKeyId,
    bucket: "docs",
    status: 200,
    bytesIn: 1,
    errorCode: undefined,
    completed: true,
  });
  const denied = events.find(
    (event) => event.errorCode === "AccessDenied" && event.operation === "PutObject",
  );
  expect(denied).toMatchObject({ principalKeyId: READER.accessKeyId, status: 403, key: "nope" });
});
