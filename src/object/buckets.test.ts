import { describe, expect, it } from "vitest";
import { BUCKET, ObjectRig } from "./testing/object-rig.ts";
import { OWNER } from "./testing/single-node.ts";

const rig = ObjectRig.forEachTest();
const { get, keysOf, put } = rig;

describe("buckets", () => {
  it.each(["ab", "Photos", "a..b", "-ab", "192.168.1.1", "xn--abc", "x".repeat(64), "a_b"])(
    "%s is no name",
    async (bucket) => {
      await expect(
        rig.node.objects.createBucket({ bucket, region: "r", owner: OWNER }),
      ).rejects.toMatchObject({
        code: "bucket-name-invalid",
      });
    },
  );

  it("exist once, and say whose they are", async () => {
    const again = rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    await expect(again).rejects.toMatchObject({ code: "bucket-owned-by-you" });
    const other = { id: "b".repeat(64), displayName: "other" };
    const taken = rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner: other });
    await expect(taken).rejects.toMatchObject({ code: "bucket-exists" });
  });

  it("go only when they are empty, and come back empty", async () => {
    await put("k", "content");
    await expect(rig.node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-empty" });
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await rig.node.objects.deleteBucket(BUCKET);
    await expect(rig.node.objects.headBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-found" });
    await rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    expect((await keysOf("")).keys).toEqual([]);
  });

  it("go with the uploads that were never completed, however many, but not while there is an object", async () => {
    const attributes = {
      contentType: "",
      headers: new Map(),
      userMetadata: new Map(),
      storageClass: "STANDARD",
    };
    const begin = (key: string) =>
      rig.node.objects.createUpload({
        bucket: BUCKET,
        key,
        attributes,
        owner: OWNER,
        checksumAlgorithm: undefined,
        checksumType: undefined,
      });
    await put("k", "content");
    const { uploadId } = await begin("kept");
    await expect(rig.node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-empty" });
    const address = { bucket: BUCKET, key: "kept", uploadId };
    await expect(rig.node.objects.listParts({ ...address, after: 0, limit: 1 })).resolves.toMatchObject({
      parts: [],
    });
    for (let index = 0; index < 130; index++) await begin(`upload ${index}`);
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await rig.node.objects.deleteBucket(BUCKET);
    await expect(rig.node.objects.headBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-found" });
  });

  it("are listed to a key only as far as it may touch them", async () => {
    for (const bucket of ["aaa", "bbb", "ccc"])
      await rig.node.objects.createBucket({ bucket, region: "r", owner: OWNER });
    const principal = { keyId: "k", role: "reader" as const, buckets: ["aaa", "ccc"], owner: OWNER };
    const page = await rig.node.objects.listBuckets({ principal, prefix: "", after: "", limit: 1 });
    expect(page).toMatchObject({ buckets: [{ name: "aaa" }], next: "aaa" });
    const rest = await rig.node.objects.listBuckets({ principal, prefix: "", after: "aaa", limit: 10 });
    expect(rest).toMatchObject({ buckets: [{ name: "ccc" }], next: undefined });
  });
});

describe("keys", () => {
  it.each(["", "\ud800", "x".repeat(1025), "é".repeat(513)])("%j is refused", async (key) => {
    await expect(put(key, "x")).rejects.toMatchObject({ code: expect.stringMatching(/^key-/) });
  });

  it.each(["/", "//", "a\0b", "..", " ", "x".repeat(1024), "é".repeat(512), "\u0001\u0001"])(
    "%j is a key",
    async (key) => {
      await put(key, "content");
      expect(await get(key)).toBe("content");
      expect((await keysOf("")).keys).toEqual([key]);
    },
  );
});
