import { beforeAll, describe, expect, it } from "vitest";
import type { OrderedStore } from "../platform/index.ts";
import { OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "wide";
const SIZES = [200, 2_000] as const;

/** The rows of each scan of the store, or of a view of it, that ran while `work` did. */
async function pagesRead(node: SingleNode, work: () => Promise<unknown>): Promise<readonly number[]> {
  const { store } = node;
  const pages: number[] = [];
  const counted = (scan: OrderedStore["scan"]): OrderedStore["scan"] =>
    async function* (range) {
      const at = pages.push(0) - 1;
      for await (const row of scan(range)) {
        pages[at]! += 1;
        yield row;
      }
    };
  const { scan, snapshot } = store;
  Object.assign(store, {
    scan: counted(scan.bind(store)),
    snapshot: () => {
      const still = snapshot.call(store);
      return { ...still, scan: counted((range) => still.scan(range)) };
    },
  });
  await work();
  Object.assign(store, { scan, snapshot });
  return pages;
}

async function rowsRead(node: SingleNode, work: () => Promise<unknown>): Promise<number> {
  return (await pagesRead(node, work)).reduce((sum, rows) => sum + rows, 0);
}

/** `count` keys in ten directories, every one with a version and a delete marker over it in a bucket of its own. */
async function filled(count: number): Promise<SingleNode> {
  const node = await SingleNode.create();
  const { objects } = node;
  await objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
  await objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
  const attributes = {
    contentType: "",
    headers: new Map(),
    userMetadata: new Map(),
    storageClass: "STANDARD",
  };
  for (let at = 0; at < count; at++) {
    const key = `dir-${at % 10}/${String(at).padStart(6, "0")}`;
    const body = { sizeBytes: 0, bytes: (async function* () {})(), expected: {} };
    await objects.putObject({
      bucket: BUCKET,
      key,
      body,
      attributes,
      owner: OWNER,
      signal: new AbortController().signal,
    });
    if (at % 2 === 0) await objects.deleteObject({ bucket: BUCKET, key });
  }
  return node;
}

describe("what a page of a list reads", () => {
  const nodes = new Map<number, SingleNode>();
  beforeAll(async () => {
    for (const size of SIZES) nodes.set(size, await filled(size));
  }, 120_000);

  const page = { bucket: BUCKET, prefix: "", delimiter: "", after: "" };
  const versions = { bucket: BUCKET, prefix: "", delimiter: "", afterKey: "", afterVersionId: undefined };

  it.each<[string, (node: SingleNode) => Promise<unknown>]>([
    ["ten keys", ({ objects }) => objects.listObjects({ ...page, limit: 10 })],
    [
      "ten keys from the middle",
      ({ objects }) => objects.listObjects({ ...page, after: "dir-5/", limit: 10 }),
    ],
    [
      "all ten common prefixes",
      ({ objects }) => objects.listObjects({ ...page, delimiter: "/", limit: 1000 }),
    ],
    ["ten versions", ({ objects }) => objects.listVersions({ ...versions, limit: 10 })],
    [
      "all common prefixes of versions",
      ({ objects }) => objects.listVersions({ ...versions, delimiter: "/", limit: 1000 }),
    ],
  ])("does not grow with the bucket: %s", async (_, list) => {
    const [small, large] = SIZES.map((size) => nodes.get(size)!);
    const few = await rowsRead(small!, () => list(small!));
    const many = await rowsRead(large!, () => list(large!));
    expect(few).toBeGreaterThan(0);
    // A page of each table at first, a few rows for each prefix after it, whatever lies under it.
    expect(many).toBeLessThanOrEqual(2 * (64 + 10 * 4));
  });

  it("a common prefix costs a few rows, however much lies under it", async () => {
    const node = nodes.get(SIZES[1])!;
    const all = { ...page, delimiter: "/", limit: 1000 };
    const rows = await rowsRead(node, () => node.objects.listObjects(all));
    expect(rows).toBeGreaterThanOrEqual(5);
    expect(rows).toBeLessThanOrEqual(64 + 5 * 4);
    expect((await node.objects.listObjects(all)).commonPrefixes).toHaveLength(5);
  });

  it("and so does one of versions, of which two tables are read", async () => {
    const node = nodes.get(SIZES[1])!;
    const all = { ...versions, delimiter: "/", limit: 1000 };
    const rows = await rowsRead(node, () => node.objects.listVersions(all));
    expect(rows).toBeGreaterThanOrEqual(10);
    expect(rows).toBeLessThanOrEqual(2 * 64 + 10 * 4);
    expect((await node.objects.listVersions(all)).commonPrefixes).toHaveLength(10);
  });

  it("versions that nothing folds are read in long runs, whatever the delimiter", async () => {
    const node = nodes.get(SIZES[1])!;
    const all = { ...versions, delimiter: "#", limit: 1000 };
    let listed = 0;
    const pages = await pagesRead(node, async () => {
      listed = (await node.objects.listVersions(all)).versions.length;
    });
    expect(listed).toBe(1000);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.length).toBeLessThanOrEqual(12);
  });
});
