import { describe, expect, it, vi } from "vitest";
import { type CommandBody, MetaError } from "../meta/index.ts";
import { MAX_RELEASED_REFERENCES } from "./released-references.ts";
import { BUCKET, ObjectRig, signal } from "./testing/object-rig.ts";
import { OWNER } from "./testing/single-node.ts";
import { beginUpload, putSlices, uploadSmallPart } from "./testing/slices.ts";

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

describe("a bucket with uploads that is deleted", () => {
  const begin = async (key: string) => {
    const upload = { bucket: BUCKET, key, uploadId: await beginUpload(rig.node, BUCKET, key) };
    return { ...upload, parts: [await uploadSmallPart(rig.node, upload, 1)] };
  };

  /** What others do between a command and the next. */
  function before(kind: CommandBody["case"], action: () => Promise<unknown>): CommandBody["case"][] {
    const { metadata } = rig.node;
    const submit = metadata.submit.bind(metadata);
    const seen: CommandBody["case"][] = [];
    let isDue = true;
    vi.spyOn(metadata, "submit").mockImplementation(async (body, options) => {
      seen.push(body.case);
      if (isDue && body.case === kind) {
        isDue = false;
        await action();
      }
      return await submit(body, options);
    });
    return seen;
  }

  it("keeps all of them when one is completed first", async () => {
    const [a, b] = [await begin("a"), await begin("b")];
    const complete = vi.fn(() => rig.node.objects.completeUpload(a));
    before("deleteBucket", complete);
    await expect(rig.node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-empty" });
    await rig.node.objects.completeUpload(b);
    expect((await keysOf("")).keys).toEqual(["a", "b"]);
  });

  it("goes when one is to be completed after it was judged, and the completion is refused", async () => {
    const a = await begin("a");
    const refusals: unknown[] = [];
    const attempt = (action: Promise<unknown>) => action.catch((error: unknown) => refusals.push(error));
    before("abortUpload", async () => {
      await attempt(rig.node.objects.completeUpload(a));
      await attempt(begin("b"));
      await attempt(put("k", "content"));
    });
    await rig.node.objects.deleteBucket(BUCKET);
    expect(refusals).toHaveLength(3);
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: "bucket-not-found" });
    await expect(rig.node.objects.headBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-found" });
    expect(await rig.node.violations()).toEqual([]);
  });

  it("is deleted to its end by the next call when the first one fails on its way", async () => {
    await begin("a");
    before("abortUpload", () => Promise.reject(new MetaError("unavailable", "no leader")));
    await expect(rig.node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "unavailable" });
    await expect(put("k", "content")).rejects.toMatchObject({ code: "bucket-not-found" });
    await rig.node.objects.deleteBucket(BUCKET);
    await rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    await put("k", "content");
  });

  it.each(["deleteBucket", "abortUpload"] as const)(
    "leaves the one alone that another owner makes under the name, before its %s",
    async (kind) => {
      const owner = { id: "b".repeat(64), displayName: "other" };
      const a = await begin("a");
      const seen = before(kind, async () => {
        await rig.node.objects.abortUpload(a);
        await rig.node.objects.deleteBucket(BUCKET);
        await rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner });
      });
      const deleted = rig.node.objects.deleteBucket(BUCKET);
      if (kind === "abortUpload") await deleted;
      else await expect(deleted).rejects.toMatchObject({ code: "unavailable" });
      expect(seen).toContain(kind);
      expect(await rig.node.objects.headBucket(BUCKET)).toMatchObject({ owner });
    },
  );

  it("aborts at one time no more than a bounded number of references", async () => {
    const slices = 300;
    const fit = Math.floor(MAX_RELEASED_REFERENCES / slices);
    await putSlices(rig.node, BUCKET, "source", slices);
    for (let at = 0; at < fit + 2; at++) {
      const upload = {
        bucket: BUCKET,
        key: `u${at}`,
        uploadId: await beginUpload(rig.node, BUCKET, `u${at}`),
      };
      const source = { sourceBucket: BUCKET, sourceKey: "source", range: undefined };
      await rig.node.objects.uploadPartCopy({ ...upload, partNumber: 1, ...source, signal });
    }
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "source" });
    const { metadata } = rig.node;
    const submit = metadata.submit.bind(metadata);
    let [underWay, most] = [0, 0];
    vi.spyOn(metadata, "submit").mockImplementation(async (body, options) => {
      if (body.case === "abortUpload") most = Math.max(most, ++underWay);
      const result = await submit(body, options);
      if (body.case === "abortUpload") underWay -= 1;
      return result;
    });
    await rig.node.objects.deleteBucket(BUCKET);
    expect(most).toBe(fit);
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
