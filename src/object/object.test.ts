import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import type { BodySource, ObjectAttributes, Preconditions, RangeRequest } from "./index.ts";
import { MINIMUM_PART_BYTES, OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "photos";
const ATTRIBUTES: ObjectAttributes = {
  contentType: "text/plain",
  headers: new Map([["cache-control", "no-store"]]),
  userMetadata: new Map([["who", "me"]]),
  storageClass: "STANDARD",
};

let node: SingleNode;

beforeEach(async () => {
  node = await SingleNode.create();
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
});

const signal = new AbortController().signal;
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

function body(bytes: Uint8Array | string, expected: BodySource["expected"] = {}): BodySource {
  const data = Buffer.from(bytes);
  async function* pieces() {
    for (let at = 0; at < data.length; at += 700) yield data.subarray(at, at + 700);
  }
  return { sizeBytes: data.length, bytes: pieces(), expected };
}

function put(
  key: string,
  content: Uint8Array | string,
  more: { preconditions?: Preconditions; body?: BodySource } = {},
) {
  const { preconditions } = more;
  return node.objects.putObject({
    bucket: BUCKET,
    key,
    body: more.body ?? body(content),
    attributes: ATTRIBUTES,
    ...(preconditions && { preconditions }),
    owner: OWNER,
    signal,
  });
}

async function get(
  key: string,
  more: { range?: RangeRequest; preconditions?: Preconditions } = {},
): Promise<string> {
  const result = await node.objects.getObject({ bucket: BUCKET, key, ...more, caller: { signal } });
  const pieces: Uint8Array[] = [];
  for await (const piece of result.body) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

async function keysOf(delimiter: string, more: { prefix?: string; after?: string; limit?: number } = {}) {
  const page = await node.objects.listObjects({
    bucket: BUCKET,
    prefix: more.prefix ?? "",
    delimiter,
    after: more.after ?? "",
    limit: more.limit ?? 1000,
  });
  return { keys: page.objects.map(({ key }) => key), prefixes: page.commonPrefixes, next: page.next };
}

const upTo = (sizeBytes: number) =>
  Buffer.from(Array.from({ length: sizeBytes }, (_, at) => (at * 7) & 0xff));

describe("an object", () => {
  it.each([0, 1, 1024, 1025, 100_000])(
    "of %i bytes reads back with its attributes and MD5 ETag",
    async (size) => {
      const bytes = upTo(size);
      const written = await put("k", bytes);
      expect(written).toMatchObject({ etag: md5(bytes), size });
      expect(await get("k")).toBe(bytes.toString("latin1"));
      const info = await node.objects.headObject({ bucket: BUCKET, key: "k" });
      expect(info).toMatchObject({ size, etag: md5(bytes), owner: OWNER, attributes: ATTRIBUTES });
      expect(await node.violations()).toEqual([]);
    },
  );

  it("is replaced as a whole, and its old bytes lose their reference", async () => {
    await put("k", upTo(50_000));
    await put("k", "new");
    expect(await get("k")).toBe("new");
    expect(await node.violations()).toEqual([]);
  });

  it("is gone after a delete, and deleting it again is fine", async () => {
    await put("k", upTo(5000));
    await node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await expect(get("k")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await node.violations()).toEqual([]);
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
    const { objects } = node;
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
    await node.objects.putObject(request);
    expect((await node.objects.headObject({ bucket: BUCKET, key: "k" })).attributes).toMatchObject({
      contentType: attributes.contentType,
      userMetadata: attributes.userMetadata,
    });
  });
});

it("a small body is at hand, and so is a range of it", async () => {
  await put("k", "0123456789");
  const request = { bucket: BUCKET, key: "k", caller: { signal } };
  const whole = await node.objects.getObject(request);
  expect(Buffer.from(whole.held ?? []).toString()).toBe("0123456789");
  const part = await node.objects.getObject({ ...request, range: { kind: "from-to", first: 2, last: 4 } });
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
    expect(await node.violations()).toEqual([]);
  });

  it("a body that is shorter than its length is not an object", async () => {
    const short = { ...body(bytes), sizeBytes: bytes.length + 1 };
    await expect(put("k", bytes, { body: short })).rejects.toMatchObject({ code: "body-truncated" });
  });
});

describe("conditional writes", () => {
  it("exactly one of many concurrent creators wins", async () => {
    const creators = Array.from({ length: 50 }, (_, index) =>
      put("once", `creator ${index}`, { preconditions: { ifNoneMatch: ["*"] } }).then(
        () => index,
        (error: { code: string }) => error.code,
      ),
    );
    const outcomes = await Promise.all(creators);
    const winners = outcomes.filter((outcome) => typeof outcome === "number");
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "precondition-failed")).toHaveLength(49);
    expect(await get("once")).toBe(`creator ${winners[0]}`);
    expect(await node.violations()).toEqual([]);
  });

  it("If-Match writes only over the version that was meant", async () => {
    const { etag } = await put("k", "one");
    await put("k", "two", { preconditions: { ifMatch: [etag] } });
    const late = put("k", "three", { preconditions: { ifMatch: [etag] } });
    await expect(late).rejects.toMatchObject({ code: "precondition-failed" });
    expect(await get("k")).toBe("two");
  });
});

describe("conditional reads (RFC 9110, section 13.2.2)", () => {
  it.each<[string, (etag: string) => Preconditions, string | undefined]>([
    ["If-Match of this version", (etag) => ({ ifMatch: [etag] }), undefined],
    ["If-Match of another", () => ({ ifMatch: ["x"] }), "precondition-failed"],
    ["If-None-Match of this version", (etag) => ({ ifNoneMatch: [etag] }), "not-modified"],
    ["If-None-Match of another", () => ({ ifNoneMatch: ["x"] }), undefined],
    ["If-Modified-Since the future", () => ({ ifModifiedSinceMs: Date.now() + 60_000 }), "not-modified"],
    ["If-Modified-Since long ago", () => ({ ifModifiedSinceMs: 0 }), undefined],
    ["If-Unmodified-Since long ago", () => ({ ifUnmodifiedSinceMs: 0 }), "precondition-failed"],
    [
      "If-Match beats If-Unmodified-Since",
      (etag) => ({ ifMatch: [etag], ifUnmodifiedSinceMs: 0 }),
      undefined,
    ],
  ])("%s", async (_, preconditions, code) => {
    const { etag } = await put("k", "content");
    const reading = get("k", { preconditions: preconditions(etag) });
    if (code === undefined) expect(await reading).toBe("content");
    else await expect(reading).rejects.toMatchObject({ code });
  });
});

describe("a copy", () => {
  const copy = (sourceKey: string, key: string, attributes?: ObjectAttributes) =>
    node.objects.copyObject({
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
    const chunks = node.targets.chunks.size;
    const copied = await copy("a", "b");
    expect(copied.etag).toBe(md5(bytes));
    expect(node.targets.chunks.size).toBe(chunks);
    await node.objects.deleteObject({ bucket: BUCKET, key: "a" });
    expect(await get("b")).toBe(bytes.toString("latin1"));
    expect(await node.violations()).toEqual([]);
  });

  it("onto itself must change something", async () => {
    await put("a", "content");
    await expect(copy("a", "a")).rejects.toMatchObject({ code: "copy-to-itself" });
    await copy("a", "a", { ...ATTRIBUTES, contentType: "image/png" });
    expect(await node.objects.headObject({ bucket: BUCKET, key: "a" })).toMatchObject({
      attributes: { contentType: "image/png" },
    });
    expect(await node.violations()).toEqual([]);
  });

  it("of what is not there is refused", async () => {
    await expect(copy("missing", "b")).rejects.toMatchObject({ code: "object-not-found" });
  });
});

describe("lists", () => {
  const names = ["a", "b/1", "b/2", "b/c/3", "c", "d/1", "é", "\u{10000}", "\uffee"];

  beforeEach(async () => {
    for (const name of [...names].reverse()) await put(name, name);
  });

  it("are in the order of UTF-8 bytes", async () => {
    expect((await keysOf("")).keys).toEqual([
      "a",
      "b/1",
      "b/2",
      "b/c/3",
      "c",
      "d/1",
      "é",
      "\uffee",
      "\u{10000}",
    ]);
  });

  it("fold keys behind a delimiter", async () => {
    expect(await keysOf("/")).toEqual({
      keys: ["a", "c", "é", "\uffee", "\u{10000}"],
      prefixes: ["b/", "d/"],
      next: undefined,
    });
    expect(await keysOf("/", { prefix: "b/" })).toMatchObject({ keys: ["b/1", "b/2"], prefixes: ["b/c/"] });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])("pages of %i give every key and prefix once, in order", async (limit) => {
    for (const delimiter of ["", "/"]) {
      const whole = await keysOf(delimiter);
      const seen = { keys: [] as string[], prefixes: [] as string[] };
      let after = "";
      for (let pages = 0; pages < 20; pages++) {
        const page = await keysOf(delimiter, { after, limit });
        seen.keys.push(...page.keys);
        seen.prefixes.push(...page.prefixes);
        if (page.next === undefined) break;
        expect(page.keys.length + page.prefixes.length).toBe(limit);
        after = page.next;
      }
      expect(seen).toEqual({ keys: whole.keys, prefixes: whole.prefixes });
    }
  });

  it("do not list a common prefix again that the page before ended in", async () => {
    expect(await keysOf("/", { after: "b/" })).toMatchObject({
      keys: ["c", "é", "\uffee", "\u{10000}"],
      prefixes: ["d/"],
    });
    expect(await keysOf("/", { after: "b/1" })).toMatchObject({ prefixes: ["d/"] });
  });

  it("of nothing are empty, and of a bucket that is not there refused", async () => {
    expect(await keysOf("", { prefix: "zzz" })).toEqual({ keys: [], prefixes: [], next: undefined });
    expect(await keysOf("", { limit: 0 })).toEqual({ keys: [], prefixes: [], next: undefined });
    const missing = node.objects.listObjects({
      bucket: "missing",
      prefix: "",
      delimiter: "",
      after: "",
      limit: 10,
    });
    await expect(missing).rejects.toMatchObject({ code: "bucket-not-found" });
  });

  it("jump over a prefix with more keys than a page of rows", async () => {
    for (let index = 0; index < 200; index++) await put(`b/many/${index}`, "x");
    expect(await keysOf("/")).toMatchObject({ prefixes: ["b/", "d/"] });
  });
});

describe("a multipart upload", () => {
  async function begin(
    checksumAlgorithm?: "CRC32" | "SHA256" | "CRC64NVME",
    checksumType?: "FULL_OBJECT" | "COMPOSITE",
  ) {
    const { uploadId } = await node.objects.createUpload({
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
    node.objects.uploadPart({ ...address(uploadId), partNumber, body: body(bytes), signal });

  const first = upTo(MINIMUM_PART_BYTES * 3);
  const last = Buffer.from("the end");

  it("becomes one object with the MD5 of MD5s, moving no bytes", async () => {
    const uploadId = await begin();
    const etags = [(await part(uploadId, 2, last)).etag, (await part(uploadId, 1, first)).etag].reverse();
    const chunks = node.targets.chunks.size;
    const completion = {
      ...address(uploadId),
      parts: etags.map((etag, index) => ({ partNumber: index + 1, etag })),
    };
    const done = await node.objects.completeUpload(completion);
    const expected = createHash("md5")
      .update(Buffer.from(etags.join(""), "hex"))
      .digest("hex");
    expect(done.etag).toBe(`${expected}-2`);
    expect(node.targets.chunks.size).toBe(chunks);
    expect(await get("big")).toBe(Buffer.concat([first, last]).toString("latin1"));
    expect(await get("big", { range: { kind: "part", partNumber: 2 } })).toBe("the end");
    expect((await node.objects.completeUpload(completion)).etag).toBe(done.etag);
    expect(await node.violations()).toEqual([]);
  });

  it("has the CRC of the whole when it was begun so", async () => {
    const uploadId = await begin("CRC32", "FULL_OBJECT");
    const one = await part(uploadId, 1, first);
    const two = await part(uploadId, 2, last);
    const done = await node.objects.completeUpload({
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
    const listed = await node.objects.listParts({ ...address(uploadId), after: 0, limit: 10 });
    expect(listed.parts).toMatchObject([{ partNumber: 1, size: first.length, etag: md5(first) }]);
    const all = { bucket: BUCKET, prefix: "", delimiter: "", afterKey: "", afterUploadId: "", limit: 10 };
    expect((await node.objects.listUploads(all)).uploads).toMatchObject([{ key: "big", uploadId }]);
    await node.objects.abortUpload(address(uploadId));
    expect((await node.objects.listUploads(all)).uploads).toEqual([]);
    await expect(part(uploadId, 2, last)).rejects.toMatchObject({ code: "upload-not-found" });
    expect(await node.violations()).toEqual([]);
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
    const completing = node.objects.completeUpload({ ...address(uploadId), parts: parts(etags) });
    await expect(completing).rejects.toMatchObject({ code });
    await expect(get("big")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await node.violations()).toEqual([]);
  });

  it("is bound to its bucket and key", async () => {
    const uploadId = await begin();
    const elsewhere = node.objects.uploadPart({
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
    const chunks = node.targets.chunks.size;
    const uploadId = await begin();
    const copied = await node.objects.uploadPartCopy({
      ...address(uploadId),
      partNumber: 1,
      sourceBucket: BUCKET,
      sourceKey: "source",
      range: { first: 100, last: 1999 },
      signal,
    });
    expect(copied.etag).toBe(md5(first.subarray(100, 2000)));
    expect(node.targets.chunks.size).toBe(chunks);
    await node.objects.completeUpload({
      ...address(uploadId),
      parts: [{ partNumber: 1, etag: copied.etag }],
    });
    await node.objects.deleteObject({ bucket: BUCKET, key: "source" });
    expect(await get("big")).toBe(first.subarray(100, 2000).toString("latin1"));
    expect(await node.violations()).toEqual([]);
  });
});

describe("buckets", () => {
  it.each(["ab", "Photos", "a..b", "-ab", "192.168.1.1", "xn--abc", "x".repeat(64), "a_b"])(
    "%s is no name",
    async (bucket) => {
      await expect(node.objects.createBucket({ bucket, region: "r", owner: OWNER })).rejects.toMatchObject({
        code: "bucket-name-invalid",
      });
    },
  );

  it("exist once, and say whose they are", async () => {
    const again = node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    await expect(again).rejects.toMatchObject({ code: "bucket-owned-by-you" });
    const other = { id: "b".repeat(64), displayName: "other" };
    const taken = node.objects.createBucket({ bucket: BUCKET, region: "r", owner: other });
    await expect(taken).rejects.toMatchObject({ code: "bucket-exists" });
  });

  it("go only when they are empty, and come back empty", async () => {
    await put("k", "content");
    await expect(node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-empty" });
    await node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await node.objects.deleteBucket(BUCKET);
    await expect(node.objects.headBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-found" });
    await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
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
      node.objects.createUpload({
        bucket: BUCKET,
        key,
        attributes,
        owner: OWNER,
        checksumAlgorithm: undefined,
        checksumType: undefined,
      });
    await put("k", "content");
    const { uploadId } = await begin("kept");
    await expect(node.objects.deleteBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-empty" });
    const address = { bucket: BUCKET, key: "kept", uploadId };
    await expect(node.objects.listParts({ ...address, after: 0, limit: 1 })).resolves.toMatchObject({
      parts: [],
    });
    for (let index = 0; index < 130; index++) await begin(`upload ${index}`);
    await node.objects.deleteObject({ bucket: BUCKET, key: "k" });
    await node.objects.deleteBucket(BUCKET);
    await expect(node.objects.headBucket(BUCKET)).rejects.toMatchObject({ code: "bucket-not-found" });
  });

  it("are listed to a key only as far as it may touch them", async () => {
    for (const bucket of ["aaa", "bbb", "ccc"])
      await node.objects.createBucket({ bucket, region: "r", owner: OWNER });
    const principal = { keyId: "k", role: "reader" as const, buckets: ["aaa", "ccc"], owner: OWNER };
    const page = await node.objects.listBuckets({ principal, prefix: "", after: "", limit: 1 });
    expect(page).toMatchObject({ buckets: [{ name: "aaa" }], next: "aaa" });
    const rest = await node.objects.listBuckets({ principal, prefix: "", after: "aaa", limit: 10 });
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
