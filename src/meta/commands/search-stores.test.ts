import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import {
  AcknowledgeUnlinkSchema,
  BeginBlobDeleteSchema,
  type NewBlob,
  RecordCopiesSchema,
  SetSearchStoreSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BlobRowSchema,
  BlobState,
  ClusterRowSchema,
  ManifestKind,
  SearchStoreRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { blobHexOf, blobKey, CLUSTER_KEY, OUTSIDE_NODE_ID, searchStoreKey, unlinkOrderKey } from "../keys.ts";
import { chunkedBlob, commitObject, id, inlineBlob, readyReplica } from "../testing/commands.ts";
import { outcome, Replica } from "../testing/harness.ts";
import {
  commitBatch,
  commitIndex,
  createNamespace,
  leaseWork,
  outsideBlob,
  setSearchStore,
  trimNamespace,
} from "../testing/namespaces.ts";

let replica: Replica;
beforeEach(() => {
  replica = readyReplica(new Replica());
});

const S3 = {
  endpoint: "https://s3.example.com",
  region: "r",
  bucket: "b",
  prefix: "p/",
  accessKeyId: "k",
  secretSealed: new Uint8Array(40),
};

function setS3(more: Partial<typeof S3> = {}) {
  return set({ location: { case: "s3", value: { ...S3, ...more } } });
}

function set(value: MessageInitShape<typeof SetSearchStoreSchema>): string {
  return outcome(replica.run({ case: "setSearchStore", value: create(SetSearchStoreSchema, value) }));
}

function cluster() {
  return fromBinary(ClusterRowSchema, replica.store.get(CLUSTER_KEY)!);
}

function store(storeId: number) {
  const bytes = replica.store.get(searchStoreKey(BigInt(storeId)));
  return bytes && fromBinary(SearchStoreRowSchema, bytes);
}

function blob(number: number) {
  const bytes = replica.store.get(blobKey(blobHexOf(id(number))));
  return bytes && fromBinary(BlobRowSchema, bytes);
}

/** A namespace whose one batch is flushed into this segment; what came of the command. */
function flush(segment: NewBlob): string {
  replica.run(createNamespace("a"));
  replica.run(commitBatch(1, 1000));
  replica.run(leaseWork(1));
  return outcome(replica.run(flushed(segment)));
}

function flushed(segment: NewBlob) {
  return commitIndex(1, {
    segments: [{ blob: segment, level: 0, rows: 1n, firstVersion: 1n, lastVersion: 1n }],
    removed: [{ kind: ManifestKind.BATCH, number: 1n }],
  });
}

describe("SetSearchStore", () => {
  test("numbers stores, knows them again by their place, and goes back to the cluster", async () => {
    expect(outcome(replica.run(setSearchStore("/mnt/one")))).toBe("done");
    expect(setS3()).toBe("done");
    expect([cluster().searchStoreId, cluster().searchStoreCount]).toEqual([2n, 2n]);
    replica.run(setSearchStore("/mnt/one"));
    expect([cluster().searchStoreId, cluster().searchStoreCount]).toEqual([1n, 2n]);
    expect(setS3({ accessKeyId: "other" })).toBe("done");
    expect(store(2)?.location).toMatchObject({ case: "s3", value: { accessKeyId: "other" } });
    expect(setS3({ prefix: "" })).toBe("done");
    expect([cluster().searchStoreId, cluster().searchStoreCount]).toEqual([3n, 3n]);
    replica.run(setSearchStore(undefined));
    expect([cluster().searchStoreId, cluster().searchStoreCount]).toEqual([0n, 3n]);
    expect(await replica.violations()).toEqual([]);
  });

  test("has room for sixteen", () => {
    for (let at = 0; at < 16; at++) expect(setS3({ bucket: `b${at}` })).toBe("done");
    expect(setS3({ bucket: "one-more" })).toBe("SEARCH_STORES_FULL");
    expect(setS3({ bucket: "b3" })).toBe("done");
    expect(cluster().searchStoreId).toBe(4n);
  });

  test.each([
    ["a path that is not absolute", { case: "directory" as const, value: { path: "mnt" } }],
    ["a path that is too long", { case: "directory" as const, value: { path: `/${"x".repeat(1024)}` } }],
    ["no bucket", { case: "s3" as const, value: { ...S3, bucket: "" } }],
    ["a long endpoint", { case: "s3" as const, value: { ...S3, endpoint: "x".repeat(257) } }],
    ["a long prefix", { case: "s3" as const, value: { ...S3, prefix: "x".repeat(1025) } }],
    ["a long secret", { case: "s3" as const, value: { ...S3, secretSealed: new Uint8Array(1025) } }],
  ])("refuses %s", (_, location) => {
    expect(set({ location })).toBe("INVALID");
    expect(cluster().searchStoreCount).toBe(0n);
  });

  test("needs a cluster", () => {
    expect(outcome(new Replica().run(setSearchStore("/mnt")))).toBe("INVALID");
  });
});

describe("a blob outside the cluster", () => {
  beforeEach(() => {
    replica.run(setSearchStore("/mnt"));
  });

  test("is counted by its store from its commit until it is known to be deleted", async () => {
    expect(flush(outsideBlob(id(2000), 70, 1))).toBe("indexCommitted");
    expect(store(1)).toMatchObject({ blobs: 1n, bytes: 70n });
    expect(blob(2000)).toMatchObject({ searchStoreId: 1n, referenceCount: 1n, state: BlobState.LIVE });
    // Other settings of the store leave the count as it is.
    replica.run(setSearchStore("/mnt"));
    expect(store(1)).toMatchObject({ blobs: 1n, bytes: 70n });
    replica.run(leaseWork(1));
    replica.run(commitIndex(1, { removed: [{ kind: ManifestKind.SEGMENT, number: 1n }] }));
    replica.timeMs += 120_000;
    replica.run(
      trimNamespace(1, { rows: [{ kind: ManifestKind.SEGMENT, number: 1n, removedRevision: 4n }] }),
    );
    expect(blob(2000)).toMatchObject({ state: BlobState.PENDING_DELETE });
    replica.timeMs += 48 * 60 * 60 * 1000;
    const value = create(BeginBlobDeleteSchema, { blobIds: [id(2000)] });
    replica.run({ case: "beginBlobDelete", value });
    expect(blob(2000)).toMatchObject({ state: BlobState.DELETING });
    expect(replica.store.get(unlinkOrderKey(OUTSIDE_NODE_ID, blobHexOf(id(2000))))).toBeDefined();
    expect(store(1)).toMatchObject({ blobs: 1n, bytes: 70n });
    expect(await replica.violations()).toEqual([]);
    const deleted = create(AcknowledgeUnlinkSchema, { nodeId: OUTSIDE_NODE_ID, blobIds: [id(2000)] });
    for (let twice = 0; twice < 2; twice++) replica.run({ case: "acknowledgeUnlink", value: deleted });
    expect([blob(2000), store(1)?.blobs, store(1)?.bytes]).toEqual([undefined, 0n, 0n]);
    expect(await replica.violations()).toEqual([]);
  });

  test.each<readonly [string, NewBlob, string]>([
    ["in a store that nobody knows", outsideBlob(id(2000), 70, 2), "SEARCH_STORE_UNKNOWN"],
    ["without a byte", outsideBlob(id(2000), 0, 1), "BLOB_INVALID"],
    ["with inline bytes", { ...inlineBlob(id(2000), 70), searchStoreId: 1n }, "BLOB_INVALID"],
    ["with chunks", { ...chunkedBlob(id(2000), 70), searchStoreId: 1n }, "BLOB_INVALID"],
  ])("is refused %s", (_, segment, code) => {
    expect(flush(segment)).toBe(code);
  });

  test("is refused when it was begun more than 48 hours ago: its bytes may be gone", () => {
    replica.run(createNamespace("a"));
    replica.run(commitBatch(1, 1000));
    replica.timeMs += 48 * 60 * 60 * 1000 + 60_000;
    replica.run(leaseWork(1));
    expect(outcome(replica.run(flushed(outsideBlob(new Uint8Array(16), 70, 1))))).toBe("BLOB_EXPIRED");
  });

  test("is no object, and no batch", () => {
    const outside = outsideBlob(id(2000), 70, 1);
    expect(outcome(replica.run(commitObject("key", id(1), [outside])))).toBe("BLOB_INVALID");
    replica.run(createNamespace("a"));
    const batch = commitBatch(1, 1000);
    if (batch.case !== "commitBatch") throw new Error("a batch is wanted");
    const body = { case: batch.case, value: { ...batch.value, blob: outside } };
    expect(outcome(replica.run(body))).toBe("BLOB_INVALID");
  });

  test("has no copies that could be recorded", () => {
    flush(outsideBlob(id(2000), 70, 1));
    const value = create(RecordCopiesSchema, { nodeId: 1n, blobs: [{ blobId: id(2000) }] });
    const { result } = replica.run({ case: "recordCopies", value });
    expect(result).toMatchObject({ case: "copiesChanged", value: { skipped: [{ blobId: id(2000) }] } });
  });
});
