import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { failureOf } from "./testing/feature-client.ts";
import { OTHER, startRig, WRITER } from "./testing/rig.ts";
import { SdkRig } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { clientOf, put } = sdk;

describe("buckets through the SDK", () => {
  it("creates, finds, lists, pages and deletes them", async () => {
    for (const name of ["zoo-one", "zoo-three", "zoo-two"]) {
      await sdk.s3.send(new CreateBucketCommand({ Bucket: name }));
    }
    expect((await sdk.s3.send(new HeadBucketCommand({ Bucket: "zoo-one" }))).BucketRegion).toBe("us-east-1");
    expect(
      (await sdk.s3.send(new GetBucketLocationCommand({ Bucket: "zoo-one" }))).LocationConstraint,
    ).toBeUndefined();
    expect((await sdk.s3.send(new GetBucketVersioningCommand({ Bucket: "zoo-one" }))).Status).toBeUndefined();
    const first = await sdk.s3.send(new ListBucketsCommand({ Prefix: "zoo-", MaxBuckets: 2 }));
    expect(first.Buckets?.map((bucket) => bucket.Name)).toEqual(["zoo-one", "zoo-three"]);
    const second = await sdk.s3.send(
      new ListBucketsCommand({ Prefix: "zoo-", ContinuationToken: first.ContinuationToken }),
    );
    expect(second.Buckets?.map((bucket) => bucket.Name)).toEqual(["zoo-two"]);
    expect(second.Owner).toEqual({ ID: "a".repeat(64), DisplayName: "user a" });
    for (const name of ["zoo-one", "zoo-three", "zoo-two"]) {
      await sdk.s3.send(new DeleteBucketCommand({ Bucket: name }));
    }
    expect(await failureOf(sdk.s3.send(new HeadBucketCommand({ Bucket: "zoo-one" })))).toEqual({
      name: "NotFound",
      status: 404,
    });
  });

  it("tells whose an existing bucket is, and makes a plain one of the caller's own again in us-east-1 alone", async () => {
    const again = { name: "BucketAlreadyOwnedByYou", status: 409 };
    const [versionId, withLock] = [undefined, { Bucket: "docs", ObjectLockEnabledForBucket: true }];
    await put("kept/again", "kept");
    expect((await sdk.s3.send(new CreateBucketCommand({ Bucket: "docs" }))).Location).toBe("/docs");
    const { VersionId, Body } = await sdk.s3.send(
      new GetObjectCommand({ Bucket: "docs", Key: "kept/again" }),
    );
    expect([VersionId, await Body?.transformToString()]).toEqual([versionId, "kept"]);
    expect(await failureOf(sdk.s3.send(new CreateBucketCommand(withLock)))).toEqual(again);
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
    await sdk.s3.send(new CreateBucketCommand({ Bucket: "full" }));
    await put("k", "v", "full");
    expect(await failureOf(sdk.s3.send(new DeleteBucketCommand({ Bucket: "full" })))).toEqual({
      name: "BucketNotEmpty",
      status: 409,
    });
    expect(await failureOf(sdk.s3.send(new CreateBucketCommand({ Bucket: "xn--bad" })))).toEqual({
      name: "InvalidBucketName",
      status: 400,
    });
    const elsewhere = new CreateBucketCommand({
      Bucket: "elsewhere",
      CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
    });
    expect(await failureOf(sdk.s3.send(elsewhere))).toEqual({
      name: "IllegalLocationConstraintException",
      status: 400,
    });
  });
});
