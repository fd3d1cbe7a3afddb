/** The promise: whoever goes on from the last sequence misses no change of the bucket, sees none twice, and is told when some are gone. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, expect, it, vi } from "vitest";
import { TrimOplogSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { BodySource } from "./ports.ts";
import { OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "followed";
const signal = new AbortController().signal;
let node: SingleNode;

beforeEach(async () => {
  node = await SingleNode.create();
  for (const bucket of [BUCKET, "other"]) {
    await node.objects.createBucket({ bucket, region: "r", owner: OWNER });
  }
});

function put(key: string, bucket = BUCKET) {
  async function* pieces() {
    yield new Uint8Array(3);
  }
  const body: BodySource = { sizeBytes: 3, bytes: pieces(), expected: {} };
  const attributes = {
    contentType: "text/plain",
    headers: new Map<string, string>(),
    userMetadata: new Map<string, string>(),
    storageClass: "STANDARD",
  };
  return node.objects.putObject({ bucket, key, body, attributes, owner: OWNER, signal });
}

const list = (after: bigint, limit = 1000) => node.objects.listChanges({ bucket: BUCKET, after, limit });

it("the changes of a bucket are its own, in order, page by page", async () => {
  const { etag } = await put("a");
  await put("x", "other");
  await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
  const { versionId } = await put("b");
  await node.objects.deleteObject({ bucket: BUCKET, key: "a" });
  await node.objects.deleteObject({ bucket: BUCKET, key: "b", versionId });
  const whole = await list(0n);
  expect(whole.changes.map(({ name, key }) => `${name} ${key}`)).toEqual([
    "ObjectCreated:Put a",
    "ObjectCreated:Put b",
    "ObjectRemoved:DeleteMarkerCreated a",
    "ObjectRemoved:Delete b",
  ]);
  expect(whole.changes[0]).toMatchObject({ versionId: "null", size: 3, etag });
  expect(whole.changes[1]).toMatchObject({ versionId });
  expect(whole.more).toBe(false);
  const paged = [];
  let after = 0n;
  for (;;) {
    const page = await list(after, 1);
    paged.push(...page.changes);
    after = page.next;
    if (!page.more) break;
  }
  expect(paged).toEqual(whole.changes);
  expect(await list(after)).toEqual({ changes: [], next: after, more: false });
  await put("c");
  expect((await list(after)).changes.map(({ key }) => key)).toEqual(["c"]);
});

it("who is behind what is kept is told so", async () => {
  await put("a");
  const { next } = await list(0n);
  await put("b");
  await put("c");
  const end = node.metadata.view.oplogBounds().next;
  const trim = (belowSequence: bigint) =>
    node.metadata.submit({ case: "trimOplog", value: create(TrimOplogSchema, { belowSequence }) });
  await trim(next + 1n);
  expect((await list(next)).changes.map(({ key }) => key)).toEqual(["b", "c"]);
  await trim(end);
  await expect(list(next)).rejects.toMatchObject({ code: "changes-gone" });
  expect(await list(0n)).toMatchObject({ changes: [], more: false });
});

it("who is told of changes while older ones are trimmed misses none without being told so", async () => {
  await put("a");
  const { next } = await list(0n);
  await put("b");
  await put("c");
  const { view } = node.metadata;
  const oplog = vi.spyOn(view, "oplog");
  oplog.mockImplementationOnce(async (after, limit) => {
    const belowSequence = view.oplogBounds().next - 1n;
    await node.metadata.submit({ case: "trimOplog", value: create(TrimOplogSchema, { belowSequence }) });
    return view.oplog(after, limit);
  });
  await expect(list(next)).rejects.toMatchObject({ code: "changes-gone" });
  // Who begins with the oldest that is kept has nothing to miss.
  expect((await list(0n)).changes.map(({ key }) => key)).toEqual(["c"]);
});

it("who asks for what comes after a change that there is not is told so", async () => {
  await put("a");
  const { next: end } = node.metadata.view.oplogBounds();
  expect(await list(end - 1n)).toMatchObject({ changes: [], next: end - 1n, more: false });
  for (const after of [end, end + 1_000n]) {
    await expect(list(after)).rejects.toMatchObject({
      code: "changes-unknown",
      details: { NewestSequence: String(end - 1n) },
    });
  }
});

it("a bucket that was made again has none of the old one's", async () => {
  await put("a");
  await node.objects.deleteObject({ bucket: BUCKET, key: "a" });
  await node.objects.deleteBucket(BUCKET);
  await expect(list(0n)).rejects.toMatchObject({ code: "bucket-not-found" });
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  await put("b");
  expect((await list(0n)).changes.map(({ key }) => key)).toEqual(["b"]);
});
