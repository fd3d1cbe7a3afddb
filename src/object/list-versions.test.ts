import { describe, expect, test } from "vitest";
import type { OrderedStore, StoreSnapshot } from "../platform/index.ts";
import { OWNER, SingleNode } from "./testing/single-node.ts";
import { shownVersionId } from "./version-id.ts";

const BUCKET = "bucket";
const KEY = "k";

async function put(node: SingleNode): Promise<string | undefined> {
  async function* pieces() {
    yield new Uint8Array(3);
  }
  const attributes = {
    contentType: "",
    headers: new Map<string, string>(),
    userMetadata: new Map<string, string>(),
    storageClass: "STANDARD",
  };
  const { versionId } = await node.objects.putObject({
    bucket: BUCKET,
    key: KEY,
    body: { sizeBytes: 3, bytes: pieces(), expected: {} },
    attributes,
    owner: OWNER,
    signal: new AbortController().signal,
  });
  return versionId;
}

/** From now on `action` comes between the first page that is read and the next. */
function afterFirstPage(node: SingleNode, action: () => Promise<unknown>): void {
  let isDone = false;
  const interrupted = (scan: OrderedStore["scan"]): OrderedStore["scan"] =>
    async function* (range) {
      yield* scan(range);
      if (isDone) return;
      isDone = true;
      await action();
    };
  const { store } = node;
  const snapshot = store.snapshot.bind(store);
  Object.assign(store, {
    scan: interrupted(store.scan.bind(store)),
    snapshot: (): StoreSnapshot => {
      const still = snapshot();
      return { ...still, get: (key) => still.get(key), scan: interrupted((range) => still.scan(range)) };
    },
  });
}

describe("a list of versions", () => {
  test.each([
    ["a write", put],
    ["a delete marker", (node: SingleNode) => node.objects.deleteObject({ bucket: BUCKET, key: KEY })],
  ])("is of one moment: %s in between is not seen by half", async (_what, action) => {
    const node = await SingleNode.create();
    await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
    const [first, second] = [await put(node), await put(node)];
    afterFirstPage(node, () => action(node));
    const page = { prefix: "", delimiter: "", afterKey: "", afterVersionId: undefined, limit: 100 };
    const { versions } = await node.objects.listVersions({ bucket: BUCKET, ...page });
    expect(versions.map(({ versionId, isLatest }) => [versionId, isLatest])).toEqual([
      [second, true],
      [first, false],
    ]);
  });
});

describe("whoever removes what a page shows, and goes on where it ended, misses nothing", () => {
  const remove = (node: SingleNode, versionId?: string) =>
    node.objects.deleteObject({ bucket: BUCKET, key: KEY, versionId });
  const setVersioning = (node: SingleNode, versioning: "enabled" | "suspended") =>
    node.objects.putBucketVersioning({ bucket: BUCKET, versioning });

  async function versioned(): Promise<SingleNode> {
    const node = await SingleNode.create();
    await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    await setVersioning(node, "enabled");
    return node;
  }

  /** The number of versions on each page. */
  async function purge(node: SingleNode, limit: number): Promise<number[]> {
    const pages: number[] = [];
    let [afterKey, afterVersionId]: [string, string | undefined] = ["", undefined];
    for (;;) {
      const page = { bucket: BUCKET, prefix: "", delimiter: "", afterKey, afterVersionId, limit };
      const { versions, next } = await node.objects.listVersions(page);
      for (const { versionId } of versions) await remove(node, versionId);
      pages.push(versions.length);
      if (next === undefined) return pages;
      ({ key: afterKey, versionId: afterVersionId } = next);
    }
  }

  test.each([
    [1, [1, 1, 1, 1, 1, 1, 1]],
    [3, [3, 3, 1]],
    [6, [6, 1]],
  ])("versions, %i a page", async (limit, pages) => {
    const node = await versioned();
    for (let i = 0; i < 7; i++) await put(node);
    expect(await purge(node, limit)).toEqual(pages);
    await node.objects.deleteBucket(BUCKET);
  });

  test("under a delete marker", async () => {
    const node = await versioned();
    await put(node);
    await put(node);
    await remove(node);
    expect(await purge(node, 1)).toEqual([1, 1, 1]);
    await node.objects.deleteBucket(BUCKET);
  });

  test("and what is null among them, at the end of a page", async () => {
    const node = await versioned();
    await put(node);
    await put(node);
    await setVersioning(node, "suspended");
    await put(node);
    await setVersioning(node, "enabled");
    await put(node);
    expect(await purge(node, 2)).toEqual([2, 2]);
    await node.objects.deleteBucket(BUCKET);
  });

  test("null as a marker means the null version, and all of the key where there is none any more", async () => {
    const node = await versioned();
    const oldest = await put(node);
    await setVersioning(node, "suspended");
    await put(node);
    await setVersioning(node, "enabled");
    const newest = await put(node);
    const page = { bucket: BUCKET, prefix: "", delimiter: "", limit: 10 };
    const listed = async () => {
      const { versions } = await node.objects.listVersions({
        ...page,
        afterKey: KEY,
        afterVersionId: "null",
      });
      return versions.map(({ versionId }) => versionId);
    };
    expect(await listed()).toEqual([oldest]);
    await remove(node, "null");
    expect(await listed()).toEqual([newest, oldest]);
  });

  test("a version that came meanwhile is not on a page behind it", async () => {
    const node = await versioned();
    const [first, second] = [await put(node), await put(node)];
    await put(node);
    const page = {
      bucket: BUCKET,
      prefix: "",
      delimiter: "",
      limit: 10,
      afterKey: KEY,
      afterVersionId: second,
    };
    const { versions } = await node.objects.listVersions(page);
    expect(versions.map(({ versionId }) => versionId)).toEqual([first]);
  });
});

test("a version has its id in the answer, also where this node has not heard yet that the bucket has versions", async () => {
  const node = await SingleNode.create();
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  const before = node.metadata.view.bucket(BUCKET)!;
  const versionId = new Uint8Array(16).fill(1);
  expect(shownVersionId(before, { versionId, versioned: false })).toBeUndefined();
  expect(shownVersionId(before, { versionId, versioned: true })).toBe("AQEBAQEBAQEBAQEBAQEBAQ");
});
