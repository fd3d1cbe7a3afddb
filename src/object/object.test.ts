import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { BodySource, ObjectAttributes, RangeRequest } from "./index.ts";
import { ATTRIBUTES, BUCKET, body, md5, ObjectRig, signal, upTo } from "./testing/object-rig.ts";
import { OWNER } from "./testing/single-node.ts";

const rig = ObjectRig.forEachTest();
const { get, put } = rig;

describe("an object", () => {
  it.each([0, 1, 1024, 1025, 100_000])(
    "of %i bytes reads back with its attributes and MD5 ETag",
    async (size) => {
      const bytes = upTo(size);
      const written = await put("k", bytes);
      expect(written).toMatchObject({ etag: md5(bytes), size });
      expect(await get("k")).toBe(bytes.toString("latin1"));
      const info = await rig.node.objects.headObject({ bucket: BUCKET, key: "k" });
      expect(info).toMatchObject({ size, etag: md5(bytes), owner: OWNER, attributes: ATTRIBUTES });
      expect(await rig.node.violations()).toEqual([]);
    },
  );

  it("is replaced as a whole, and its old bytes lose their reference", async () => {
    await put("k", upTo(50_000));
    await put("k", "new");
    expect(await get("k")).toBe("new");
    expect(await rig.node.violations()).toEqual([]);
  });

  it("is gone after a delete, and deleting it again is fine", async () => {
    await put("k", upTo(5000));
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await rig.node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await expect(get("k")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await rig.node.violations()).toEqual([]);
  });
});

describe("what no header could give back is refused", () => {
  const withName = (name: string) => ({ ...ATTRIBUTES, userMetadata: new Map([[name, "v"]]) });

  it.each<[string, ObjectAttributes]>([
    ["a name with a space", withName("my name")],
    ["a name beyond ASCII", withName("größe")],
    ["a name with a line break", withName("a\r\nb")],
    ["a type with a line break", { ...ATTRIBUTES, contentType: "text/plain\n" }],
    ["a type with a control character", { ...ATTRIBUTES, contentType: "text/plain\u007f" }],
    [
      "a disposition with a line break",
      { ...ATTRIBUTES, headers: new Map([["content-disposition", "attachment;\n filename=x"]]) },
    ],
  ])("%s", async (_, attributes) => {
    const address = { bucket: BUCKET, key: "k", owner: OWNER };
    const refusal = { code: "metadata-invalid" };
    const unchecked = { checksumAlgorithm: undefined, checksumType: undefined };
    const { objects } = rig.node;
    await expect(
      objects.putObject({ ...address, body: body("x"), attributes, signal }),
    ).rejects.toMatchObject(refusal);
    await expect(objects.createUpload({ ...address, attributes, ...unchecked })).rejects.toMatchObject(
      refusal,
    );
    await put("k", "x");
    const copy = { ...address, sourceBucket: BUCKET, sourceKey: "k", attributes, signal };
    await expect(objects.copyObject(copy)).rejects.toMatchObject(refusal);
  });

  it("and tabs, what is beyond ASCII, and lines in a value, which is encoded, are not", async () => {
    const attributes: ObjectAttributes = {
      ...ATTRIBUTES,
      contentType: "text/plain;\tname=größe",
      userMetadata: new Map([
        ["a.b_c!", "größe"],
        ["lines", "one\ntwo"],
      ]),
    };
    const request = { bucket: BUCKET, key: "k", body: body("x"), attributes, owner: OWNER, signal };
    await rig.node.objects.putObject(request);
    expect((await rig.node.objects.headObject({ bucket: BUCKET, key: "k" })).attributes).toMatchObject({
      contentType: attributes.contentType,
      userMetadata: attributes.userMetadata,
    });
  });
});

it("a small body is at hand, and so is a range of it", async () => {
  await put("k", "0123456789");
  const request = { bucket: BUCKET, key: "k", caller: { signal } };
  const whole = await rig.node.objects.getObject(request);
  expect(Buffer.from(whole.held ?? []).toString()).toBe("0123456789");
  const part = await rig.node.objects.getObject({
    ...request,
    range: { kind: "from-to", first: 2, last: 4 },
  });
  expect(Buffer.from(part.held ?? []).toString()).toBe("234");
  expect(await get("k")).toBe("0123456789");
});

describe("ranges (RFC 9110, section 14.1.2)", () => {
  const content = upTo(3000).toString("latin1");
  it.each<[string, RangeRequest, string]>([
    ["a first byte", { kind: "from-to", first: 0, last: 0 }, content.slice(0, 1)],
    ["a middle", { kind: "from-to", first: 1000, last: 1999 }, content.slice(1000, 2000)],
    ["an open end", { kind: "from-to", first: 2990, last: undefined }, content.slice(2990)],
    ["an end beyond the object", { kind: "from-to", first: 2999, last: 9999 }, content.slice(2999)],
    ["a suffix", { kind: "suffix", length: 5 }, content.slice(-5)],
    ["a suffix longer than the object", { kind: "suffix", length: 5000 }, content],
    ["part 1 of a single PUT", { kind: "part", partNumber: 1 }, content],
  ])("%s", async (_, range, expected) => {
    await put("k", Buffer.from(content, "latin1"));
    expect(await get("k", { range })).toBe(expected);
  });

  it.each<[string, RangeRequest, string]>([
    ["a start at the end", { kind: "from-to", first: 3000, last: undefined }, "range-not-satisfiable"],
    ["an empty suffix", { kind: "suffix", length: 0 }, "range-not-satisfiable"],
    ["part 2 of a single PUT", { kind: "part", partNumber: 2 }, "part-not-found"],
  ])("%s is refused", async (_, range, code) => {
    await put("k", Buffer.from(content, "latin1"));
    await expect(get("k", { range })).rejects.toMatchObject({ code });
  });
});

describe("what a client promises about the bytes", () => {
  const bytes = upTo(5000);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(bytes));
  const goodCrc = crc.toString("base64");
  const sha256 = createHash("sha256").update(bytes).digest();
  const good: BodySource["expected"][] = [
    { md5: Buffer.from(md5(bytes), "hex") },
    { sha256 },
    { checksum: { algorithm: "CRC32", value: goodCrc } },
    { checksum: { algorithm: "SHA256", value: sha256.toString("base64") } },
    { trailer: { algorithm: "CRC32", value: () => goodCrc } },
  ];
  it.each(good.map((expected, index) => [index, expected] as const))("is kept (%i)", async (_, expected) => {
    await put("k", bytes, { body: body(bytes, expected) });
    expect(await get("k")).toBe(bytes.toString("latin1"));
  });

  const bad: [string, BodySource["expected"], string][] = [
    ["another MD5", { md5: Buffer.alloc(16) }, "md5-mismatch"],
    ["another SHA-256", { sha256: Buffer.alloc(32) }, "sha256-mismatch"],
    ["another CRC32", { checksum: { algorithm: "CRC32", value: "AAAAAA==" } }, "checksum-mismatch"],
    [
      "another CRC32 in the trailer",
      { trailer: { algorithm: "CRC32", value: () => "AAAAAA==" } },
      "checksum-mismatch",
    ],
    ["no trailer", { trailer: { algorithm: "CRC32", value: () => undefined } }, "trailer-missing"],
  ];
  it.each(bad)("%s: nothing is stored", async (_, expected, code) => {
    await expect(put("k", bytes, { body: body(bytes, expected) })).rejects.toMatchObject({ code });
    await expect(get("k")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await rig.node.violations()).toEqual([]);
  });

  it("a body that is shorter than its length is not an object", async () => {
    const short = { ...body(bytes), sizeBytes: bytes.length + 1 };
    await expect(put("k", bytes, { body: short })).rejects.toMatchObject({ code: "body-truncated" });
  });
});
