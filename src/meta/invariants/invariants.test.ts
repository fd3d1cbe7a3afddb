import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../base/index.ts";
import { BeginBlobDeleteSchema, OpenSessionSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  AppliedRowSchema,
  BlobRowSchema,
  BlobState,
  BucketRowSchema,
  ClusterRowSchema,
  CopysetRowSchema,
  HoldingsRowSchema,
  NodeState,
  ObjectRowSchema,
  SessionRowSchema,
  UploadRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  APPLIED_KEY,
  blobKey,
  bucketKey,
  CLUSTER_KEY,
  copysetKey,
  discardOrderKey,
  heldBlobKey,
  holdingsKey,
  nodeNameKey,
  objectKey,
  objectReferrer,
  oplogKey,
  partKey,
  partReferrer,
  pendingDeleteKey,
  referenceKey,
  sessionKey,
  UNDER_REPLICATED_TOTAL_KEY,
  underReplicatedKey,
  unlinkOrderKey,
  uploadKey,
  uploadOrderKey,
} from "../keys.ts";
import {
  chunkedBlob,
  commitObject,
  commitPart,
  createUpload,
  deleteObjects,
  id,
  inlineBlob,
  readyReplica,
  setNodeState,
} from "../testing/commands.ts";
import { Replica } from "../testing/harness.ts";
import type { MemoryStore } from "../testing/memory-store.ts";

let store: MemoryStore;
let replica: Replica;

/** An object, an open upload with a part, a pending blob and one that is being deleted. */
beforeEach(() => {
  replica = readyReplica(new Replica());
  store = replica.store;
  replica.run({ case: "openSession", value: create(OpenSessionSchema, { nodeId: 1n }) });
  replica.run(commitObject("a", id(1), [chunkedBlob(id(101), 5)]));
  replica.run(commitObject("b", id(2), [chunkedBlob(id(102), 5)]));
  replica.run(deleteObjects("b"));
  replica.timeMs += 60_000;
  replica.run({ case: "beginBlobDelete", value: create(BeginBlobDeleteSchema, { blobIds: [id(102)] }) });
  replica.run(commitObject("c", id(3), [chunkedBlob(id(103), 5)]));
  replica.run(deleteObjects("c"));
  replica.run(commitObject("d", id(4), [chunkedBlob(id(105), 5, { holders: [1, 2] })]));
  replica.run(createUpload("u", id(50)));
  replica.run(commitPart({ key: "u", uploadId: id(50) }, 3, [inlineBlob(id(104), 5)]));
});

const hex = (number: number) => toHex(id(number));
const put = (key: string, value: Uint8Array = new Uint8Array(0)) =>
  store.applyNow([{ kind: "put", key, value }]);
const remove = (key: string) => store.applyNow([{ kind: "delete", key }]);

function edit<Desc extends DescMessage>(
  key: string,
  schema: Desc,
  change: (row: MessageShape<Desc>) => void,
): void {
  const row = fromBinary(schema, store.get(key)!);
  change(row);
  put(key, toBinary(schema, row));
}

const object = objectKey(1n, "a");
const reference = referenceKey(hex(101), objectReferrer(1n, "a", id(1)));
const partReference = referenceKey(hex(104), partReferrer(id(50), 3));

test("a sound state has no violation", async () => {
  expect(await replica.violations()).toEqual([]);
});

describe("what does not hold is seen:", () => {
  test.each<[string, () => void]>([
    ["every reference of a manifest has a row", () => remove(reference)],
    ["every reference of a manifest has a row", () => remove(partReference)],
    [
      "a reference count is the number of reference rows",
      () =>
        edit(blobKey(hex(101)), BlobRowSchema, (row) => {
          row.referenceCount++;
        }),
    ],
    [
      "every referrer exists and names the blob",
      () => put(referenceKey(hex(101), objectReferrer(1n, "x", id(9)))),
    ],
    [
      "every referrer exists and names the blob",
      () => put(referenceKey(hex(101), objectReferrer(1n, "a", id(9)))),
    ],
    ["every blob that is referred to exists", () => put(referenceKey(hex(77), partReferrer(id(50), 3)))],
    ["a reference's key can be read", () => put(`${referenceKey(hex(101), "")}?`)],
    ["every blob of a manifest exists", () => remove(blobKey(hex(101)))],
    [
      "a slice lies in its blob",
      () =>
        edit(object, ObjectRowSchema, (row) => {
          row.slices[0]!.offset = 1n;
        }),
    ],
    [
      "the slices of a manifest add up to its size",
      () =>
        edit(object, ObjectRowSchema, (row) => {
          row.size = 4n;
        }),
    ],
    [
      "an object lies at its key",
      () =>
        edit(object, ObjectRowSchema, (row) => {
          row.key = "z";
        }),
    ],
    ["every object is in a bucket", () => put(objectKey(9n, "a"), store.get(object)!)],
    [
      "a bucket counts its objects",
      () =>
        edit(bucketKey("bucket"), BucketRowSchema, (row) => {
          row.objectCount = 0n;
        }),
    ],
    [
      "a bucket counts its bytes",
      () =>
        edit(bucketKey("bucket"), BucketRowSchema, (row) => {
          row.objectBytes++;
        }),
    ],
    [
      "a bucket counts its uploads",
      () =>
        edit(bucketKey("bucket"), BucketRowSchema, (row) => {
          row.uploadCount = 0n;
        }),
    ],
    [
      "the cluster counts its buckets",
      () =>
        edit(CLUSTER_KEY, ClusterRowSchema, (row) => {
          row.bucketCount = 5;
        }),
    ],
    ["every pending blob is in the queue", () => remove(pendingDeleteKey(1_060_000n, hex(103)))],
    ["every blob in the queue is pending", () => put(pendingDeleteKey(5n, hex(101)))],
    ["every holder is ordered to unlink", () => remove(unlinkOrderKey(2n, hex(102)))],
    ["every unlink order is for a holder of a blob being deleted", () => put(unlinkOrderKey(2n, hex(101)))],
    ["every unlink order is for a holder of a blob being deleted", () => put(unlinkOrderKey(4n, hex(102)))],
    [
      "a live blob is referred to",
      () =>
        edit(blobKey(hex(103)), BlobRowSchema, (row) => {
          row.state = BlobState.LIVE;
        }),
    ],
    [
      "a pending blob is not referred to",
      () =>
        edit(blobKey(hex(101)), BlobRowSchema, (row) => {
          row.state = BlobState.PENDING_DELETE;
        }),
    ],
    [
      "a blob has the size of its bytes",
      () =>
        edit(blobKey(hex(101)), BlobRowSchema, (row) => {
          row.chunks[0]!.length = 4;
        }),
    ],
    [
      "the copyset of a blob exists",
      () =>
        edit(blobKey(hex(101)), BlobRowSchema, (row) => {
          row.copysetId = 99n;
        }),
    ],
    [
      "the holder of a blob is a known node",
      () =>
        edit(blobKey(hex(101)), BlobRowSchema, (row) => {
          row.chunks[0]!.nodeIds = [99n];
        }),
    ],
    ["every part of the bitmap exists", () => remove(partKey(id(50), 3))],
    [
      "every part is in the bitmap of its upload",
      () =>
        edit(uploadKey(id(50)), UploadRowSchema, (row) => {
          row.partBitmap = new Uint8Array(0);
        }),
    ],
    ["every upload is listed", () => remove(uploadOrderKey(1n, "u", id(50)))],
    ["every listed upload exists", () => put(uploadOrderKey(1n, "u", id(51)))],
    ["the oplog has no gap", () => remove(oplogKey(3n))],
    [
      "the oplog reaches its next sequence",
      () =>
        edit(APPLIED_KEY, AppliedRowSchema, (row) => {
          row.nextOplogSequence++;
        }),
    ],
    ["every node is found by its name", () => remove(nodeNameKey("node-2"))],
    ["every node name has its node", () => put(nodeNameKey("ghost"))],
    [
      "nodes leave the Raft group one after the other",
      () => {
        for (const nodeId of [2, 3]) setNodeState(replica, nodeId, NodeState.DRAINING);
        for (const nodeId of [2, 3]) setNodeState(replica, nodeId, NodeState.REMOVED);
        edit(APPLIED_KEY, AppliedRowSchema, (row) => {
          row.voters = [1n, 2n];
          row.learners = [3n];
        });
      },
    ],
    [
      "the cluster lists the open copysets",
      () =>
        edit(copysetKey(1n), CopysetRowSchema, (row) => {
          row.open = false;
        }),
    ],
    [
      "every session is listed at its node",
      () =>
        edit(sessionKey(1n), SessionRowSchema, (row) => {
          row.nodeId = 2n;
        }),
    ],
    ["every listed session exists and is the node's", () => remove(sessionKey(1n))],
    ["every holder is found by its node", () => remove(heldBlobKey(2n, hex(101)))],
    ["every blob found by a node is held by it", () => put(heldBlobKey(4n, hex(101)))],
    ["every blob found by a node is held by it", () => put(heldBlobKey(1n, hex(77)))],
    [
      "holdings are what the blobs add up to",
      () =>
        edit(holdingsKey(1n), HoldingsRowSchema, (row) => {
          row.bytes++;
        }),
    ],
    ["holdings are what the blobs add up to", () => remove(UNDER_REPLICATED_TOTAL_KEY)],
    ["holdings without a blob have no row", () => put(holdingsKey(4n))],
    ["every live blob with too few copies is in the index", () => remove(underReplicatedKey(2, hex(105)))],
    ["every blob in the index is live and has too few copies", () => put(underReplicatedKey(1, hex(105)))],
    ["every blob in the index is live and has too few copies", () => put(underReplicatedKey(2, hex(102)))],
    ["no holder is told to discard its copy", () => put(discardOrderKey(2n, hex(101)))],
    ["every discard order is for a known node", () => put(discardOrderKey(9n, hex(101)))],
    ["every row is of a known table", () => put("0000?")],
  ])("%s", async (invariant, damage) => {
    damage();
    expect((await replica.violations()).map((violation) => violation.invariant)).toContain(invariant);
  });
});
