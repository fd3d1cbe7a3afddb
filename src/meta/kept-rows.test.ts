import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { toHex } from "../base/index.ts";
import { CopyObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { ObjectAttributesSchema, ObjectRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { BLANK_OBJECT } from "./heads.ts";
import { keptHead } from "./kept-head.ts";
import { blobKey, objectKey } from "./keys.ts";
import { commitObject, deleteObjects, id, inlineBlob, readyReplica } from "./testing/commands.ts";
import { expectCase, outcome, Replica } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

/** Counts reads by key. */
class CountingStore extends MemoryStore {
  readonly reads: string[] = [];

  override get(key: string): Uint8Array | undefined {
    this.reads.push(key);
    return super.get(key);
  }
}

test("what was just written is replaced without reading it", () => {
  const store = new CountingStore();
  const replica = readyReplica(new Replica(store));
  replica.run(commitObject("a", id(1), [inlineBlob(id(101), 4096)]));
  store.reads.length = 0;
  expectCase(replica.run(commitObject("a", id(2), [inlineBlob(id(102), 4096)])), "objectCommitted");
  // The id of the new blob was looked for, and nothing else of it.
  expect(store.reads.filter((key) => key.endsWith("/a") || key.includes(toHex(id(101))))).toEqual([]);
  expect(store.reads).toContain(blobKey(toHex(id(102))));
  expect(store.get(blobKey(toHex(id(101))))).toBeUndefined();
});

/** Every write of a blob and of a head comes between two replacements, in one process and with a restart before each entry. */
test("with and without a memory of what was written, the same is decided", async () => {
  const copy = (source: string, key: string, version: number) => {
    const value = create(CopyObjectSchema, {
      bucket: "bucket",
      key,
      versionId: id(version),
      sourceBucket: "bucket",
      sourceKey: source,
      sourceVersionId: id(2),
    });
    return { case: "copyObject" as const, value };
  };
  const bodies = [
    commitObject("a", id(1), [inlineBlob(id(101), 9)]),
    commitObject("a", id(2), [inlineBlob(id(102), 9)]),
    copy("a", "b", 3),
    commitObject("a", id(4), [inlineBlob(id(104), 9)]),
    commitObject("b", id(5), [inlineBlob(id(105), 9)]),
    deleteObjects("b"),
    commitObject("b", id(6), [inlineBlob(id(105), 9)]),
    commitObject("c", id(7), [inlineBlob(id(105), 9)]),
    deleteObjects("a"),
  ];
  const refused = new Set([7]);
  const remembering = readyReplica(new Replica());
  const forgetful = readyReplica(new Replica());
  for (const [index, body] of bodies.entries()) {
    forgetful.restart();
    const found = outcome(remembering.run(body));
    expect(found === "BLOB_INVALID", `${index}: ${found}`).toBe(refused.has(index));
    expect(outcome(forgetful.run(body))).toBe(found);
    expect(toHex(forgetful.state.stateHash)).toBe(toHex(remembering.state.stateHash));
  }
  expect(remembering.store.all()).toEqual(forgetful.store.all());
  expect(await remembering.violations()).toEqual([]);
});

test("a head is kept without the memory that it came in, and only a small one", () => {
  const memory = new Uint8Array(1_000_000);
  const view = memory.subarray(16, 32);
  const slice = { $typeName: "skerry.meta.v1.BlobSlice" as const, blobId: view, offset: 0n, length: 1n };
  const row = { ...BLANK_OBJECT, key: "k", versionId: view, slices: [slice] };
  const kept = keptHead(row);
  expect(kept).toEqual(row);
  expect(kept?.versionId.buffer.byteLength).toBe(16);
  expect(kept?.slices[0]?.blobId.buffer.byteLength).toBe(16);
  const attributes = create(ObjectAttributesSchema, { acl: view });
  for (const other of [
    { slices: Array.from({ length: 5 }, () => slice) },
    { olderVersionId: view },
    { renameToken: view },
    { attributes },
  ]) {
    expect(keptHead({ ...row, ...other })).toBeUndefined();
  }
});

test("a row that is kept is the row that lies there", () => {
  const replica = readyReplica(new Replica());
  replica.run(commitObject("a", id(1), [inlineBlob(id(101), 9)]));
  const kept = replica.state.read(objectKey(1n, "a"), ObjectRowSchema);
  replica.restart();
  expect(kept).toEqual({ ...replica.state.read(objectKey(1n, "a"), ObjectRowSchema) });
});
