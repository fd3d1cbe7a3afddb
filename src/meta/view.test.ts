import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { compareKeys, successorOfPrefix } from "../base/index.ts";
import { OpenSessionSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import { DiskError, type OrderedStore, type StoreSnapshot } from "../platform/index.ts";
import { MetaError } from "./errors.ts";
import { LiveStore } from "./live-store.ts";
import { RowVersions } from "./row-versions.ts";
import {
  abortUpload,
  commitObject,
  commitPart,
  createBucket,
  createUpload,
  id,
  putCopysets,
  readyReplica,
  setNodeState,
} from "./testing/commands.ts";
import { Replica } from "./testing/harness.ts";
import { StateView } from "./view.ts";

const KEYS = ["a", "a\u0000", "a\u0001", "a/b", "a/b/c", "b", "\ud7ff", "\ue000", "\u{10000}"];

let replica: Replica;
let view: StateView;
let versions: RowVersions;

beforeEach(() => {
  versions = new RowVersions();
  replica = readyReplica(new Replica());
  for (const [at, key] of KEYS.entries()) replica.run(commitObject(key, id(at + 1)));
  view = new StateView(new LiveStore(replica.store), { index: () => 1, timeMs: () => 2 }, { versions });
});

const listed = async (options: { prefix?: string; after?: string; from?: string; limit?: number }) => {
  const rows = await view.objects(1n, { prefix: "", after: "", limit: 100, ...options });
  return rows.map(({ key }) => key);
};

describe("objects", () => {
  test("come in UTF-8 order", async () => {
    expect(await listed({})).toEqual([...KEYS].sort(compareKeys));
    expect(await listed({ limit: 3 })).toEqual(["a", "a\u0000", "a\u0001"]);
  });

  test.each(["", "a", "a\u0000", "a/", "a/b", "x", "\u{10000}"])("with prefix %j", async (prefix) => {
    expect(await listed({ prefix })).toEqual(
      [...KEYS].sort(compareKeys).filter((key) => key.startsWith(prefix)),
    );
  });

  test.each(["a", "a\u0000", "a/", "b", "\uffff", "zzz", "\u{10ffff}"])("after %j", async (after) => {
    expect(await listed({ after })).toEqual(
      [...KEYS].sort(compareKeys).filter((key) => compareKeys(key, after) > 0),
    );
    const both = KEYS.filter((key) => key.startsWith("a") && compareKeys(key, after) > 0).sort(compareKeys);
    expect(await listed({ after, prefix: "a" })).toEqual(both);
  });

  test("from behind a common prefix", async () => {
    expect(await listed({ from: successorOfPrefix("a/")! })).toEqual(["b", "\ud7ff", "\ue000", "\u{10000}"]);
    expect(await listed({ prefix: "a", from: "A" })).toEqual(["a", "a\u0000", "a\u0001", "a/b", "a/b/c"]);
  });

  test("of another bucket are others", async () => {
    expect(await view.objects(2n, { prefix: "", after: "", limit: 10 })).toEqual([]);
    expect(view.object(2n, "a")).toBeUndefined();
  });
});

/** From now on `action` comes between the first page that is read and what is read next. */
function afterFirstPage(store: OrderedStore, action: () => void): void {
  let isDone = false;
  const interrupted =
    (page: OrderedStore["page"]): OrderedStore["page"] =>
    async (range) => {
      const rows = await page(range);
      if (!isDone) action();
      isDone = true;
      return rows;
    };
  const snapshot = store.snapshot.bind(store);
  Object.assign(store, {
    page: interrupted(store.page.bind(store)),
    snapshot: (): StoreSnapshot => {
      const still = snapshot();
      return { ...still, page: interrupted(still.page) };
    },
  });
}

describe("uploads", () => {
  beforeEach(() => {
    for (const [key, upload] of [
      ["k", 3],
      ["k", 1],
      ["k\u0000", 2],
      ["j", 9],
      ["l", 4],
    ] as const) {
      replica.run(createUpload(key, id(upload)));
    }
  });

  const listedUploads = async (options: {
    prefix?: string;
    afterKey?: string;
    after?: number;
    fromKey?: string;
  }) => {
    const { prefix = "", afterKey = "", after, fromKey } = options;
    const rows = await view.uploads(1n, {
      prefix,
      afterKey,
      afterUploadId: after === undefined ? undefined : id(after),
      ...(fromKey !== undefined && { fromKey }),
      limit: 10,
    });
    return rows.map(({ key, uploadId }) => `${key} ${uploadId[15]}`);
  };

  test("come in order of key, then id", async () => {
    expect(await listedUploads({})).toEqual(["j 9", "k 1", "k 3", "k\u0000 2", "l 4"]);
    expect(await listedUploads({ prefix: "k" })).toEqual(["k 1", "k 3", "k\u0000 2"]);
  });

  test("begin behind a key, behind an upload, or at a key", async () => {
    expect(await listedUploads({ afterKey: "k" })).toEqual(["k\u0000 2", "l 4"]);
    expect(await listedUploads({ afterKey: "k", after: 1 })).toEqual(["k 3", "k\u0000 2", "l 4"]);
    expect(await listedUploads({ prefix: "k", afterKey: "a" })).toEqual(["k 1", "k 3", "k\u0000 2"]);
    expect(await listedUploads({ fromKey: "k\u0000" })).toEqual(["k\u0000 2", "l 4"]);
  });

  test("fill a page also when one of them goes away while it is read", async () => {
    afterFirstPage(replica.store, () => replica.run(abortUpload("k", id(1))));
    const page = { prefix: "", afterKey: "", afterUploadId: undefined, limit: 4 };
    expect(await view.uploads(1n, page)).toHaveLength(4);
    expect(await listedUploads({})).toEqual(["j 9", "k 3", "k\u0000 2", "l 4"]);
  });

  test("have parts in order of number", async () => {
    for (const number of [10, 9, 100]) replica.run(commitPart({ key: "j", uploadId: id(9) }, number, []));
    const parts = await view.parts(id(9), { after: 9, limit: 10 });
    expect(parts.map(({ partNumber }) => partNumber)).toEqual([10, 100]);
    expect(view.part(id(9), 9)?.partNumber).toBe(9);
    expect(view.part(id(9), 11)).toBeUndefined();
  });

  test("ids of another length are unknown", () => {
    expect(view.upload(new Uint8Array(3))).toBeUndefined();
    expect(view.blob(new Uint8Array(3))).toBeUndefined();
    expect(view.completedUpload(new Uint8Array(3))).toBeUndefined();
  });
});

describe("open copysets", () => {
  test("are those of the cluster now; closed ones are found by id", () => {
    const put = (epoch: number, ...copysets: { id?: number; nodes: number[] }[]) => {
      replica.run(putCopysets(epoch, ...copysets));
      versions.changedAll();
    };
    const open = () => view.openCopysets().map(({ copysetId }) => Number(copysetId));
    const epoch = Number(view.cluster()?.layoutEpoch);
    expect(open()).toEqual([1]);
    expect(view.openCopysets()).toBe(view.openCopysets());
    put(epoch, { nodes: [1, 2] });
    expect(open()).toEqual([2]);
    expect(view.copyset(1n)).toMatchObject({ open: false, nodeIds: [1n, 2n, 3n] });
    put(epoch + 1, { id: 2, nodes: [1, 2] }, { id: 1, nodes: [1, 2, 3] });
    expect(open()).toEqual([2, 1]);
    expect(view.copyset(3n)).toBeUndefined();
  });
});

describe("rows that are kept decoded", () => {
  test("are read anew after a batch that touched them", async () => {
    expect(view.bucket("bucket")?.objectCount).toBe(BigInt(KEYS.length));
    expect((await view.nodes()).map(({ state }) => state)).toEqual(Array(4).fill(NodeState.ACTIVE));
    expect(view.bucket("bucket")).toBe(view.bucket("bucket"));
    expect(view.nodes()).toBe(view.nodes());
    replica.run(commitObject("more", id(100)));
    setNodeState(replica, 4, NodeState.DRAINING);
    versions.beginWrite(["0000bbucket"], ["b", "n"]);
    versions.endWrite();
    expect(view.bucket("bucket")?.objectCount).toBe(BigInt(KEYS.length + 1));
    expect((await view.nodes()).at(-1)?.state).toBe(NodeState.DRAINING);
  });

  test("are not remembered while they do not exist", () => {
    expect(view.bucket("later")).toBeUndefined();
    replica.run(createBucket("later"));
    expect(view.bucket("later")).toBeDefined();
  });
});

test("buckets are listed behind a name", async () => {
  for (const name of ["alpha", "beta", "beta-2"]) replica.run(createBucket(name));
  const names = async (prefix: string, after: string) =>
    (await view.buckets({ prefix, after, limit: 10 })).map(({ name }) => name);
  expect(await names("", "")).toEqual(["alpha", "beta", "beta-2", "bucket"]);
  expect(await names("b", "beta")).toEqual(["beta-2", "bucket"]);
});

test("the oplog is read behind a sequence", async () => {
  expect((await view.oplog(1n, 2)).map(({ sequence }) => sequence)).toEqual([2n, 3n]);
});

test("idle sessions are those not used since", async () => {
  const open = () => replica.run({ case: "openSession", value: create(OpenSessionSchema, { nodeId: 1n }) });
  open();
  replica.timeMs += 10;
  open();
  expect(await view.idleSessions(replica.timeMs, 10)).toEqual([1n]);
  expect(await view.idleSessions(replica.timeMs + 1, 1)).toEqual([1n]);
});

test("a row that the disk does not give is refused, and whoever decides over the node is told", async () => {
  const told: string[] = [];
  const store = new LiveStore(replica.store);
  const onUnreadable = ({ code }: DiskError) => void told.push(code);
  const watched = new StateView(store, { index: () => 1, timeMs: () => 2 }, { onUnreadable });
  const damaged = new DiskError("damaged", "/state", "a stored value does not match its checksum");
  replica.store.get = () => {
    throw damaged;
  };
  replica.store.scan = () => {
    throw damaged;
  };
  replica.store.snapshot = () => {
    throw damaged;
  };
  expect(() => watched.object(1n, "a")).toThrow(MetaError);
  await expect(watched.objects(1n, { prefix: "", after: "", limit: 1 })).rejects.toMatchObject({
    name: "MetaError",
    code: "unavailable",
  });
  await expect(watched.nodes()).rejects.toMatchObject({ code: "unavailable" });
  expect(told).toEqual(["damaged", "damaged", "damaged"]);
});
