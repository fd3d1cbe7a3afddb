import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ATTRIBUTES, BUCKET, body, md5, ObjectRig, signal, upTo } from "./testing/object-rig.ts";
import { MINIMUM_PART_BYTES, OWNER } from "./testing/single-node.ts";

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
