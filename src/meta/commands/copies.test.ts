import { create, fromBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { TimeOrderedIds, toHex } from "../../base/index.ts";
import {
  AcknowledgeDiscardSchema,
  BeginBlobDeleteSchema,
  DropCopiesSchema,
  RecordCopiesSchema,
  RefusalCode,
  RehomeBlobsSchema,
  ReportLostSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BlobRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { blobKey } from "../keys.ts";
import { CHUNK_BYTES, MAX_BLOB_WRITE_MS } from "../limits.ts";
import { LiveStore } from "../live-store.ts";
import type { CommandBody } from "../ports.ts";
import {
  chunkedBlob,
  commitObject,
  deleteObjects,
  id,
  inlineBlob,
  putCopysets,
  readyReplica,
  setNodeState,
} from "../testing/commands.ts";
import { outcome, Replica } from "../testing/harness.ts";
import { StateView } from "../view.ts";

const BLAKE3 = new Uint8Array(32).fill(9);
const TWO_CHUNKS = CHUNK_BYTES + 5;
let replica: Replica;

/** Blob 101 has three copies on its home (1, 2, 3), blob 102 only those on 1 and 2. Node 4 has nothing. */
beforeEach(() => {
  replica = readyReplica(new Replica());
  replica.run(commitObject("a", id(1), [chunkedBlob(id(101), 5)]));
  replica.run(commitObject("b", id(2), [chunkedBlob(id(102), TWO_CHUNKS, { holders: [1, 2] })]));
});

const record = (
  nodeId: number,
  blob: number,
  indexes: readonly number[],
  { blake3 = BLAKE3, seenDiscards = 0n } = {},
): CommandBody => ({
  case: "recordCopies",
  value: create(RecordCopiesSchema, {
    nodeId: BigInt(nodeId),
    blobs: [{ blobId: id(blob), chunks: indexes.map((index) => ({ index, blake3 })), seenDiscards }],
  }),
});
const lost = (nodeId: number, blob: number, ...chunkIndexes: readonly number[]): CommandBody => ({
  case: "reportLost",
  value: create(ReportLostSchema, {
    nodeId: BigInt(nodeId),
    blobs: [{ blobId: id(blob), chunkIndexes: [...chunkIndexes] }],
  }),
});
const rehome = (blob: number, from: number, to: number): CommandBody => ({
  case: "rehomeBlobs",
  value: create(RehomeBlobsSchema, {
    blobs: [{ blobId: id(blob), fromCopysetId: BigInt(from), toCopysetId: BigInt(to) }],
  }),
});
const drop = (nodeId: number, blob: number): CommandBody => ({
  case: "dropCopies",
  value: create(DropCopiesSchema, { copies: [{ blobId: id(blob), nodeId: BigInt(nodeId) }] }),
});
const acknowledge = (nodeId: number, blob: number): CommandBody => ({
  case: "acknowledgeDiscard",
  value: create(AcknowledgeDiscardSchema, { nodeId: BigInt(nodeId), blobIds: [id(blob)] }),
});

/** "done", the reason why the blob was passed over, or the refusal of the whole command. */
function run(body: CommandBody): string {
  const result = replica.run(body);
  if (result.result.case !== "copiesChanged") return outcome(result);
  const [skipped] = result.result.value.skipped;
  return skipped === undefined ? "done" : RefusalCode[skipped.code];
}

const view = () => new StateView(new LiveStore(replica.store), { index: () => 0, timeMs: () => 0 });
const row = (blob: number) => fromBinary(BlobRowSchema, replica.store.get(blobKey(toHex(id(blob))))!);
const holders = (blob: number) => row(blob).chunks.map((chunk) => chunk.nodeIds.map(Number));
const missing = async () =>
  (await view().underReplicated({ limit: 10 })).map(({ blobId, copies }) => [
    toHex(blobId).slice(-2),
    copies,
  ]);

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

describe("a blob that is committed with fewer copies than its home has nodes", () => {
  test("is in the index at once, and leaves it with the last missing chunk", async () => {
    expect(await missing()).toEqual([["66", 2]]);
    expect(view().underReplicatedTotal()).toEqual({ blobs: 1, bytes: TWO_CHUNKS });
    expect(run(record(3, 102, [0]))).toBe("done");
    expect(await missing()).toEqual([["66", 2]]);
    expect(run(record(3, 102, [1]))).toBe("done");
    expect(await missing()).toEqual([]);
    expect(view().underReplicatedTotal()).toEqual({ blobs: 0, bytes: 0 });
    await expectSound();
  });

  test("is not there without a reference", async () => {
    replica.run(deleteObjects("b"));
    expect(await missing()).toEqual([]);
    await expectSound();
  });

  test("comes before those with more copies left, and pages go on behind the last one", async () => {
    run(lost(1, 101));
    run(lost(2, 101));
    const [first, second] = await view().underReplicated({ limit: 10 });
    expect(await missing()).toEqual([
      ["65", 1],
      ["66", 2],
    ]);
    expect(await view().underReplicated({ after: first!, limit: 10 })).toEqual([second]);
  });
});

describe("a copy counts", () => {
  test.each<[string, () => string, string]>([
    ["with the recorded hash", () => run(record(4, 101, [0])), "done"],
    ["not with another hash", () => run(record(4, 101, [0], { blake3: new Uint8Array(32) })), "COPY_REFUSED"],
    ["not of a chunk that there is not", () => run(record(4, 101, [1])), "COPY_REFUSED"],
    ["not of a blob that there is not", () => run(record(4, 99, [0])), "BLOB_GONE"],
    ["not on an unknown node", () => run(record(9, 101, [0])), "NODE_UNKNOWN"],
    [
      "not on a draining node",
      () => {
        setNodeState(replica, 4, NodeState.DRAINING);
        return run(record(4, 101, [0]));
      },
      "NODE_UNKNOWN",
    ],
    [
      "not of a blob that is being deleted",
      () => {
        replica.run(deleteObjects("a"));
        replica.timeMs += 60_000;
        replica.run({
          case: "beginBlobDelete",
          value: create(BeginBlobDeleteSchema, { blobIds: [id(101)] }),
        });
        return run(record(4, 101, [0]));
      },
      "BLOB_GONE",
    ],
    [
      "not of inline bytes",
      () => {
        replica.run(commitObject("i", id(3), [inlineBlob(id(103), 5)]));
        return run(record(4, 103, [0]));
      },
      "BLOB_GONE",
    ],
  ])("%s", async (_, act, expected) => {
    expect(act()).toBe(expected);
    await expectSound();
  });

  test("once, and what a refused one would change stays as it was", async () => {
    run(record(4, 102, [0]));
    run(record(4, 102, [0]));
    expect(run(record(4, 102, [1, 7]))).toBe("COPY_REFUSED");
    expect(holders(102)).toEqual([
      [1, 2, 4],
      [1, 2],
    ]);
    expect(view().holdings(4)).toEqual({ blobs: 1, bytes: CHUNK_BYTES });
    await expectSound();
  });
});

describe("a lost copy", () => {
  test("is taken off the named chunks, or off all", async () => {
    run(lost(1, 102, 1));
    expect(holders(102)).toEqual([[1, 2], [2]]);
    run(lost(2, 102));
    expect(holders(102)).toEqual([[1], []]);
    expect(await missing()).toEqual([["66", 0]]);
    expect(row(102).referenceCount).toBe(1n);
    await expectSound();
  });

  test("can be told of a removed node, which is then recorded for nothing", async () => {
    setNodeState(replica, 1, NodeState.REMOVED);
    const held = await view().heldBlobs(1, { limit: 10 });
    expect(held).toEqual([id(101), id(102)]);
    expect(await view().heldBlobs(1, { after: id(101), limit: 10 })).toEqual([id(102)]);
    for (const number of [101, 102]) run(lost(1, number));
    expect(view().holdings(1)).toEqual({ blobs: 0, bytes: 0 });
    expect(await missing()).toEqual([
      ["66", 1],
      ["65", 2],
    ]);
    await expectSound();
  });

  test("of a blob being deleted is left to its unlink order", async () => {
    replica.run(deleteObjects("a"));
    replica.timeMs += 60_000;
    replica.run({ case: "beginBlobDelete", value: create(BeginBlobDeleteSchema, { blobIds: [id(101)] }) });
    expect(run(lost(1, 101))).toBe("BLOB_GONE");
    expect(holders(101)).toEqual([[1, 2, 3]]);
    await expectSound();
  });
});

describe("a new home", () => {
  beforeEach(() => {
    expect(outcome(replica.run(putCopysets(1, { id: 1, nodes: [1, 2, 3] }, { nodes: [1, 4] })))).toBe("done");
  });

  test("sets how many copies there should be", async () => {
    expect(run(rehome(102, 1, 2))).toBe("done");
    expect(await missing()).toEqual([]);
    expect(run(rehome(102, 2, 1))).toBe("done");
    expect(await missing()).toEqual([["66", 2]]);
    await expectSound();
  });

  test.each<[string, () => string, string]>([
    ["is not taken by a blob that has another one by now", () => run(rehome(101, 2, 1)), "COPY_REFUSED"],
    ["exists", () => run(rehome(101, 1, 3)), "LAYOUT_STALE"],
    [
      "is open",
      () => {
        replica.run(putCopysets(2, { id: 1, nodes: [1, 2, 3] }));
        return run(rehome(101, 1, 2));
      },
      "LAYOUT_STALE",
    ],
  ])("%s", async (_, act, expected) => {
    expect(act()).toBe(expected);
    await expectSound();
  });
});

describe("a copy goes", () => {
  test("when enough active nodes are left, and its node is told to discard it", async () => {
    expect(run(drop(1, 101))).toBe("COPY_REFUSED");
    run(record(4, 101, [0]));
    expect(run(drop(1, 101))).toBe("done");
    expect(holders(101)).toEqual([[2, 3, 4]]);
    expect(await view().discardOrders(1, 10)).toEqual([id(101)]);
    expect(run(drop(2, 101))).toBe("COPY_REFUSED");
    await expectSound();
  });

  test("not when one of those left is draining", async () => {
    run(record(4, 101, [0]));
    setNodeState(replica, 2, NodeState.DRAINING);
    expect(run(drop(1, 101))).toBe("COPY_REFUSED");
    expect(run(drop(2, 101))).toBe("done");
    await expectSound();
  });

  test("of bytes that nothing refers to, from a node that leaves, when a commit would take what is left", async () => {
    replica.run(deleteObjects("a", "b"));
    expect(run(drop(2, 101))).toBe("COPY_REFUSED");
    setNodeState(replica, 2, NodeState.DRAINING);
    expect(run(drop(1, 101))).toBe("COPY_REFUSED");
    expect(run(drop(2, 102))).toBe("COPY_REFUSED");
    expect(run(drop(2, 101))).toBe("done");
    expect(holders(101)).toEqual([[1, 3]]);
    expect(view().holdings(2).blobs).toBe(1);
    await expectSound();
  });

  test("and does not come back before its node has acknowledged", async () => {
    run(record(4, 101, [0]));
    run(drop(4, 101));
    expect(run(record(4, 101, [0]))).toBe("COPY_REFUSED");
    replica.run(acknowledge(4, 101));
    expect(await view().discardOrders(4, 10)).toEqual([]);
    // Made before the order, or after it?
    expect(run(record(4, 101, [0]))).toBe("COPY_REFUSED");
    expect(run(record(4, 101, [0], { seenDiscards: 1n }))).toBe("done");
    await expectSound();
  });

  test("of a node that is not recorded for it, and keeps the recorded ones", async () => {
    expect(run(drop(4, 102))).toBe("done");
    expect(await view().discardOrders(4, 10)).toEqual([id(102)]);
    expect(holders(102)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await expectSound();
  });

  test("not of a node that was removed", async () => {
    setNodeState(replica, 3, NodeState.REMOVED);
    expect(run(drop(3, 101))).toBe("NODE_UNKNOWN");
    await expectSound();
  });
});

describe("bytes that were begun long ago", () => {
  test("are refused from the moment on at which a node may take them for nobody's", () => {
    const blobId = new TimeOrderedIds().next(replica.timeMs, new Uint8Array(10));
    replica.timeMs += MAX_BLOB_WRITE_MS + 1;
    expect(outcome(replica.run(commitObject("late", id(9), [chunkedBlob(blobId, 5)])))).toBe("BLOB_EXPIRED");
    replica.timeMs -= 1;
    // Leader time does not go back with a leader's clock.
    expect(outcome(replica.run(commitObject("late", id(9), [chunkedBlob(blobId, 5)])))).toBe("BLOB_EXPIRED");
  });

  test("are taken until then", () => {
    const blobId = new TimeOrderedIds().next(replica.timeMs, new Uint8Array(10));
    replica.timeMs += MAX_BLOB_WRITE_MS;
    expect(outcome(replica.run(commitObject("slow", id(9), [chunkedBlob(blobId, 5)])))).toBe(
      "objectCommitted",
    );
  });
});
