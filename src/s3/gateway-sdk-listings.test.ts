import {
  CreateBucketCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
} from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, it } from "vitest";
import { SdkRig } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { put } = sdk;

describe("listings through the SDK", () => {
  beforeAll(async () => {
    await sdk.s3.send(new CreateBucketCommand({ Bucket: "lists" }));
    for (const key of ["a", "b/1", "b/2", "c d", "é", "\u0001x"]) await put(key, "x", "lists");
  });

  it("v2 folds, pages and ends exactly", async () => {
    const page = (ContinuationToken?: string) =>
      sdk.s3.send(
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
    const plain = await sdk.s3.send(
      new ListObjectsV2Command({ Bucket: "lists", StartAfter: "b/2", Prefix: "c" }),
    );
    expect(plain.Contents?.[0]).toMatchObject({ Key: "c d", Size: 1, StorageClass: "STANDARD" });
    expect(plain.Contents?.[0]?.Owner).toBeUndefined();
    expect(plain.Delimiter).toBeUndefined();
    const owned = await sdk.s3.send(
      new ListObjectsV2Command({ Bucket: "lists", Prefix: "c", FetchOwner: true }),
    );
    expect(owned.Contents?.[0]?.Owner).toEqual({ ID: "a".repeat(64), DisplayName: "user a" });
  });

  it("v1 goes on from markers", async () => {
    const first = await sdk.s3.send(
      new ListObjectsCommand({ Bucket: "lists", Prefix: "b", MaxKeys: 1, Delimiter: "/" }),
    );
    expect(first).toMatchObject({ CommonPrefixes: [{ Prefix: "b/" }], IsTruncated: false });
    const marked = await sdk.s3.send(new ListObjectsCommand({ Bucket: "lists", Marker: "b/1", MaxKeys: 1 }));
    expect(marked.Contents?.map((entry) => entry.Key)).toEqual(["b/2"]);
    expect(marked.IsTruncated).toBe(true);
    expect(marked.NextMarker).toBeUndefined();
    expect(marked.Contents?.[0]?.Owner?.ID).toBe("a".repeat(64));
  });

  it("max-keys of zero is an empty page that is not truncated", async () => {
    const none = await sdk.s3.send(new ListObjectsV2Command({ Bucket: "lists", MaxKeys: 0 }));
    expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false, MaxKeys: 0 });
  });

  it("lists every object as its null version", async () => {
    const listing = await sdk.s3.send(
      new ListObjectVersionsCommand({ Bucket: "lists", Prefix: "b/", MaxKeys: 1 }),
    );
    expect(listing.Versions).toMatchObject([{ Key: "b/1", VersionId: "null", IsLatest: true }]);
    expect(listing).toMatchObject({ IsTruncated: true, NextKeyMarker: "b/1", NextVersionIdMarker: "null" });
    const next = await sdk.s3.send(
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
