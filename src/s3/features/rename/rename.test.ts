/** The promise: an object has its new key or its old one, never both and never neither, and only where the caller may take it away from the old one. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  RenameObjectCommand,
  type RenameObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, READER, type Rig, startRig } from "../../testing/rig.ts";

const Bucket = "moving";
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new CreateBucketCommand({ Bucket: "versioned" }));
  await s3.send(
    new PutBucketVersioningCommand({
      Bucket: "versioned",
      VersioningConfiguration: { Status: "Enabled" },
    }),
  );
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const put = (Key: string, Body: string, more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const rename = (from: string, Key: string, more: Partial<RenameObjectCommandInput> = {}) =>
  s3.send(new RenameObjectCommand({ Bucket, Key, RenameSource: encodeURIComponent(from), ...more }));
const read = async (Key: string, bucket = Bucket) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
  return await Body?.transformToString();
};
const NOT_THERE = { name: "NoSuchKey", status: 404 };

describe("a rename", () => {
  it("moves bytes, metadata, tags and time to the new key", async () => {
    const content = "x".repeat(5000);
    const { ETag } = await put("a/old key", content, { Metadata: { who: "me" }, Tagging: "k=v" });
    const before = await s3.send(new HeadObjectCommand({ Bucket, Key: "a/old key" }));
    await rename("a/old key", "b/größe");
    expect(await failureOf(read("a/old key"))).toEqual(NOT_THERE);
    expect(await read("b/größe")).toBe(content);
    const after = await s3.send(new HeadObjectCommand({ Bucket, Key: "b/größe" }));
    expect(after).toMatchObject({ ETag, Metadata: { who: "me" }, LastModified: before.LastModified });
    const tagging = await s3.send(new GetObjectTaggingCommand({ Bucket, Key: "b/größe" }));
    expect(tagging.TagSet).toEqual([{ Key: "k", Value: "v" }]);
  });

  it("takes the place of what is under the new key, which the conditions are about", async () => {
    const { ETag: oldTag } = await put("from", "new");
    const { ETag } = await put("to", "old");
    const refused = { name: "PreconditionFailed", status: 412 };
    expect(await failureOf(rename("from", "to", { DestinationIfNoneMatch: "*" }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { DestinationIfMatch: oldTag }))).toEqual(refused);
    const later = new Date(Date.now() + 60_000);
    const earlier = new Date(Date.now() - 60_000);
    expect(await failureOf(rename("from", "to", { DestinationIfModifiedSince: later }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { DestinationIfUnmodifiedSince: earlier }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { SourceIfMatch: ETag }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { SourceIfNoneMatch: "*" }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { SourceIfModifiedSince: later }))).toEqual(refused);
    expect(await failureOf(rename("from", "to", { SourceIfUnmodifiedSince: earlier }))).toEqual(refused);
    expect([await read("from"), await read("to")]).toEqual(["new", "old"]);
    await rename("from", "to", { DestinationIfMatch: ETag, SourceIfMatch: oldTag });
    expect(await read("to")).toBe("new");
    expect(await failureOf(read("from"))).toEqual(NOT_THERE);
  });

  it("that is repeated with its token is done once", async () => {
    await put("one", "1");
    await rename("one", "two", { ClientToken: "token-1" });
    await put("one", "another");
    await rename("one", "two", { ClientToken: "token-1" });
    expect([await read("one"), await read("two")]).toEqual(["another", "1"]);
    expect((await failureOf(rename("three", "two", { ClientToken: "token-1" }))).name).toBe(
      "IdempotencyParameterMismatch",
    );
    await rename("one", "two", { ClientToken: "token-2" });
    expect(await read("two")).toBe("another");
  });

  it("of one object to two keys at once comes to one of them", async () => {
    await put("racing", "r");
    const outcomes = await Promise.all(
      ["left", "right"].map((key) => failureOf(rename("racing", key, { ClientToken: key }))),
    );
    expect(outcomes.map(({ name }) => name).sort()).toEqual(["NoSuchKey", "succeeded"]);
  });

  it("leaves a delete marker where the bucket is versioned, and the versions as they are", async () => {
    const Bucket = "versioned";
    await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "first" }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "second" }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "b", Body: "before" }));
    await rename("a", "b", { Bucket });
    expect(await read("b", Bucket)).toBe("second");
    const listed = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(listed.Versions?.map(({ Key, IsLatest }) => [Key, IsLatest])).toEqual([
      ["a", false],
      ["a", false],
      ["b", true],
      ["b", false],
    ]);
    expect(listed.DeleteMarkers?.map(({ Key, IsLatest }) => [Key, IsLatest])).toEqual([["a", true]]);
    expect((await failureOf(rename("a", "c", { Bucket }))).name).toBe("NoSuchKey");
  });

  it("keeps an encrypted object readable", async () => {
    await put("sealed", "secret".repeat(1000), { ServerSideEncryption: "AES256" });
    await rename("sealed", "elsewhere");
    expect(await read("elsewhere")).toBe("secret".repeat(1000));
  });
});

describe("is refused", () => {
  const raw = (source: string | undefined, more: { headers?: Record<string, string>; to?: string } = {}) =>
    sendRaw(rig, {
      method: "PUT",
      target: `/${Bucket}/${more.to ?? "new"}?renameObject`,
      credentials: ADMIN,
      headers: { ...(source !== undefined && { "x-amz-rename-source": source }), ...more.headers },
    });

  it.each<[string, () => ReturnType<typeof raw>, string]>([
    ["without a source", () => raw(undefined), "InvalidArgument"],
    ["with an empty source", () => raw("/"), "InvalidArgument"],
    ["with a source that is too long", () => raw("a".repeat(1025)), "KeyTooLongError"],
    ["with a source that is no key", () => raw("%zz"), "InvalidURI"],
    ["to its own key", () => raw("/new"), "InvalidRequest"],
    ["of what is not there", () => raw("missing"), "NoSuchKey"],
    [
      "with a token that is too long",
      () => raw("missing", { headers: { "x-amz-client-token": "t".repeat(65) } }),
      "InvalidArgument",
    ],
  ])("%s", async (_, send, code) => {
    expect(errorCodeOf(await send())).toBe(code);
  });

  it("to who may not take the object away, or may not read it", async () => {
    await put("kept/a", "a");
    const target = `/${Bucket}/new?renameObject`;
    const headers = { "x-amz-rename-source": "kept/a" };
    const request = { method: "PUT", target, headers, credentials: READER };
    expect(errorCodeOf(await sendRaw(rig, request))).toBe("AccessDenied");
    for (const action of ["s3:DeleteObject", "s3:GetObject"]) {
      const Policy = JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Deny",
            Principal: "*",
            Action: action,
            Resource: `arn:aws:s3:::${Bucket}/kept/*`,
          },
        ],
      });
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
      expect((await failureOf(rename("kept/a", "taken"))).name).toBe("AccessDenied");
    }
  });
});
