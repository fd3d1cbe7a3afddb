import { beforeEach, describe, expect, test } from "vitest";
import { DiskError } from "../platform/index.ts";
import { ObjectError } from "./errors.ts";
import type { ObjectStore } from "./ports.ts";
import { OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "bucket";
const KEY = "k";

let node: SingleNode;
let uploadId: string;
const { signal } = new AbortController();

beforeEach(async () => {
  node = await SingleNode.create();
  const { objects } = node;
  await objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  const attributes = {
    contentType: "",
    headers: new Map(),
    userMetadata: new Map(),
    storageClass: "STANDARD",
  };
  const upload = { bucket: BUCKET, key: KEY, owner: OWNER, attributes };
  ({ uploadId } = await objects.createUpload({
    ...upload,
    checksumAlgorithm: undefined,
    checksumType: undefined,
  }));
});

function failReads(code: "io" | "damaged"): void {
  const fail = (): never => {
    throw new DiskError(code, "/data/state", "the sector cannot be read");
  };
  const failLater = async () => fail();
  Object.assign(node.store, { get: fail, scan: fail, page: failLater, getMany: failLater });
}

const READS: readonly (readonly [string, (objects: ObjectStore) => Promise<unknown>])[] = [
  ["getObject", (objects) => objects.getObject({ bucket: BUCKET, key: KEY, caller: { signal } })],
  ["headObject", (objects) => objects.headObject({ bucket: BUCKET, key: KEY })],
  [
    "listObjects",
    (objects) => objects.listObjects({ bucket: BUCKET, prefix: "", delimiter: "", after: "", limit: 9 }),
  ],
  ["getObjectTags", (objects) => objects.getObjectTags({ bucket: BUCKET, key: KEY })],
];

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof ObjectError ? error.code : `not an ObjectError: ${error}`),
  );
}

describe("a node that cannot read its metadata", () => {
  test.each(READS)("refuses %s, to be tried on another node", async (_name, read) => {
    failReads("io");
    expect(await codeOf(read(node.objects))).toBe("unavailable");
  });

  test("refuses the bytes of an object whose blobs it cannot look up any more", async () => {
    // Of so many chunks that the row which was found with the object is not kept.
    const sizeBytes = 20 * 1024 * 1024;
    async function* pieces() {
      yield new Uint8Array(sizeBytes);
    }
    const body = { sizeBytes, bytes: pieces(), expected: {} };
    const attributes = { contentType: "", headers: new Map(), userMetadata: new Map(), storageClass: "" };
    await node.objects.putObject({ bucket: BUCKET, key: KEY, body, attributes, owner: OWNER, signal });
    const got = await node.objects.getObject({ bucket: BUCKET, key: KEY, caller: { signal } });
    failReads("damaged");
    const reading = (async () => {
      for await (const _piece of got.body) expect.unreachable("no byte can be delivered");
    })();
    expect(await codeOf(reading)).toBe("unavailable");
  });

  test("refuses at once what is asked without waiting", () => {
    failReads("damaged");
    expect(() => node.objects.bucketAccess("not looked at before")).toThrow(ObjectError);
  });

  test("refuses a write of which nothing has begun", async () => {
    node = await SingleNode.create();
    failReads("io");
    const writing = node.objects.abortUpload({ bucket: BUCKET, key: KEY, uploadId });
    expect(await codeOf(writing)).toBe("unavailable");
  });

  test("does not say of a write that has begun that nothing happened", async () => {
    const write = node.store.write.bind(node.store);
    node.store.write = async (...batch) => {
      await write(...batch);
      failReads("io");
    };
    const writing = node.objects.createBucket({ bucket: "another", region: "r", owner: OWNER });
    expect(await codeOf(writing)).toBe("outcome-unknown");
  });
});
