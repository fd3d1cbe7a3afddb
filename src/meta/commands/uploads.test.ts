import { create, fromBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { concatBytes, fromHex, toHex } from "../../base/index.ts";
import {
  AbortUploadSchema,
  CompleteUploadSchema,
  ForgetCompletedUploadsSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BlobRowSchema, BlobState, ObjectRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { blobKey, objectKey } from "../keys.ts";
import type { CommandBody } from "../ports.ts";
import {
  chunkedBlob,
  commitObject,
  commitPart,
  createUpload,
  etag,
  type Fields,
  id,
  inlineBlob,
  readyReplica,
  slice,
} from "../testing/commands.ts";
import { expectCase, outcome, Replica, testHasher } from "../testing/harness.ts";

const upload = { key: "a", uploadId: id(50) };
let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
  expect(outcome(replica.run(createUpload(upload.key, upload.uploadId)))).toBe("uploadCreated");
});

const blob = (number: number) => {
  const bytes = replica.store.get(blobKey(toHex(id(number))));
  return bytes && fromBinary(BlobRowSchema, bytes);
};

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

function wholeEtag(partNumbers: readonly number[]): string {
  return `${toHex(testHasher.md5(concatBytes(partNumbers.map((number) => fromHex(etag(number))!))))}-${partNumbers.length}`;
}

function complete(
  partNumbers: readonly number[],
  more: Fields<typeof CompleteUploadSchema> = {},
): CommandBody {
  const value = create(CompleteUploadSchema, {
    bucket: "bucket",
    ...upload,
    parts: partNumbers.map((partNumber) => ({ partNumber, etag: etag(partNumber) })),
    versionId: id(1),
    etag: wholeEtag(partNumbers),
    minimumPartSize: 5n,
    ...more,
  });
  return { case: "completeUpload", value };
}

const abort: CommandBody = {
  case: "abortUpload",
  value: create(AbortUploadSchema, { bucket: "bucket", ...upload }),
};

describe("CreateUpload", () => {
  test("refuses an id that is in use, or was", () => {
    expect(outcome(replica.run(createUpload("b", upload.uploadId)))).toBe("INVALID");
    replica.run(commitPart(upload, 1, [inlineBlob(id(101), 1)]));
    expect(outcome(replica.run(complete([1])))).toBe("objectCommitted");
    expect(outcome(replica.run(createUpload("b", upload.uploadId)))).toBe("INVALID");
  });
});

describe("CommitPart", () => {
  test("replaces the part of the same number", async () => {
    replica.run(commitPart(upload, 1, [chunkedBlob(id(101), 10)]));
    expect(outcome(replica.run(commitPart(upload, 1, [chunkedBlob(id(102), 12)])))).toBe("partCommitted");
    expect(blob(101)?.state).toBe(BlobState.PENDING_DELETE);
    expect(blob(102)?.referenceCount).toBe(1n);
    await expectSound();
  });

  test.each<[string, string, CommandBody]>([
    ["an unknown upload", "UPLOAD_UNKNOWN", commitPart({ ...upload, uploadId: id(51) }, 1, [])],
    [
      "an upload id of another length",
      "UPLOAD_UNKNOWN",
      commitPart({ ...upload, uploadId: new Uint8Array(3) }, 1, []),
    ],
    ["an upload of another key", "UPLOAD_UNKNOWN", commitPart({ ...upload, key: "b" }, 1, [])],
    ["part 0", "PART_INVALID", commitPart(upload, 0, [])],
    ["part 10,001", "PART_INVALID", commitPart(upload, 10_001, [])],
    ["an ETag that is no MD5", "PART_INVALID", commitPart(upload, 1, [], { etag: "X" })],
    ["more than 5 GiB", "TOO_LARGE", commitPart(upload, 1, [], { size: 5n * 1024n ** 3n + 1n })],
    [
      "a source that is gone",
      "SOURCE_CHANGED",
      commitPart(upload, 1, [], { sourceBucket: "bucket", sourceKey: "x", sourceVersionId: id(1) }),
    ],
  ])("refuses %s", async (_, code, command) => {
    expect(outcome(replica.run(command))).toBe(code);
    await expectSound();
  });

  describe("from another object", () => {
    const source = { sourceBucket: "bucket", sourceKey: "source", sourceVersionId: id(9) };
    beforeEach(() => {
      replica.run(commitObject("source", id(9), [chunkedBlob(id(101), 10), chunkedBlob(id(102), 10)]));
    });

    test("refers to its blobs", async () => {
      const slices = [slice(id(101), 4, 6), slice(id(102), 0, 3)];
      expect(outcome(replica.run(commitPart(upload, 1, [], { ...source, slices, size: 9n })))).toBe(
        "partCommitted",
      );
      expect([blob(101)?.referenceCount, blob(102)?.referenceCount]).toEqual([2n, 2n]);
      // The same part again, of fewer blobs.
      replica.run(commitPart(upload, 1, [], { ...source, slices: [slice(id(101), 0, 1)], size: 1n }));
      expect([blob(101)?.referenceCount, blob(102)?.referenceCount]).toEqual([2n, 1n]);
      await expectSound();
    });

    test.each([
      ["outside of it", [slice(id(101), 4, 7)], 7n],
      ["in another order", [slice(id(102), 0, 1), slice(id(101), 0, 1)], 2n],
      ["of another blob", [slice(id(77), 0, 1)], 1n],
      ["that do not add up", [slice(id(101), 0, 1)], 2n],
    ])("refuses slices %s", async (_, slices, size) => {
      expect(outcome(replica.run(commitPart(upload, 1, [], { ...source, slices, size })))).toBe(
        "BLOB_INVALID",
      );
      await expectSound();
    });
  });
});

describe("CompleteUpload", () => {
  beforeEach(() => {
    replica.run(commitPart(upload, 1, [chunkedBlob(id(101), 10)]));
    replica.run(commitPart(upload, 2, [inlineBlob(id(102), 7)]));
    replica.run(commitPart(upload, 7, [chunkedBlob(id(107), 2)]));
  });

  test("moves the references to the object and drops what is not named", async () => {
    const result = expectCase(replica.run(complete([1, 7])), "objectCommitted");
    expect(result).toMatchObject({ size: 12n, versionId: id(1), etag: wholeEtag([1, 7]) });
    const row = fromBinary(ObjectRowSchema, replica.store.get(objectKey(1n, "a"))!);
    expect(row.parts.map(({ partNumber, size }) => [partNumber, size])).toEqual([
      [1, 10n],
      [7, 2n],
    ]);
    expect(blob(101)).toMatchObject({ referenceCount: 1n, state: BlobState.LIVE });
    expect(blob(102)).toBeUndefined();
    await expectSound();
  });

  test("gives the same answer again, for the same parts only", async () => {
    const first = replica.run(complete([1, 7]));
    replica.timeMs += 1_000;
    expect(replica.run(complete([1, 7]))).toEqual(first);
    expect(outcome(replica.run(complete([1])))).toBe("UPLOAD_UNKNOWN");
    expect(outcome(replica.run(complete([1, 7], { key: "b" })))).toBe("UPLOAD_UNKNOWN");
    replica.run({
      case: "forgetCompletedUploads",
      value: create(ForgetCompletedUploadsSchema, { uploadIds: [upload.uploadId] }),
    });
    expect(outcome(replica.run(complete([1, 7])))).toBe("UPLOAD_UNKNOWN");
    await expectSound();
  });

  test.each<[string, string, CommandBody]>([
    ["no parts", "PART_INVALID", complete([])],
    ["a part that was not uploaded", "PART_INVALID", complete([1, 3])],
    [
      "a part with another ETag",
      "PART_INVALID",
      complete([1], { parts: [{ partNumber: 1, etag: etag(2) }] }),
    ],
    ["parts in another order", "PART_ORDER", complete([2, 1])],
    ["a part twice", "PART_ORDER", complete([1, 1])],
    ["a small part before the last", "PART_TOO_SMALL", complete([1, 2, 7], { minimumPartSize: 8n })],
    ["an ETag that is not that of the parts", "INVALID", complete([1, 2], { etag: wholeEtag([1]) })],
    ["If-Match without an object", "OBJECT_UNKNOWN", complete([1, 2], { preconditions: { ifMatch: ["*"] } })],
  ])("refuses %s and keeps the upload", async (_, code, command) => {
    expect(outcome(replica.run(command))).toBe(code);
    await expectSound();
    expect(outcome(replica.run(complete([1, 2])))).toBe("objectCommitted");
    await expectSound();
  });

  test("lets a small last part be", () => {
    expect(outcome(replica.run(complete([1, 7], { minimumPartSize: 8n })))).toBe("objectCommitted");
  });

  test("makes an object of parts that share a blob", async () => {
    replica.run(commitObject("source", id(9), [chunkedBlob(id(110), 10)]));
    const copy = {
      sourceBucket: "bucket",
      sourceKey: "source",
      sourceVersionId: id(9),
      slices: [slice(id(110), 0, 10)],
      size: 10n,
    };
    replica.run(commitPart(upload, 3, [], copy));
    replica.run(commitPart(upload, 4, [], copy));
    expect(blob(110)?.referenceCount).toBe(3n);
    expect(outcome(replica.run(complete([3, 4])))).toBe("objectCommitted");
    expect(blob(110)?.referenceCount).toBe(2n);
    await expectSound();
  });
});

describe("AbortUpload", () => {
  test("drops all parts", async () => {
    replica.run(commitPart(upload, 1, [chunkedBlob(id(101), 10)]));
    replica.run(commitPart(upload, 10_000, [inlineBlob(id(102), 7)]));
    expect(outcome(replica.run(abort))).toBe("done");
    expect(outcome(replica.run(abort))).toBe("UPLOAD_UNKNOWN");
    expect(blob(101)?.state).toBe(BlobState.PENDING_DELETE);
    expect(blob(102)).toBeUndefined();
    await expectSound();
  });
});
