import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ATTRIBUTES, BUCKET, body, md5, ObjectRig, signal, upTo } from "./testing/object-rig.ts";
import { MINIMUM_PART_BYTES, OWNER, SingleNode } from "./testing/single-node.ts";

const rig = ObjectRig.forEachTest();
const { get, put } = rig;

describe("a multipart upload", () => {
  async function begin(
    checksumAlgorithm?: "CRC32" | "SHA256" | "CRC64NVME",
    checksumType?: "FULL_OBJECT" | "COMPOSITE",
  ) {
    const { uploadId } = await rig.node.objects.createUpload({
      bucket: BUCKET,
      key: "big",
      attributes: ATTRIBUTES,
      owner: OWNER,
      checksumAlgorithm,
      checksumType,
    });
    return uploadId;
  }
  const address = (uploadId: string) => ({ bucket: BUCKET, key: "big", uploadId });
  const part = (uploadId: string, partNumber: number, bytes: Uint8Array) =>
    rig.node.objects.uploadPart({ ...address(uploadId), partNumber, body: body(bytes), signal });

  const first = upTo(MINIMUM_PART_BYTES * 3);
  const last = Buffer.from("the end");

  it("becomes one object with the MD5 of MD5s, moving no bytes", async () => {
    const uploadId = await begin();
    const etags = [(await part(uploadId, 2, last)).etag, (await part(uploadId, 1, first)).etag].reverse();
    const chunks = rig.node.targets.chunks.size;
    const completion = {
      ...address(uploadId),
      parts: etags.map((etag, index) => ({ partNumber: index + 1, etag })),
    };
    const done = await rig.node.objects.completeUpload(completion);
    const expected = createHash("md5")
      .update(Buffer.from(etags.join(""), "hex"))
      .digest("hex");
    expect(done.etag).toBe(`${expected}-2`);
    expect(rig.node.targets.chunks.size).toBe(chunks);
    expect(await get("big")).toBe(Buffer.concat([first, last]).toString("latin1"));
    expect(await get("big", { range: { kind: "part", partNumber: 2 } })).toBe("the end");
    expect((await rig.node.objects.completeUpload(completion)).etag).toBe(done.etag);
    expect(await rig.node.violations()).toEqual([]);
  });

  describe("that was completed", () => {
    async function completed() {
      const uploadId = await begin();
      const etags: string[] = [];
      for (const [at, bytes] of [first, last, Buffer.from("another end")].entries())
        etags.push((await part(uploadId, at + 1, bytes)).etag);
      const partOf = (partNumber: number) => ({ partNumber, etag: etags[partNumber - 1]! });
      const complete = (parts: { partNumber: number; etag: string }[], size?: number) =>
        rig.node.objects.completeUpload({ ...address(uploadId), parts, ...(size !== undefined && { size }) });
      const all = [partOf(1), partOf(2)];
      return { done: await complete(all), all, partOf, complete };
    }
    const WHOLE = first.length + last.length;

    it("answers the same completion with the same, also when the object is gone", async () => {
      const { done, all, complete } = await completed();
      expect(await complete(all, WHOLE)).toEqual(done);
      await rig.node.objects.deleteObject({ bucket: BUCKET, key: "big" });
      expect(await complete(all)).toMatchObject({ etag: done.etag, size: WHOLE });
    });

    it("is not found by a completion of other parts, or of another size", async () => {
      const { all, partOf, complete } = await completed();
      const others = [
        [partOf(1), partOf(3)],
        [partOf(1)],
        [...all, partOf(3)],
        [{ partNumber: 9, etag: "f".repeat(32) }],
        [{ partNumber: 1, etag: "no MD5" }, partOf(2)],
      ];
      for (const parts of others)
        await expect(complete(parts)).rejects.toMatchObject({ code: "upload-not-found" });
      await expect(complete(all, WHOLE + 1)).rejects.toMatchObject({ code: "upload-not-found" });
    });

    it("is not found by the other one of two completions at the same time", async () => {
      const uploadId = await begin();
      const one = await part(uploadId, 1, first);
      const two = await part(uploadId, 2, last);
      const complete = (etags: string[]) =>
        rig.node.objects.completeUpload({
          ...address(uploadId),
          parts: etags.map((etag, at) => ({ partNumber: at + 1, etag })),
        });
      const [winner, loser] = await Promise.allSettled([
        complete([one.etag, two.etag]),
        complete([one.etag]),
      ]);
      expect(winner).toMatchObject({ status: "fulfilled", value: { size: WHOLE } });
      expect(loser).toMatchObject({ status: "rejected", reason: { code: "upload-not-found" } });
    });
  });

  it("has the CRC of the whole when it was begun so", async () => {
    const uploadId = await begin("CRC32", "FULL_OBJECT");
    const one = await part(uploadId, 1, first);
    const two = await part(uploadId, 2, last);
    const done = await rig.node.objects.completeUpload({
      ...address(uploadId),
      parts: [
        { partNumber: 1, etag: one.etag },
        { partNumber: 2, etag: two.etag },
      ],
    });
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(Buffer.concat([first, last])));
    expect(done.checksum).toEqual({ algorithm: "CRC32", value: crc.toString("base64") });
    expect(done.checksumType).toBe("FULL_OBJECT");
  });

  it("is listed until it is aborted, and its parts go with it", async () => {
    const uploadId = await begin();
    await part(uploadId, 1, first);
    const listed = await rig.node.objects.listParts({ ...address(uploadId), after: 0, limit: 10 });
    expect(listed.parts).toMatchObject([{ partNumber: 1, size: first.length, etag: md5(first) }]);
    const all = { bucket: BUCKET, prefix: "", delimiter: "", afterKey: "", afterUploadId: "", limit: 10 };
    expect((await rig.node.objects.listUploads(all)).uploads).toMatchObject([{ key: "big", uploadId }]);
    await rig.node.objects.abortUpload(address(uploadId));
    expect((await rig.node.objects.listUploads(all)).uploads).toEqual([]);
    await expect(part(uploadId, 2, last)).rejects.toMatchObject({ code: "upload-not-found" });
    expect(await rig.node.violations()).toEqual([]);
  });

  it.each<[string, (etags: string[]) => { partNumber: number; etag: string }[], string]>([
    ["no parts", () => [], "part-invalid"],
    [
      "a part that was never uploaded",
      ([a = ""]) => [
        { partNumber: 1, etag: a },
        { partNumber: 9, etag: a },
      ],
      "part-invalid",
    ],
    ["another ETag", () => [{ partNumber: 1, etag: "f".repeat(32) }], "part-invalid"],
    [
      "parts out of order",
      ([a = "", b = ""]) => [
        { partNumber: 2, etag: b },
        { partNumber: 1, etag: a },
      ],
      "part-order",
    ],
    [
      "a small part that is not the last",
      ([a = "", b = "", c = ""]) => [
        { partNumber: 1, etag: a },
        { partNumber: 2, etag: b },
        { partNumber: 3, etag: c },
      ],
      "part-too-small",
    ],
  ])("is not completed with %s", async (_, parts, code) => {
    const uploadId = await begin();
    const etags = [];
    for (const [index, bytes] of [first, last, last].entries())
      etags.push((await part(uploadId, index + 1, bytes)).etag);
    const completing = rig.node.objects.completeUpload({ ...address(uploadId), parts: parts(etags) });
    await expect(completing).rejects.toMatchObject({ code });
    await expect(get("big")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await rig.node.violations()).toEqual([]);
  });

  it("is bound to its bucket and key", async () => {
    const uploadId = await begin();
    const elsewhere = rig.node.objects.uploadPart({
      bucket: BUCKET,
      key: "other",
      uploadId,
      partNumber: 1,
      body: body(last),
      signal,
    });
    await expect(elsewhere).rejects.toMatchObject({ code: "upload-not-found" });
  });

  it("takes parts from other objects without moving bytes", async () => {
    await put("source", first);
    const chunks = rig.node.targets.chunks.size;
    const uploadId = await begin();
    const copied = await rig.node.objects.uploadPartCopy({
      ...address(uploadId),
      partNumber: 1,
      sourceBucket: BUCKET,
      sourceKey: "source",
      range: { first: 100, last: 1999 },
      signal,
    });
    expect(copied.etag).toBe(md5(first.subarray(100, 2000)));
    expect(rig.node.targets.chunks.size).toBe(chunks);
    await rig.node.objects.completeUpload({
      ...address(uploadId),
      parts: [{ partNumber: 1, etag: copied.etag }],
    });
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "source" });
    expect(await get("big")).toBe(first.subarray(100, 2000).toString("latin1"));
    expect(await rig.node.violations()).toEqual([]);
  });
});

it("a completion is not found when its bucket is gone, or was made anew since", async () => {
  let nowMs = 1_700_000_000_000;
  const { objects } = await SingleNode.create(() => nowMs);
  await objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  const upload = { bucket: BUCKET, key: "big" };
  const { uploadId } = await objects.createUpload({
    ...upload,
    attributes: ATTRIBUTES,
    owner: OWNER,
    checksumAlgorithm: undefined,
    checksumType: undefined,
  });
  const part = { ...upload, uploadId, partNumber: 1, body: body("all of it"), signal };
  const { etag } = await objects.uploadPart(part);
  const complete = () => objects.completeUpload({ ...upload, uploadId, parts: [{ partNumber: 1, etag }] });
  const { versionId: _, ...done } = await complete();
  expect(await complete()).toMatchObject(done);
  await objects.deleteObject(upload);
  await objects.deleteBucket(BUCKET);
  await expect(complete()).rejects.toMatchObject({ code: "bucket-not-found" });
  nowMs += 1;
  await objects.createBucket({ bucket: BUCKET, region: "r", owner: { ...OWNER, id: "b".repeat(64) } });
  await expect(complete()).rejects.toMatchObject({ code: "upload-not-found" });
});
