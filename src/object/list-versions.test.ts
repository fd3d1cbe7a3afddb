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
  const interrupted = (page: OrderedStore["page"]): OrderedStore["page"] => {
    return async (range) => {
      const rows = await page(range);
      if (isDone) return rows;
      isDone = true;
      await action();
      return rows;
    };
  };
  const { store } = node;
  const snapshot = store.snapshot.bind(store);
  Object.assign(store, {
    page: interrupted(store.page.bind(store)),
    snapshot: (): StoreSnapshot => {
      const still = snapshot();
      return { ...still, get: (key) => still.get(key), page: interrupted((range) => still.page(range)) };
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

test("a version has its id in the answer, also where this node has not heard yet that the bucket has versions", async () => {
  const node = await SingleNode.create();
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  const before = node.metadata.view.bucket(BUCKET)!;
  const versionId = new Uint8Array(16).fill(1);
  expect(shownVersionId(before, { versionId, versioned: false })).toBeUndefined();
  expect(shownVersionId(before, { versionId, versioned: true })).toBe("AQEBAQEBAQEBAQEBAQEBAQ");
});
