import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketTaggingCommand,
  GetBucketTaggingCommand,
  PutBucketTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";

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

const put = (tags: readonly { Key: string; Value: string }[]) =>
  s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [...tags] } }));
const get = () => s3.send(new GetBucketTaggingCommand({ Bucket }));
const putXml = (body: string, credentials = ADMIN) =>
  sendRaw(rig, { method: "PUT", target: `/${Bucket}?tagging`, body, credentials });
const xml = (...tags: readonly string[]) => `<Tagging><TagSet>${tags.join("")}</TagSet></Tagging>`;
const tag = (key: string, value: string) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;

describe("tags of a bucket", () => {
  it("are none at first, then those that were put last, then none again", async () => {
    expect(await failureOf(get())).toEqual({ name: "NoSuchTagSet", status: 404 });
    await put([{ Key: "Hello", Value: "World" }]);
    const tags = [
      { Key: "team", Value: "sea + land" },
      { Key: "größe", Value: "" },
    ];
    await put(tags);
    expect((await get()).TagSet).toEqual(tags);
    expect((await s3.send(new DeleteBucketTaggingCommand({ Bucket }))).$metadata.httpStatusCode).toBe(204);
    expect(await failureOf(get())).toEqual({ name: "NoSuchTagSet", status: 404 });
    await s3.send(new DeleteBucketTaggingCommand({ Bucket }));
  });

  it("do not outlive their bucket", async () => {
    const Tagging = { TagSet: [{ Key: "k", Value: "v" }] };
    await s3.send(new CreateBucketCommand({ Bucket: "again" }));
    await s3.send(new PutBucketTaggingCommand({ Bucket: "again", Tagging }));
    await s3.send(new DeleteBucketCommand({ Bucket: "again" }));
    await s3.send(new CreateBucketCommand({ Bucket: "again" }));
    expect((await failureOf(s3.send(new GetBucketTaggingCommand({ Bucket: "again" })))).name).toBe(
      "NoSuchTagSet",
    );
  });

  it("are 50 at most", async () => {
    const tags = Array.from({ length: 51 }, (_, at) => ({ Key: `k${at}`, Value: "v" }));
    await put(tags.slice(0, 50));
    expect((await failureOf(put(tags))).name).toBe("InvalidTag");
    expect((await get()).TagSet).toHaveLength(50);
  });

  it.each([
    ["a key twice", xml(tag("k", "1"), tag("k", "2")), "InvalidTag"],
    ["an empty key", xml(tag("", "1")), "InvalidTag"],
    ["a key that is too long", xml(tag("k".repeat(129), "1")), "InvalidTag"],
    ["a value that is too long", xml(tag("k", "v".repeat(257))), "InvalidTag"],
    ["a character that tags do not have", xml(tag("k", "?")), "InvalidTag"],
    ["a name that is the system's", xml(tag("AWS:k", "v")), "InvalidTag"],
    ["no value", xml("<Tag><Key>k</Key></Tag>"), "MalformedXML"],
    ["an element that nobody knows", xml(`${tag("k", "v")}<Colour/>`), "MalformedXML"],
    ["two sets", "<Tagging><TagSet/><TagSet/></Tagging>", "MalformedXML"],
    ["another document", "<CORSConfiguration/>", "MalformedXML"],
    ["no document", "", "MalformedXML"],
  ])("are refused: %s", async (_, body, code) => {
    expect(errorCodeOf(await putXml(body))).toBe(code);
  });

  it("of the greatest length are kept", async () => {
    expect((await putXml(xml(tag("k".repeat(128), "v".repeat(256))))).status).toBe(204);
  });

  it("need a bucket, and the right to configure it", async () => {
    const missing = new GetBucketTaggingCommand({ Bucket: "missing" });
    expect(await failureOf(s3.send(missing))).toEqual({ name: "NoSuchBucket", status: 404 });
    const lost = new PutBucketTaggingCommand({ Bucket: "missing", Tagging: { TagSet: [] } });
    expect(await failureOf(s3.send(lost))).toEqual({ name: "NoSuchBucket", status: 404 });
    expect(errorCodeOf(await putXml(xml(tag("k", "v")), WRITER))).toBe("AccessDenied");
  });
});
