/** The promise: after a rotation everything that is stored is wrapped by the newest version, whatever clients do meanwhile, and stays readable; then the old version can go. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";
import { AccessError, type Sealer } from "../../access/index.ts";
import {
  PutWorkerCursorSchema,
  RefusalCode,
  RemoveEncryptionKeyVersionSchema,
  type RewrapDataKeys,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { WorkerCursorRow_Worker } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import { NodeRandom } from "../../platform/node/index.ts";
import type { BodySource, EncryptionRequest } from "../ports.ts";
import { MAX_RELEASED_REFERENCES } from "../released-references.ts";
import { MINIMUM_PART_BYTES, OWNER, SingleNode } from "../testing/single-node.ts";
import { uploadSmallPart } from "../testing/slices.ts";
import { OBJECTS_KEY_ID } from "./key-ring.ts";
import { retiredUses } from "./retired-uses.ts";
import { decodeState, type RewrapCounts } from "./rewrap-cursor.ts";
import { REWRAP_PAGE_ROWS } from "./rewrap-walk.ts";
import { rewrapWorker } from "./rewrap-worker.ts";

const BUCKET = "sealed";
const KEY = "customer-key";
const DAY_MS = 24 * 60 * 60_000;
const SSE_S3: EncryptionRequest = { kind: "sse-s3" };
const SSE_KMS: EncryptionRequest = { kind: "sse-kms", keyId: KEY, context: undefined, bucketKey: false };
const signal = new AbortController().signal;

let node: SingleNode;
let nowMs: number;

beforeEach(async () => {
  nowMs = 1_700_000_000_000;
  node = await SingleNode.create(() => nowMs);
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  await node.encryptionKey(KEY);
});

const attributes = {
  contentType: "text/plain",
  headers: new Map(),
  userMetadata: new Map(),
  storageClass: "STANDARD",
};

function body(content: string): BodySource {
  async function* pieces() {
    yield Buffer.from(content);
  }
  return { sizeBytes: Buffer.byteLength(content), bytes: pieces(), expected: {} };
}

const owner = OWNER;

function put(key: string, encryption: EncryptionRequest | undefined, content = `content of ${key}`) {
  const request = { bucket: BUCKET, key, body: body(content), attributes, owner, signal };
  return node.objects.putObject({ ...request, ...(encryption && { encryption }) });
}

/** An encrypted object of so many slices. */
async function putParts(key: string, count: number): Promise<void> {
  const { uploadId } = await node.objects.createUpload({
    bucket: BUCKET,
    key,
    attributes,
    owner,
    encryption: SSE_KMS,
    checksumAlgorithm: undefined,
    checksumType: undefined,
  });
  const upload = { bucket: BUCKET, key, uploadId };
  const parts = [];
  for (let number = 1; number <= count; number++) parts.push(await uploadSmallPart(node, upload, number));
  await node.objects.completeUpload({ ...upload, parts });
}

async function read(key: string, versionId?: string): Promise<string> {
  const { body: bytes } = await node.objects.getObject({
    bucket: BUCKET,
    key,
    caller: { signal },
    ...(versionId !== undefined && { versionId }),
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const left = async () => {
  const retired = await retiredUses(node.metadata.view);
  return retired.reduce((sum, { uses }) => sum + uses, 0);
};

async function removeVersion(keyId: string, version: number): Promise<string> {
  const value = create(RemoveEncryptionKeyVersionSchema, { keyId, version });
  const { result } = await node.metadata.submit({ case: "removeEncryptionKeyVersion", value });
  return result.case === "refusal" ? RefusalCode[result.value.code] : String(result.case);
}

interface Made {
  readonly metadata?: Metadata;
  readonly keysPerSecond?: number;
  readonly isLeader?: () => boolean;
  readonly sealer?: Sealer;
}

function make(made: Made = {}) {
  const steps: RewrapCounts[] = [];
  const sleeps: number[] = [];
  const worker = rewrapWorker({
    metadata: made.metadata ?? node.metadata,
    sealer: made.sealer ?? node.sealer,
    random: new NodeRandom(),
    isLeader: made.isLeader ?? (() => true),
    clock: { wallMs: () => nowMs, monotonicMs: () => 0 },
    timers: {
      sleep: async (ms) => {
        sleeps.push(ms);
      },
    },
    keysPerSecond: made.keysPerSecond ?? 1_000_000,
    onStep: (counts) => steps.push(counts),
  });
  const sum = (pick: (counts: RewrapCounts) => number) => steps.reduce((all, step) => all + pick(step), 0);
  return {
    worker,
    sleeps,
    /** Until there is nothing to do; how many keys were wrapped anew. */
    run: async () => {
      const before = sum(({ rewrapped }) => rewrapped);
      while ((await worker.runUnit(signal)) === "more");
      return sum(({ rewrapped }) => rewrapped) - before;
    },
    sum,
  };
}

/** The node's metadata, with something done before each command of the worker. */
function interposed(before: (command: RewrapDataKeys) => Promise<void>): Metadata {
  const { metadata } = node;
  return {
    view: metadata.view,
    isCurrent: () => metadata.isCurrent(),
    barrier: (options) => metadata.barrier(options),
    onChange: (listener) => metadata.onChange(listener),
    submit: async (command, options) => {
      if (command.case === "rewrapDataKeys") await before(command.value);
      return await metadata.submit(command, options);
    },
  };
}

describe("after a rotation", () => {
  it("SSE-S3 and SSE-KMS, versions that are not current, and open uploads are wrapped anew and readable", async () => {
    await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
    const old = await put("versioned", SSE_S3, "old");
    await put("versioned", SSE_S3, "new");
    await put("kms", SSE_KMS);
    await put("plain", undefined);
    await put("gone", SSE_KMS, "behind a delete marker");
    await node.objects.deleteObjects({ bucket: BUCKET, targets: [{ key: "gone" }] });
    const upload = { bucket: BUCKET, key: "upload" };
    const { uploadId } = await node.objects.createUpload({
      ...upload,
      attributes,
      owner,
      encryption: SSE_KMS,
      checksumAlgorithm: undefined,
      checksumType: undefined,
    });
    const address = { ...upload, uploadId };
    const first = "x".repeat(MINIMUM_PART_BYTES);
    const sent = [await node.objects.uploadPart({ ...address, partNumber: 1, body: body(first), signal })];
    await node.encryptionKey(KEY);
    await node.encryptionKey(OBJECTS_KEY_ID);
    expect(await left()).toBe(5);

    const { run } = make();
    expect(await run()).toBe(5);
    expect(await left()).toBe(0);
    expect(await removeVersion(KEY, 1)).toBe("done");
    expect(await removeVersion(OBJECTS_KEY_ID, 1)).toBe("done");

    sent.push(await node.objects.uploadPart({ ...address, partNumber: 2, body: body("end"), signal }));
    const parts = sent.map(({ etag }, at) => ({ partNumber: at + 1, etag }));
    await node.objects.completeUpload({ ...address, parts });
    expect(await read("upload")).toBe(`${first}end`);
    expect([await read("versioned"), await read("versioned", old.versionId)]).toEqual(["new", "old"]);
    expect([await read("kms"), await read("plain")]).toEqual(["content of kms", "content of plain"]);
    expect(await node.violations()).toEqual([]);
  });

  it("rows with long manifests, which are written again as a whole, are few in one command", async () => {
    const slices = Math.ceil(MAX_RELEASED_REFERENCES / 4) + 1;
    await put("small", SSE_KMS);
    for (const key of ["a", "b", "c", "d", "e"]) await putParts(key, slices);
    await node.encryptionKey(KEY);
    const targets: number[] = [];
    const metadata = interposed(async (command) => void targets.push(command.targets.length));
    expect(await make({ metadata }).run()).toBe(6);
    expect(targets).toEqual([3, 3]);
    expect(await left()).toBe(0);
  });

  it("clients see no difference: ETag, time and the log of changes stay", async () => {
    await put("k", SSE_KMS);
    const before = await node.objects.headObject({ bucket: BUCKET, key: "k", preconditions: {} });
    const { next } = node.metadata.view.oplogBounds();
    await node.encryptionKey(KEY);
    nowMs += 60_000;
    const { next: rotated } = node.metadata.view.oplogBounds();
    expect(await make().run()).toBe(1);
    expect(await node.objects.headObject({ bucket: BUCKET, key: "k", preconditions: {} })).toEqual(before);
    expect([rotated, node.metadata.view.oplogBounds().next]).toEqual([next, next]);
  });

  it("nothing happens where nothing was rotated, or on a node that does not lead", async () => {
    await put("k", SSE_KMS);
    expect(await make().run()).toBe(0);
    await node.encryptionKey(KEY);
    expect(await make({ isLeader: () => false }).run()).toBe(0);
    expect(node.metadata.view.workerCursor(WorkerCursorRow_Worker.REWRAP)).toBeUndefined();
  });

  it("rests so that the rate is kept", async () => {
    for (const key of ["a", "b", "c"]) await put(key, SSE_KMS);
    await node.encryptionKey(KEY);
    const { run, sleeps } = make({ keysPerSecond: 10 });
    await run();
    expect(sleeps).toEqual([300]);
  });
});

describe("while clients go on", () => {
  it("what they write, remove and rename between the look and the commit is kept", async () => {
    for (const key of ["overwritten", "removed", "renamed", "stays"]) await put(key, SSE_KMS);
    await node.encryptionKey(KEY);
    let isFirst = true;
    const metadata = interposed(async ({ targets }) => {
      if (!isFirst) return;
      isFirst = false;
      expect(targets.length).toBe(4);
      await put("overwritten", SSE_KMS, "by a client");
      await node.objects.deleteObjects({ bucket: BUCKET, targets: [{ key: "removed" }] });
      await node.objects.renameObject({ bucket: BUCKET, sourceKey: "renamed", key: "a-new-name" });
    });
    const { run, sum } = make({ metadata });
    // The renamed one has moved behind the walk: the pass that follows finds it.
    expect(await run()).toBe(2);
    expect(sum(({ passedOver }) => passedOver)).toBe(3);
    expect(await left()).toBe(0);
    expect(await removeVersion(KEY, 1)).toBe("done");
    expect(await read("overwritten")).toBe("by a client");
    expect(await read("a-new-name")).toBe("content of renamed");
    expect(await read("stays")).toBe("content of stays");
    await expect(read("removed")).rejects.toMatchObject({ code: "object-not-found" });
    expect(await node.violations()).toEqual([]);
  });

  it("an upload that began before the rotation is committed under the newest version", async () => {
    async function* slow() {
      yield Buffer.from("half,");
      await node.encryptionKey(KEY);
      yield Buffer.from("half");
    }
    const source = { sizeBytes: 9, bytes: slow(), expected: {} };
    await node.objects.putObject({
      bucket: BUCKET,
      key: "slow",
      body: source,
      attributes,
      owner,
      signal,
      encryption: SSE_KMS,
    });
    expect(await left()).toBe(0);
    expect(await removeVersion(KEY, 1)).toBe("done");
    expect(await read("slow")).toBe("half,half");
    expect(await node.violations()).toEqual([]);
  });
});

describe("a walk that was cut short", () => {
  const COUNT = 56 * REWRAP_PAGE_ROWS;

  it("goes on where the last leader saved, and what it did since is found done", {
    timeout: 120_000,
  }, async () => {
    for (let at = 0; at < COUNT; at++)
      await put(`k${String(at).padStart(6, "0")}`, at % 280 === 0 ? SSE_KMS : undefined, "");
    await node.encryptionKey(KEY);
    const first = make();
    for (let unit = 0; unit < 53; unit++) expect(await first.worker.runUnit(signal)).toBe("more");
    const row = node.metadata.view.workerCursor(WorkerCursorRow_Worker.REWRAP);
    const saved = row && decodeState(row.cursor).pass;
    expect(saved?.position).toMatchObject({ kind: "inside", phase: "current" });

    const second = make();
    const done = first.sum(({ rewrapped }) => rewrapped);
    expect(done + (await second.run())).toBe(COUNT / 280);
    expect(second.sum(({ examined }) => examined)).toBeLessThan(COUNT / 2);
    expect(await left()).toBe(0);
  });
});

/** As if the data key of this object had been damaged when it was written, under the second version of its key; there is a third one then. */
async function damage(key: string): Promise<void> {
  await node.encryptionKey(KEY);
  const { view } = node.metadata;
  const bucketId = view.bucket(BUCKET)!.bucketId;
  const encryption = view.object(bucketId, key)!.attributes!.encryption!;
  await node.metadata.submit({
    case: "rewrapDataKeys",
    value: {
      $typeName: "skerry.meta.v1.RewrapDataKeys",
      bucket: BUCKET,
      bucketId,
      targets: [
        {
          $typeName: "skerry.meta.v1.RewrappedDataKey",
          key,
          row: { case: "versionId", value: view.object(bucketId, key)!.versionId },
          encryptionKeyId: KEY,
          expectedWrappedKey: encryption.wrappedKey,
          keyVersion: 2,
          wrappedKey: encryption.wrappedKey,
        },
      ],
    },
  });
  await node.encryptionKey(KEY);
}

describe("a data key that does not open", () => {
  it("stays and keeps its version, and is tried again after a while, not at once", async () => {
    await put("good", SSE_KMS);
    await put("bad", SSE_KMS);
    await damage("bad");
    const { run, sum } = make();
    expect(await run()).toBe(1);
    // One pass did something, so another one looked again.
    expect(sum(({ failed }) => failed)).toBe(2);
    await run();
    expect(sum(({ failed }) => failed)).toBe(2);
    nowMs += 10 * 60_000;
    await run();
    expect(sum(({ failed }) => failed)).toBe(3);
    expect(await removeVersion(KEY, 2)).toBe("ENCRYPTION_KEY_IN_USE");
    expect(await removeVersion(KEY, 1)).toBe("done");
    expect(await read("good")).toBe("content of good");
    expect(await node.violations()).toEqual([]);
  });

  it("keeps off no rotation, of any key, that comes after a pass over it or in its midst", async () => {
    await put("a-good", SSE_S3);
    await put("bad", SSE_KMS);
    await damage("bad");
    const { worker, run, sum } = make();
    expect([await run(), sum(({ failed }) => failed)]).toEqual([0, 1]);
    // After it.
    nowMs += 1000;
    expect([await run(), sum(({ failed }) => failed)]).toEqual([0, 1]);
    await node.encryptionKey(OBJECTS_KEY_ID);
    expect([await run(), await left()]).toEqual([1, 1]);
    // In its midst, behind the walk.
    nowMs += 10 * 60_000;
    const failed = sum((counts) => counts.failed);
    while (sum((counts) => counts.failed) === failed) expect(await worker.runUnit(signal)).toBe("more");
    await node.encryptionKey(OBJECTS_KEY_ID);
    expect([await run(), await left()]).toEqual([0, 2]);
    expect([await run(), await left()]).toEqual([1, 1]);
    const after = sum((counts) => counts.failed);
    expect([await run(), sum((counts) => counts.failed)]).toEqual([0, after]);
  });

  it("is looked at once more by a leader that finds what an earlier version of the program has written", async () => {
    await put("bad", SSE_KMS);
    await damage("bad");
    await make().run();
    const row = node.metadata.view.workerCursor(WorkerCursorRow_Worker.REWRAP)!;
    const { last } = decodeState(row.cursor);
    expect(last).toMatchObject({ counts: { rewrapped: 0, failed: 1 }, left: { uses: 1 } });
    const written = { format: 1, last: { endedMs: last?.endedMs, counts: last?.counts } };
    const value = create(PutWorkerCursorSchema, {
      worker: WorkerCursorRow_Worker.REWRAP,
      expectedRevision: row.revision,
      cursor: Buffer.from(JSON.stringify(written)),
    });
    await node.metadata.submit({ case: "putWorkerCursor", value });
    const { run, sum } = make();
    await run();
    await run();
    expect(sum(({ failed }) => failed)).toBe(1);
  });

  it("because its version of the ring does not unseal keeps no others from being wrapped anew", async () => {
    await node.encryptionKey("foreign");
    const KMS_FOREIGN: EncryptionRequest = { ...SSE_KMS, keyId: "foreign" };
    await put("a", KMS_FOREIGN);
    await put("b", SSE_KMS);
    await node.encryptionKey("foreign");
    await node.encryptionKey(KEY);
    const sealer: Sealer = {
      ...node.sealer,
      open: (sealed, context) => {
        if (context === "encryption-key/foreign/1") throw new AccessError("sealed-damaged", "it is damaged");
        return node.sealer.open(sealed, context);
      },
    };
    const { run, sum } = make({ sealer });
    expect(await run()).toBe(1);
    expect(sum(({ failed }) => failed)).toBe(2);
    expect(await removeVersion(KEY, 1)).toBe("done");
    expect(await removeVersion("foreign", 1)).toBe("ENCRYPTION_KEY_IN_USE");
    // A clock that was ahead when the last pass had nothing but failures does not keep off the next one.
    nowMs += 10 * 60_000 + DAY_MS;
    await run();
    nowMs -= DAY_MS;
    await put("c", SSE_S3);
    await node.encryptionKey(OBJECTS_KEY_ID);
    expect(await run()).toBe(1);
  });
});
