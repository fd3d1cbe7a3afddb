import { beforeEach, describe, expect, test } from "vitest";
import type { CommandBody } from "../meta/index.ts";
import type {
  BodySource,
  EncryptionRequest,
  GetObjectResult,
  ObjectAttributes,
  Preconditions,
} from "./index.ts";
import { INLINE_BYTES, MINIMUM_PART_BYTES, OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "photos";
const KEY = "k";
const ATTRIBUTES: ObjectAttributes = {
  contentType: "",
  headers: new Map(),
  userMetadata: new Map(),
  storageClass: "STANDARD",
};
const SMALL = INLINE_BYTES / 2;
const LARGE = MINIMUM_PART_BYTES + 5 * INLINE_BYTES;
const { signal } = new AbortController();

let node: SingleNode;
beforeEach(async () => {
  node = await SingleNode.create();
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
});

function body(sizeBytes: number, fill: number): BodySource {
  async function* bytes() {
    yield new Uint8Array(sizeBytes).fill(fill);
  }
  return { sizeBytes, bytes: bytes(), expected: {} };
}

async function put(sizeBytes: number, fill: number, encryption?: EncryptionRequest): Promise<void> {
  await node.objects.putObject({
    bucket: BUCKET,
    key: KEY,
    body: body(sizeBytes, fill),
    attributes: ATTRIBUTES,
    owner: OWNER,
    signal,
    ...(encryption && { encryption }),
  });
}

/** An object of two parts, the last of which is small. */
async function putParts(encryption?: EncryptionRequest): Promise<void> {
  const upload = { bucket: BUCKET, key: KEY };
  const { uploadId } = await node.objects.createUpload({
    ...upload,
    attributes: ATTRIBUTES,
    owner: OWNER,
    checksumAlgorithm: undefined,
    checksumType: undefined,
    ...(encryption && { encryption }),
  });
  const parts = [];
  for (const [at, sizeBytes] of [LARGE, SMALL].entries()) {
    const part = { ...upload, uploadId, partNumber: at + 1, body: body(sizeBytes, 1), signal };
    const { etag } = await node.objects.uploadPart(part);
    parts.push({ partNumber: at + 1, etag });
  }
  await node.objects.completeUpload({ ...upload, uploadId, parts });
}

const get = () => node.objects.getObject({ bucket: BUCKET, key: KEY, caller: { signal } });

async function expectWhole(got: GetObjectResult, sizeBytes: number, fill: number): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of got.body) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  expect(bytes.length).toBe(sizeBytes);
  expect(bytes.every((byte) => byte === fill)).toBe(true);
}

/** The next so many look-ups of blobs find nothing, as when the object has been overwritten since its row was read. */
function loseBlobs(times: number): void {
  const { view } = node.metadata;
  const blob = view.blob.bind(view);
  let left = times;
  Object.assign(view, { blob: (id: Uint8Array) => (left-- > 0 ? undefined : blob(id)) });
}

const KINDS: readonly (readonly [string, EncryptionRequest | undefined])[] = [
  ["plain", undefined],
  ["encrypted", { kind: "sse-s3" }],
];

describe.each(KINDS)("an object that is overwritten while it is read, %s", (_kind, encryption) => {
  test("is read to its end when it is small", async () => {
    await put(SMALL, 1, encryption);
    const got = await get();
    await put(SMALL, 2, encryption);
    await expectWhole(got, SMALL, 1);
  });

  test("is read to its end when only its last part is small", async () => {
    await putParts(encryption);
    const got = await get();
    await put(SMALL, 2);
    await expectWhole(got, LARGE + SMALL, 1);
  });

  test("is looked up again when its bytes went before they were found", async () => {
    await put(SMALL, 1, encryption);
    loseBlobs(3);
    await expectWhole(await get(), SMALL, 1);
  });
});

test("an object whose bytes are never found is refused, and not looked for without end", async () => {
  await put(SMALL, 1);
  loseBlobs(Number.POSITIVE_INFINITY);
  await expect(get()).rejects.toMatchObject({ code: "data-unavailable" });
});

test("a copy that has to read begins again when its source was overwritten", async () => {
  await put(SMALL, 1);
  loseBlobs(1);
  await node.objects.copyObject({
    sourceBucket: BUCKET,
    sourceKey: KEY,
    bucket: BUCKET,
    key: "copy",
    attributes: undefined,
    encryption: { kind: "sse-s3" },
    owner: OWNER,
    signal,
  });
  const got = await node.objects.getObject({ bucket: BUCKET, key: "copy", caller: { signal } });
  await expectWhole(got, SMALL, 1);
});

describe("a part that is copied", () => {
  async function begun() {
    const upload = { bucket: BUCKET, key: "copy" };
    const { uploadId } = await node.objects.createUpload({
      ...upload,
      attributes: ATTRIBUTES,
      owner: OWNER,
      checksumAlgorithm: undefined,
      checksumType: undefined,
    });
    const copyPart = (sourcePreconditions?: Preconditions) =>
      node.objects.uploadPartCopy({
        ...upload,
        uploadId,
        partNumber: 1,
        sourceBucket: BUCKET,
        sourceKey: KEY,
        range: undefined,
        signal,
        ...(sourcePreconditions && { sourcePreconditions }),
      });
    const complete = (etag: string) =>
      node.objects.completeUpload({ ...upload, uploadId, parts: [{ partNumber: 1, etag }] });
    return { copyPart, complete };
  }

  /** The source is overwritten, as often as is said, whenever a copy has been read and is about to be committed. */
  function overwriteBeforeCommit(times: number): void {
    const { metadata } = node;
    const submit = metadata.submit.bind(metadata);
    let left = times;
    Object.assign(metadata, {
      submit: async (command: CommandBody) => {
        if (command.case === "commitPart" && left-- > 0) await put(SMALL, 2);
        return await submit(command);
      },
    });
  }

  test("begins again when its source was overwritten before it was read", async () => {
    await put(SMALL, 1);
    const { copyPart, complete } = await begun();
    loseBlobs(1);
    await complete((await copyPart()).etag);
    const got = await node.objects.getObject({ bucket: BUCKET, key: "copy", caller: { signal } });
    await expectWhole(got, SMALL, 1);
  });

  test("begins again when its source was overwritten while it was read, and is of what is there then", async () => {
    await put(LARGE, 1);
    const { copyPart, complete } = await begun();
    overwriteBeforeCommit(4);
    await complete((await copyPart()).etag);
    const got = await node.objects.getObject({ bucket: BUCKET, key: "copy", caller: { signal } });
    await expectWhole(got, SMALL, 2);
  });

  test("is held to its conditions anew", async () => {
    await put(SMALL, 1);
    const { etag } = (await get()).info;
    const { copyPart } = await begun();
    overwriteBeforeCommit(1);
    await expect(copyPart({ ifMatch: [etag] })).rejects.toMatchObject({ code: "precondition-failed" });
  });

  test("says that its source has changed when that never ends", async () => {
    await put(SMALL, 1);
    const { copyPart } = await begun();
    overwriteBeforeCommit(Number.POSITIVE_INFINITY);
    await expect(copyPart()).rejects.toMatchObject({ code: "source-changed" });
  });
});
