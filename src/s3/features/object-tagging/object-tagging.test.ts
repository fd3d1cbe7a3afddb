import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, READER, type Rig, startRig } from "../../testing/rig.ts";

const Bucket = "tagged";
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const put = (Key: string, Tagging?: string) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: "x", Tagging }));
const tagsOf = async (Key: string, VersionId?: string) =>
  (await s3.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }))).TagSet;
const setTags = (Key: string, TagSet: { Key: string; Value: string }[], VersionId?: string) =>
  s3.send(new PutObjectTaggingCommand({ Bucket, Key, VersionId, Tagging: { TagSet } }));

describe("tags of an object", () => {
  it("come with it, are counted, replaced and taken away", async () => {
    await put("k", "a=1&b=two%20words&c");
    expect(await tagsOf("k")).toEqual([
      { Key: "a", Value: "1" },
      { Key: "b", Value: "two words" },
      { Key: "c", Value: "" },
    ]);
    const read = await s3.send(new GetObjectCommand({ Bucket, Key: "k" }));
    expect(read.TagCount).toBe(3);
    await read.Body?.transformToString();
    await setTags("k", [{ Key: "only", Value: "one" }]);
    expect(await tagsOf("k")).toEqual([{ Key: "only", Value: "one" }]);
    const removed = await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: "k" }));
    expect(removed.$metadata.httpStatusCode).toBe(204);
    expect(await tagsOf("k")).toEqual([]);
  });

  it("are shown in order of their keys", async () => {
    await put("ordered", "foo=bar&bar");
    expect((await tagsOf("ordered"))?.map((tag) => tag.Key)).toEqual(["bar", "foo"]);
  });

  it("are copied or replaced with the object", async () => {
    await put("source", "a=1");
    const copy = (Key: string, more: { TaggingDirective?: "COPY" | "REPLACE"; Tagging?: string }) =>
      s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/source`, ...more }));
    await copy("copied", {});
    expect(await tagsOf("copied")).toEqual([{ Key: "a", Value: "1" }]);
    await copy("replaced", { TaggingDirective: "REPLACE", Tagging: "b=2" });
    expect(await tagsOf("replaced")).toEqual([{ Key: "b", Value: "2" }]);
    await copy("bare", { TaggingDirective: "REPLACE" });
    expect(await tagsOf("bare")).toEqual([]);
  });

  it("belong to one version", async () => {
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    const one = (await put("v", "n=1")).VersionId;
    const two = (await put("v", "n=2")).VersionId;
    const changed = await setTags("v", [{ Key: "n", Value: "one" }], one);
    expect(changed.VersionId).toBe(one);
    expect(await tagsOf("v", one)).toEqual([{ Key: "n", Value: "one" }]);
    expect(await tagsOf("v", two)).toEqual([{ Key: "n", Value: "2" }]);
    expect(await failureOf(tagsOf("v", "AAAAAAAAAAAAAAAAAAAAAA"))).toEqual({
      name: "NoSuchVersion",
      status: 404,
    });
  });

  it("are ten at most, each once, and refused as a whole", async () => {
    await put("limits");
    const eleven = Array.from({ length: 11 }, (_, at) => ({ Key: `k${at}`, Value: "v" }));
    expect(await failureOf(setTags("limits", eleven))).toEqual({ name: "InvalidTag", status: 400 });
    expect(await failureOf(put("limits", eleven.map(({ Key }) => Key).join("&")))).toEqual({
      name: "InvalidTag",
      status: 400,
    });
    expect(await failureOf(put("limits", "a=1&a=2"))).toEqual({ name: "InvalidTag", status: 400 });
    expect(await failureOf(put("limits", "a=%zz"))).toEqual({ name: "InvalidArgument", status: 400 });
    expect(await tagsOf("limits")).toEqual([]);
    await setTags("limits", eleven.slice(1));
    expect(await tagsOf("limits")).toHaveLength(10);
  });

  it("are changed by whoever may write", async () => {
    await put("k");
    const body = "<Tagging><TagSet/></Tagging>";
    const target = `/${Bucket}/k?tagging`;
    const answer = await sendRaw(rig, { method: "PUT", target, body, credentials: READER });
    expect(errorCodeOf(answer)).toBe("AccessDenied");
    expect(await failureOf(tagsOf("missing"))).toEqual({ name: "NoSuchKey", status: 404 });
  });
});
