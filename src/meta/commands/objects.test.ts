import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../base/index.ts";
import type { PreconditionsSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  AbortUploadSchema,
  CompleteUploadSchema,
  CopyObjectSchema,
  DeleteBucketSchema,
  DeleteObjectsSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BlobRowSchema,
  BlobState,
  BucketRowSchema,
  NodeState,
  ObjectChange_Kind,
  ObjectRowSchema,
  OplogRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { blobKey, bucketKey, objectKey, oplogKey } from "../keys.ts";
import { CHUNK_BYTES, MAX_INLINE_BYTES } from "../limits.ts";
import type { CommandBody } from "../ports.ts";
import {
  chunkedBlob,
  commitObject,
  commitPart,
  copyObject,
  createBucket,
  createUpload,
  deleteObjects,
  etag,
  id,
  inlineBlob,
  putCopysets,
  readyReplica,
  setNodeState,
  slice,
} from "../testing/commands.ts";
import { expectCase, outcome, Replica } from "../testing/harness.ts";

let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
});

const head = (key: string) => {
  const bytes = replica.store.get(objectKey(1n, key));
  return bytes && fromBinary(ObjectRowSchema, bytes);
};
const blob = (number: number) => {
  const bytes = replica.store.get(blobKey(toHex(id(number))));
  return bytes && fromBinary(BlobRowSchema, bytes);
};
const bucket = () => fromBinary(BucketRowSchema, replica.store.get(bucketKey("bucket"))!);

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

describe("CommitObject", () => {
  test("makes an object of inline bytes", async () => {
    replica.timeMs = 5_000_000;
    const result = expectCase(
      replica.run(commitObject("a", id(1), [inlineBlob(id(101), 10)])),
      "objectCommitted",
    );
    expect(result).toMatchObject({ versionId: id(1), modifiedAtMs: 5_000_000n, size: 10n, etag: etag(1) });
    expect(head("a")).toMatchObject({ key: "a", size: 10n, modifiedAtMs: 5_000_000n });
    expect(blob(101)).toMatchObject({ referenceCount: 1n, state: BlobState.LIVE, isInline: true });
    expect(bucket()).toMatchObject({ objectCount: 1n, objectBytes: 10n });
    await expectSound();
  });

  test("makes an empty object without blobs", async () => {
    expect(outcome(replica.run(commitObject("empty", id(1))))).toBe("objectCommitted");
    expect(head("empty")?.slices).toEqual([]);
    await expectSound();
  });

  test("replaces the current version and gives its blobs up", async () => {
    replica.run(commitObject("a", id(1), [inlineBlob(id(101), 10)]));
    replica.run(commitObject("b", id(2), [chunkedBlob(id(102), CHUNK_BYTES + 5)]));
    replica.timeMs += 1;
    replica.run(commitObject("a", id(3), [inlineBlob(id(103), 4)]));
    replica.run(commitObject("b", id(4)));
    expect(blob(101)).toBeUndefined();
    expect(blob(102)).toMatchObject({
      referenceCount: 0n,
      state: BlobState.PENDING_DELETE,
      stateSinceMs: 1_000_001n,
    });
    expect(bucket()).toMatchObject({ objectCount: 2n, objectBytes: 4n });
    await expectSound();
  });

  test("writes what happened into the oplog", () => {
    replica.run(commitObject("a", id(1)));
    replica.run(deleteObjects("a"));
    const rows = [1n, 2n, 3n].map((sequence) =>
      fromBinary(OplogRowSchema, replica.store.get(oplogKey(sequence))!),
    );
    expect(rows.map(({ change }) => change.case)).toEqual(["bucket", "object", "object"]);
    expect(rows[1]?.change.value).toMatchObject({
      kind: ObjectChange_Kind.CREATED,
      key: "a",
      versionId: id(1),
    });
    expect(rows[2]?.change.value).toMatchObject({
      kind: ObjectChange_Kind.REMOVED,
      key: "a",
      versionId: id(1),
    });
  });

  const whole = chunkedBlob(id(101), 100);
  const chunksOf = (...lengths: number[]) => lengths.map((length) => ({ ...whole.chunks[0]!, length }));
  test.each<[string, string, CommandBody]>([
    ["an unknown bucket", "BUCKET_UNKNOWN", commitObject("a", id(9), [], { bucket: "none" })],
    ["another bucket id", "BUCKET_CHANGED", commitObject("a", id(9), [], { bucketId: 77n })],
    ["an empty key", "INVALID", commitObject("", id(9))],
    ["a key of 1,025 bytes", "INVALID", commitObject(`${"é".repeat(512)}x`, id(9))],
    ["a short version id", "INVALID", commitObject("a", new Uint8Array(8))],
    [
      "a version id that nothing is greater than",
      "INVALID",
      commitObject("present", new Uint8Array(16).fill(255)),
    ],
    ["an object of more than 5 TiB", "TOO_LARGE", commitObject("a", id(9), [], { size: 6n * 1024n ** 4n })],
    ["slices that do not add up", "BLOB_INVALID", commitObject("a", id(9), [whole], { size: 99n })],
    [
      "a slice beyond its blob",
      "BLOB_INVALID",
      commitObject("a", id(9), [whole], { slices: [slice(id(101), 1, 100)] }),
    ],
    ["an empty slice", "BLOB_INVALID", commitObject("a", id(9), [], { slices: [slice(id(101), 0, 0)] })],
    [
      "a blob that no slice names",
      "BLOB_INVALID",
      commitObject("a", id(9), [whole], { slices: [], size: 0n }),
    ],
    [
      "a slice of a blob that is not in the command",
      "BLOB_INVALID",
      commitObject("a", id(9), [], { slices: [slice(id(5), 0, 1)], size: 1n }),
    ],
    ["a blob id that exists", "BLOB_INVALID", commitObject("a", id(9), [inlineBlob(id(100), 5)])],
    ["a blob id twice", "BLOB_INVALID", commitObject("a", id(9), [whole, whole])],
    ["an empty inline blob", "BLOB_INVALID", commitObject("a", id(9), [inlineBlob(id(101), 0)])],
    [
      "an inline blob that is too large",
      "BLOB_INVALID",
      commitObject("a", id(9), [inlineBlob(id(101), MAX_INLINE_BYTES + 1)]),
    ],
    [
      "an inline blob of another size",
      "BLOB_INVALID",
      commitObject("a", id(9), [{ ...inlineBlob(id(101), 5), size: 6n }]),
    ],
    [
      "a chunked blob with inline bytes",
      "BLOB_INVALID",
      commitObject("a", id(9), [{ ...whole, inlineData: new Uint8Array(1) }]),
    ],
    [
      "a short hash",
      "BLOB_INVALID",
      commitObject("a", id(9), [{ ...whole, chunks: [{ ...whole.chunks[0]!, blake3: new Uint8Array(31) }] }]),
    ],
    [
      "a short chunk in the middle",
      "BLOB_INVALID",
      commitObject("a", id(9), [{ ...whole, size: 250n, chunks: chunksOf(100, 50, 100) }]),
    ],
    [
      "a last chunk that is longer than the others",
      "BLOB_INVALID",
      commitObject("a", id(9), [{ ...whole, size: 201n, chunks: chunksOf(100, 101) }]),
    ],
    [
      "a copyset that was never made",
      "LAYOUT_STALE",
      commitObject("a", id(9), [chunkedBlob(id(101), 5, { copysetId: 8 })]),
    ],
    [
      "a layout epoch of the future",
      "LAYOUT_STALE",
      commitObject("a", id(9), [chunkedBlob(id(101), 5, { layoutEpoch: 2 })]),
    ],
    [
      "one holder of three",
      "LAYOUT_STALE",
      commitObject("a", id(9), [chunkedBlob(id(101), 5, { holders: [1] })]),
    ],
    [
      "the same holder twice",
      "LAYOUT_STALE",
      commitObject("a", id(9), [chunkedBlob(id(101), 5, { holders: [2, 2] })]),
    ],
    [
      "a holder that is no node",
      "LAYOUT_STALE",
      commitObject("a", id(9), [chunkedBlob(id(101), 5, { holders: [1, 9] })]),
    ],
  ])("refuses %s", async (_, code, command) => {
    replica.run(commitObject("present", id(1), [inlineBlob(id(100), 5)]));
    const before = replica.store.all().length;
    expect(outcome(replica.run(command))).toBe(code);
    expect(replica.store.all().length).toBe(before);
    await expectSound();
  });

  test.each([
    ["two of three members", [1, 2]],
    ["a member and an active spare", [3, 4]],
    ["all members and a spare", [1, 2, 3, 4]],
  ])("takes a blob on %s", async (_, holders) => {
    expect(outcome(replica.run(commitObject("a", id(9), [chunkedBlob(id(101), 5, { holders })])))).toBe(
      "objectCommitted",
    );
    expect(blob(101)?.chunks[0]?.nodeIds).toEqual(holders.map(BigInt));
    await expectSound();
  });

  test("counts a draining member, not a draining spare and not a removed node, and records only what counts", () => {
    replica.run(putCopysets(1, { id: 1, nodes: [1, 2, 3] }));
    setNodeState(replica, 2, NodeState.DRAINING);
    setNodeState(replica, 4, NodeState.DRAINING);
    setNodeState(replica, 3, NodeState.REMOVED);
    const on = (number: number, holders: number[]) =>
      outcome(replica.run(commitObject("a", id(number), [chunkedBlob(id(100 + number), 5, { holders })])));
    expect(on(1, [1, 4])).toBe("LAYOUT_STALE");
    expect(on(2, [1, 3])).toBe("LAYOUT_STALE");
    expect(on(3, [1, 2, 3])).toBe("objectCommitted");
    expect(blob(103)?.chunks[0]?.nodeIds).toEqual([1n, 2n]);
  });

  test("takes a blob on a copyset that was closed a few epochs ago, not on one that was closed long ago", () => {
    for (let epoch = 1; epoch <= 9; epoch++) replica.run(putCopysets(epoch, { nodes: [2, 3, 4] }));
    const written = (epoch: number, number: number) =>
      outcome(
        replica.run(
          commitObject("a", id(number), [chunkedBlob(id(100 + number), 5, { layoutEpoch: epoch })]),
        ),
      );
    expect(written(2, 1)).toBe("objectCommitted");
    expect(written(1, 2)).toBe("LAYOUT_STALE");
  });
});

describe("preconditions of a write", () => {
  type Conditions = MessageInitShape<typeof PreconditionsSchema>;
  const modified = 1_000_000n;
  test.each<[string, Conditions, string, string]>([
    // what, conditions, with an object, without one
    ["nothing", {}, "objectCommitted", "objectCommitted"],
    ["If-Match of its ETag", { ifMatch: [etag(1)] }, "objectCommitted", "OBJECT_UNKNOWN"],
    ["If-Match of several", { ifMatch: [etag(8), etag(1)] }, "objectCommitted", "OBJECT_UNKNOWN"],
    ["If-Match of another ETag", { ifMatch: [etag(2)] }, "PRECONDITION_FAILED", "OBJECT_UNKNOWN"],
    ["If-Match: *", { ifMatch: ["*"] }, "objectCommitted", "OBJECT_UNKNOWN"],
    ["If-None-Match: *", { ifNoneMatch: ["*"] }, "PRECONDITION_FAILED", "objectCommitted"],
    ["If-None-Match of its ETag", { ifNoneMatch: [etag(1)] }, "PRECONDITION_FAILED", "objectCommitted"],
    ["If-None-Match of another ETag", { ifNoneMatch: [etag(2)] }, "objectCommitted", "objectCommitted"],
    ["If-Unmodified-Since the time", { ifUnmodifiedSinceMs: modified }, "objectCommitted", "objectCommitted"],
    [
      "If-Unmodified-Since within the second",
      { ifUnmodifiedSinceMs: modified + 100n },
      "objectCommitted",
      "objectCommitted",
    ],
    [
      "If-Unmodified-Since before",
      { ifUnmodifiedSinceMs: modified - 1_000n },
      "PRECONDITION_FAILED",
      "objectCommitted",
    ],
    ["If-Modified-Since the time", { ifModifiedSinceMs: modified }, "PRECONDITION_FAILED", "objectCommitted"],
    [
      "If-Modified-Since before",
      { ifModifiedSinceMs: modified - 1_000n },
      "objectCommitted",
      "objectCommitted",
    ],
    [
      "If-Match wins over If-Unmodified-Since",
      { ifMatch: [etag(1)], ifUnmodifiedSinceMs: 0n },
      "objectCommitted",
      "OBJECT_UNKNOWN",
    ],
    [
      "If-None-Match wins over If-Modified-Since",
      { ifNoneMatch: [etag(2)], ifModifiedSinceMs: modified },
      "objectCommitted",
      "objectCommitted",
    ],
    ["its size", { ifMatchSize: 5n }, "objectCommitted", "PRECONDITION_FAILED"],
    ["another size", { ifMatchSize: 6n }, "PRECONDITION_FAILED", "PRECONDITION_FAILED"],
  ])("%s", (_, preconditions, withObject, withoutObject) => {
    // Dates count in whole seconds: the object is a little younger than what the conditions say.
    replica.timeMs = Number(modified) + 900;
    replica.run(commitObject("present", id(1), [inlineBlob(id(100), 5)]));
    expect(outcome(replica.run(commitObject("present", id(2), [], { preconditions })))).toBe(withObject);
    expect(outcome(replica.run(commitObject("absent", id(3), [], { preconditions })))).toBe(withoutObject);
  });

  test("one of many creators wins", () => {
    const create = (number: number) =>
      outcome(replica.run(commitObject("a", id(number), [], { preconditions: { ifNoneMatch: ["*"] } })));
    const outcomes = Array.from({ length: 20 }, (_, number) => create(number + 1));
    expect(outcomes.filter((name) => name === "objectCommitted")).toHaveLength(1);
    expect(outcomes.filter((name) => name === "PRECONDITION_FAILED")).toHaveLength(19);
    expect(head("a")?.versionId).toEqual(id(1));
  });
});

describe("DeleteObjects", () => {
  test("decides each target for itself, in order", async () => {
    replica.run(commitObject("a", id(1), [chunkedBlob(id(101), 5)]));
    replica.run(commitObject("b", id(2), [inlineBlob(id(102), 5)]));
    const value = create(DeleteObjectsSchema, {
      bucket: "bucket",
      targets: [
        { key: "a", preconditions: { ifMatch: [etag(9)] } },
        { key: "missing", preconditions: { ifMatch: [etag(9)] } },
        { key: "b" },
        { key: "b" },
      ],
    });
    const { outcomes } = expectCase(replica.run({ case: "deleteObjects", value }), "objectsDeleted");
    expect(outcomes.map(({ existed, refusal }) => [existed, refusal !== undefined])).toEqual([
      [true, true],
      [false, false],
      [true, false],
      [false, false],
    ]);
    expect(head("a")).toBeDefined();
    expect(bucket()).toMatchObject({ objectCount: 1n, objectBytes: 5n });
    await expectSound();
  });

  test("refuses an unknown bucket and too many targets", () => {
    const many = Array.from({ length: 1_001 }, (_, number) => `k${number}`);
    expect(outcome(replica.run(deleteObjects(...many)))).toBe("TOO_LARGE");
    const value = create(DeleteObjectsSchema, { bucket: "none", targets: [{ key: "a" }] });
    expect(outcome(replica.run({ case: "deleteObjects", value }))).toBe("BUCKET_UNKNOWN");
  });
});

describe("CopyObject", () => {
  beforeEach(() => {
    replica.run(commitObject("source", id(1), [chunkedBlob(id(101), 5)]));
  });

  test("adds a reference and moves no bytes", async () => {
    const result = replica.run(
      copyObject({ key: "source", versionId: id(1) }, { key: "target", versionId: id(2) }),
    );
    expect(expectCase(result, "objectCommitted")).toMatchObject({
      versionId: id(2),
      etag: etag(1),
      size: 5n,
    });
    expect(blob(101)?.referenceCount).toBe(2n);
    expect(head("target")).toMatchObject({ attributes: { contentType: "text/copied" } });
    replica.run(deleteObjects("source"));
    expect(blob(101)).toMatchObject({ referenceCount: 1n, state: BlobState.LIVE });
    await expectSound();
  });

  test("onto itself changes the attributes and keeps the bytes", async () => {
    const result = replica.run(
      copyObject({ key: "source", versionId: id(1) }, { key: "source", versionId: id(2) }),
    );
    expect(outcome(result)).toBe("objectCommitted");
    expect(blob(101)).toMatchObject({ referenceCount: 1n, state: BlobState.LIVE });
    expect(head("source")).toMatchObject({ versionId: id(2), attributes: { contentType: "text/copied" } });
    await expectSound();
  });

  test.each([
    ["the source was written meanwhile", { key: "source", versionId: id(7) }],
    ["the source is gone", { key: "gone", versionId: id(1) }],
  ])("is refused when %s", (_, source) => {
    expect(outcome(replica.run(copyObject(source, { key: "target", versionId: id(2) })))).toBe(
      "SOURCE_CHANGED",
    );
  });
});

describe("buckets", () => {
  const deleteBucket = (name: string, more: { bucketId?: bigint; closes?: boolean } = {}): CommandBody => ({
    case: "deleteBucket",
    value: create(DeleteBucketSchema, { name, ...more }),
  });
  const abortUpload = (key: string, uploadId: Uint8Array): CommandBody => ({
    case: "abortUpload",
    value: create(AbortUploadSchema, { bucket: "bucket", key, uploadId }),
  });

  test("are made once and go when they are empty; their id is never used again", async () => {
    expect(outcome(replica.run(createBucket("bucket")))).toBe("BUCKET_EXISTS");
    expect(outcome(replica.run(createBucket("")))).toBe("INVALID");
    replica.run(commitObject("a", id(1)));
    expect(outcome(replica.run(deleteBucket("bucket")))).toBe("BUCKET_NOT_EMPTY");
    replica.run(deleteObjects("a"));
    replica.run(createUpload("a", id(50)));
    expect(outcome(replica.run(deleteBucket("bucket")))).toBe("BUCKET_NOT_EMPTY");
    replica.run(abortUpload("a", id(50)));
    expect(outcome(replica.run(deleteBucket("bucket")))).toBe("done");
    expect(outcome(replica.run(deleteBucket("bucket")))).toBe("BUCKET_UNKNOWN");
    expect(expectCase(replica.run(createBucket("bucket")), "bucketCreated").bucketId).toBe(2n);
    await expectSound();
  });

  test("with uploads alone are closed: nothing gets in until they are gone, and then the bucket goes", async () => {
    const upload = { key: "a", uploadId: id(50) };
    const closing = deleteBucket("bucket", { bucketId: 1n, closes: true });
    replica.run(createBucket("other"));
    replica.run(commitObject("source", id(9), [inlineBlob(id(90), 3)], { bucket: "other" }));
    replica.run(createUpload(upload.key, upload.uploadId));
    replica.run(commitPart(upload, 1, [inlineBlob(id(91), 5)]));
    expect(outcome(replica.run(closing))).toBe("done");
    expect(outcome(replica.run(closing))).toBe("done");
    expect(outcome(replica.run(deleteBucket("bucket")))).toBe("BUCKET_NOT_EMPTY");
    const copy = create(CopyObjectSchema, {
      sourceBucket: "other",
      sourceKey: "source",
      sourceVersionId: id(9),
      bucket: "bucket",
      key: "b",
      versionId: id(10),
    });
    const completion = create(CompleteUploadSchema, {
      bucket: "bucket",
      ...upload,
      parts: [{ partNumber: 1, etag: etag(1) }],
      versionId: id(11),
    });
    for (const body of [
      commitObject("b", id(12), [inlineBlob(id(92), 3)]),
      createUpload("b", id(51)),
      deleteObjects("b"),
      { case: "copyObject" as const, value: copy },
      { case: "completeUpload" as const, value: completion },
    ])
      expect([body.case, outcome(replica.run(body))]).toEqual([body.case, "BUCKET_UNKNOWN"]);
    expect(outcome(replica.run(createBucket("bucket")))).toBe("BUCKET_EXISTS");
    await expectSound();
    expect(outcome(replica.run(abortUpload(upload.key, upload.uploadId)))).toBe("done");
    expect(outcome(replica.run(closing))).toBe("done");
    expect(expectCase(replica.run(createBucket("bucket")), "bucketCreated").bucketId).toBe(3n);
    await expectSound();
  });

  test("are not closed while there is an object, nor when another one has the name by now", () => {
    replica.run(createUpload("a", id(50)));
    replica.run(commitObject("b", id(1)));
    expect(outcome(replica.run(deleteBucket("bucket", { closes: true })))).toBe("BUCKET_NOT_EMPTY");
    replica.run(deleteObjects("b"));
    expect(outcome(replica.run(deleteBucket("bucket", { bucketId: 7n, closes: true })))).toBe(
      "BUCKET_CHANGED",
    );
    expect(outcome(replica.run(createUpload("c", id(51))))).toBe("uploadCreated");
  });
});
