import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig } from "../../testing/rig.ts";

let rig: Rig;
let s3: S3Client;
let Bucket: string;
let buckets = 0;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
});

beforeEach(async () => {
  buckets += 1;
  Bucket = `versions-${buckets}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const version = (Status: "Enabled" | "Suspended") =>
  s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

async function put(Key: string, Body: string): Promise<string | undefined> {
  return (await s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
}

async function get(Key: string, VersionId?: string): Promise<string | undefined> {
  return (await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString();
}

const remove = (Key: string, VersionId?: string) =>
  s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));

/** Key, version, whether it is the latest, and "marker" for a delete marker; over all pages of this size. */
async function listed(MaxKeys = 1000, more: { Prefix?: string; Delimiter?: string } = {}) {
  const found: { key: string; id: string; latest: boolean; marker: boolean }[] = [];
  const prefixes: string[] = [];
  let markers: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys, ...more, ...markers }));
    const rows = [
      ...(page.Versions ?? []).map((row) => ({ ...row, marker: false })),
      ...(page.DeleteMarkers ?? []).map((row) => ({ ...row, marker: true })),
    ];
    expect(rows.length + (page.CommonPrefixes?.length ?? 0)).toBeLessThanOrEqual(MaxKeys);
    for (const row of rows) {
      found.push({ key: row.Key!, id: row.VersionId!, latest: row.IsLatest!, marker: row.marker });
    }
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
    if (page.IsTruncated !== true) return { found, prefixes };
    markers = {
      KeyMarker: page.NextKeyMarker!,
      ...(page.NextVersionIdMarker && { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
}

describe("the versioning of a bucket", () => {
  it("is nothing at first, then what was put", async () => {
    const status = async () => (await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status;
    expect(await status()).toBeUndefined();
    await version("Enabled");
    expect(await status()).toBe("Enabled");
    await version("Suspended");
    expect(await status()).toBe("Suspended");
  });

  it.each([
    ["<VersioningConfiguration/>", "MalformedXML"],
    ["<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", "MalformedXML"],
    [
      "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>",
      "NotImplemented",
    ],
  ])("is not set by %s", async (body, code) => {
    const target = `/${Bucket}?versioning`;
    const answer = await sendRaw(rig, { method: "PUT", target, body, credentials: ADMIN });
    expect(errorCodeOf(answer)).toBe(code);
  });
});

describe("versions", () => {
  it("have no ids where versioning never was, and are called null in lists", async () => {
    expect(await put("k", "one")).toBeUndefined();
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }))).VersionId).toBeUndefined();
    expect((await listed()).found).toEqual([{ key: "k", id: "null", latest: true, marker: false }]);
    expect(await get("k", "null")).toBe("one");
    await remove("k", "null");
    expect((await listed()).found).toEqual([]);
  });

  it("stay readable by their ids, the newest is current", async () => {
    await put("k", "zero");
    await version("Enabled");
    const one = await put("k", "one");
    const two = await put("k", "two");
    expect(new Set([one, two, undefined]).size).toBe(3);
    expect(await get("k")).toBe("two");
    expect(await get("k", one)).toBe("one");
    expect(await get("k", "null")).toBe("zero");
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: "k", VersionId: one }))).VersionId).toBe(one);
    expect((await listed()).found).toEqual([
      { key: "k", id: two, latest: true, marker: false },
      { key: "k", id: one, latest: false, marker: false },
      { key: "k", id: "null", latest: false, marker: false },
    ]);
  });

  it("come back when the delete marker over them is removed", async () => {
    await version("Enabled");
    const one = await put("k", "one");
    const deleted = await remove("k");
    expect(deleted.DeleteMarker).toBe(true);
    const answer = await sendRaw(rig, { method: "GET", target: `/${Bucket}/k`, credentials: ADMIN });
    expect([answer.status, answer.headers.get("x-amz-delete-marker")]).toEqual([404, "true"]);
    expect(answer.headers.get("x-amz-version-id")).toBe(deleted.VersionId);
    const none = await sendRaw(rig, { method: "HEAD", target: `/${Bucket}/never`, credentials: ADMIN });
    expect([none.status, none.headers.get("x-amz-delete-marker")]).toEqual([404, "false"]);
    const target = `/${Bucket}/k?versionId=${deleted.VersionId}`;
    const marker = await sendRaw(rig, { method: "GET", target, credentials: ADMIN });
    expect([marker.status, errorCodeOf(marker), marker.headers.get("allow")]).toEqual([
      405,
      "MethodNotAllowed",
      "DELETE",
    ]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    const undone = await remove("k", deleted.VersionId);
    expect([undone.DeleteMarker, undone.VersionId]).toEqual([true, deleted.VersionId]);
    expect(await get("k")).toBe("one");
    await remove("k", one);
    expect(await failureOf(get("k"))).toEqual({ name: "NoSuchKey", status: 404 });
    await s3.send(new DeleteBucketCommand({ Bucket }));
  });

  it("that are null are replaced while versioning is suspended", async () => {
    await version("Enabled");
    const one = await put("k", "one");
    await version("Suspended");
    expect(await put("k", "two")).toBeUndefined();
    expect(await put("k", "three")).toBeUndefined();
    expect((await listed()).found.map(({ id }) => id)).toEqual(["null", one]);
    const marked = await remove("k");
    expect([marked.DeleteMarker, marked.VersionId]).toEqual([true, "null"]);
    // The SDK keeps delete markers apart: they come behind the versions here.
    expect((await listed()).found).toEqual([
      { key: "k", id: one, latest: false, marker: false },
      { key: "k", id: "null", latest: true, marker: true },
    ]);
    await remove("k", "null");
    expect(await get("k")).toBe("one");
  });

  it("keep a bucket from being deleted", async () => {
    await version("Enabled");
    await remove("never-there");
    expect(await failureOf(s3.send(new DeleteBucketCommand({ Bucket })))).toEqual({
      name: "BucketNotEmpty",
      status: 409,
    });
  });

  it("are copied by their ids, also onto the key itself", async () => {
    await version("Enabled");
    const one = await put("k", "one");
    await put("k", "two");
    const restore = new CopyObjectCommand({ Bucket, Key: "k", CopySource: `${Bucket}/k?versionId=${one}` });
    const restored = await s3.send(restore);
    expect(restored.CopySourceVersionId).toBe(one);
    expect(restored.VersionId).not.toBe(one);
    expect(await get("k")).toBe("one");
    expect((await listed()).found).toHaveLength(3);
  });

  it("that are delete markers are no source of a copy", async () => {
    await version("Enabled");
    await put("k", "one");
    const { VersionId } = await remove("k");
    const CopySource = `${Bucket}/k?versionId=${VersionId}`;
    const refused = { name: "InvalidRequest", status: 400 };
    expect(await failureOf(s3.send(new CopyObjectCommand({ Bucket, Key: "c", CopySource })))).toEqual(
      refused,
    );
    const classed = new CopyObjectCommand({ Bucket, Key: "c", CopySource, StorageClass: "GLACIER" });
    expect(await failureOf(s3.send(classed))).toEqual(refused);
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "c" }));
    const part = new UploadPartCopyCommand({ Bucket, Key: "c", UploadId, PartNumber: 1, CopySource });
    expect(await failureOf(s3.send(part))).toEqual(refused);
  });

  it.each([
    ["GET", "versionId=", "InvalidArgument"],
    ["GET", "versionId=abc", "InvalidArgument"],
    ["GET", "versionId=AAAAAAAAAAAAAAAAAAAAAA", "NoSuchVersion"],
    ["GET", "versionId=null", "NoSuchVersion"],
    ["DELETE", "versionId=abc", "InvalidArgument"],
    ["DELETE", "versionId=AAAAAAAAAAAAAAAAAAAAAA", "status 204"],
  ])("that do not exist: %s %s is %s", async (method, query, code) => {
    await version("Enabled");
    await put("k", "one");
    const answer = await sendRaw(rig, { method, target: `/${Bucket}/k?${query}`, credentials: ADMIN });
    expect(errorCodeOf(answer)).toBe(code);
    expect(await get("k")).toBe("one");
  });

  it("are deleted many at a time, each for itself", async () => {
    await version("Enabled");
    const one = await put("a", "one");
    const marker = (await remove("b")).VersionId;
    const Objects = [
      { Key: "a", VersionId: one },
      { Key: "a" },
      { Key: "b", VersionId: marker },
      { Key: "c", VersionId: "nonsense" },
    ];
    const result = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(result.Deleted).toMatchObject([
      { Key: "a", VersionId: one },
      { Key: "a", DeleteMarker: true },
      { Key: "b", VersionId: marker, DeleteMarker: true, DeleteMarkerVersionId: marker },
    ]);
    expect(result.Errors).toMatchObject([{ Key: "c", Code: "InvalidArgument" }]);
    expect((await listed()).found).toMatchObject([{ key: "a", marker: true, latest: true }]);
  });
});

describe("lists of versions", () => {
  it("are the same whatever the page, with and without a delimiter", async () => {
    await version("Enabled");
    for (const key of ["a", "dir/x", "dir/y", "z"]) {
      await put(key, "1");
      await put(key, "2");
    }
    await remove("dir/x");
    await remove("z");
    const whole = await listed();
    expect(whole.found.map(({ key }) => key).sort()).toHaveLength(10);
    const order = (rows: typeof whole.found) => rows.map(({ key, id }) => `${key} ${id}`).sort();
    for (const size of [1, 2, 3, 7]) expect(order((await listed(size)).found)).toEqual(order(whole.found));
    for (const size of [1, 2, 1000]) {
      const folded = await listed(size, { Delimiter: "/" });
      expect(folded.prefixes).toEqual(["dir/"]);
      expect(folded.found.map(({ key }) => key).sort()).toEqual(["a", "a", "z", "z", "z"]);
    }
    expect((await listed(2, { Prefix: "dir/" })).found).toHaveLength(5);
  });
});

describe("conditional deletes", () => {
  it("compare the size and the time as well, of the delete marker too", async () => {
    await version("Enabled");
    await put("k", "12345");
    const { LastModified } = await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }));
    const attempt = (headers: Record<string, string>) =>
      sendRaw(rig, { method: "DELETE", target: `/${Bucket}/k`, headers, credentials: ADMIN });
    const time = "x-amz-if-match-last-modified-time";
    expect((await attempt({ "x-amz-if-match-size": "4" })).status).toBe(412);
    expect((await attempt({ [time]: new Date(0).toUTCString() })).status).toBe(412);
    expect((await attempt({ "if-match": '"other"' })).status).toBe(412);
    expect(errorCodeOf(await attempt({ [time]: "yesterday" }))).toBe("InvalidArgument");
    expect((await attempt({ "x-amz-if-match-size": "5", [time]: LastModified!.toUTCString() })).status).toBe(
      204,
    );
    for (const etag of ['"other"', '""']) expect((await attempt({ "if-match": etag })).status).toBe(412);
    expect((await listed()).found).toHaveLength(2);
  });
});
