import { describe, expect, it } from "vitest";
import type { CopyObjectRequest, ObjectAttributes } from "./index.ts";
import { ATTRIBUTES, BUCKET, md5, ObjectRig, upTo } from "./testing/object-rig.ts";
import { OWNER } from "./testing/single-node.ts";

const rig = ObjectRig.forEachTest();
const { get, put } = rig;

describe("a copy", () => {
  const copy = (
    sourceKey: string,
    key: string,
    attributes?: ObjectAttributes,
    more: Partial<CopyObjectRequest> = {},
  ) =>
    rig.node.objects.copyObject({
      ...more,
      sourceBucket: BUCKET,
      sourceKey,
      bucket: BUCKET,
      key,
      attributes,
      owner: OWNER,
      signal: new AbortController().signal,
    });

  it("moves no bytes and outlives its source", async () => {
    const bytes = upTo(20_000);
    await put("a", bytes);
    const chunks = rig.node.targets.chunks.size;
    const copied = await copy("a", "b");
    expect(copied.etag).toBe(md5(bytes));
    expect(rig.node.targets.chunks.size).toBe(chunks);
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "a" });
    expect(await get("b")).toBe(bytes.toString("latin1"));
    expect(await rig.node.violations()).toEqual([]);
  });

  it("onto itself must change something", async () => {
    await put("a", "content");
    await expect(copy("a", "a")).rejects.toMatchObject({ code: "copy-to-itself" });
    await copy("a", "a", { ...ATTRIBUTES, contentType: "image/png" });
    expect(await rig.node.objects.headObject({ bucket: BUCKET, key: "a" })).toMatchObject({
      attributes: { contentType: "image/png" },
    });
    expect(await rig.node.violations()).toEqual([]);
  });

  it("onto itself is one with a storage class, though it be the same, and not with another checksum alone", async () => {
    const checksumAlgorithm = "SHA256" as const;
    const onto = (more: Partial<CopyObjectRequest>) => copy("a", "a", undefined, more);
    await put("a", "content");
    await expect(onto({ checksumAlgorithm })).rejects.toMatchObject({ code: "copy-to-itself" });
    const { storageClass } = ATTRIBUTES;
    const copied = await onto({ checksumAlgorithm, storageClass });
    expect(copied.checksum?.algorithm).toBe("SHA256");
    expect(await rig.node.objects.headObject({ bucket: BUCKET, key: "a" })).toMatchObject({
      attributes: { storageClass, userMetadata: ATTRIBUTES.userMetadata },
      checksum: copied.checksum,
    });
    expect(await rig.node.violations()).toEqual([]);
  });

  it("of what is not there is refused", async () => {
    await expect(copy("missing", "b")).rejects.toMatchObject({ code: "object-not-found" });
  });
});
