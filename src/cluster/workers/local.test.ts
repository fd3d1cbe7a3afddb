import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { type NodeRow, NodeRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { NODE_STATE } from "../node-rows.ts";
import { BlobLocks } from "../repair/blob-locks.ts";
import type { StateHashSample, StateHashVerdict } from "../state-hash.ts";
import { FakeMetadata } from "../testing/fake-metadata.ts";
import { announceWorker, stateHashWatch, UNLINK_BATCH, unlinkWorker } from "./local.ts";

type NodeRowInit = Exclude<MessageInitShape<typeof NodeRowSchema>, NodeRow>;

const signal = new AbortController().signal;
const incarnation = "0123456789abcdef0123456789abcdef";
const identity = { nodeId: 2, name: "node-2", incarnation };

let metadata: FakeMetadata;
beforeEach(() => {
  metadata = new FakeMetadata();
});

describe("unlinking", () => {
  function blobIds(count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i & 255));
  }

  test("removes what this node was told to, and says so afterwards", async () => {
    const order: string[] = [];
    metadata.unlinkOrders.set(2, blobIds(2));
    metadata.unlinkOrders.set(3, blobIds(5));
    metadata.decide = (body) => {
      order.push(`${body.case}`);
      return {
        $typeName: "skerry.meta.v1.CommandResult",
        result: { case: "done", value: { $typeName: "skerry.meta.v1.Done" } },
      };
    };
    const segments = {
      unlink: async (ids: readonly Uint8Array[]) => {
        await Promise.resolve();
        order.push(`unlinked ${ids.length}`);
      },
    };
    expect(await unlinkWorker({ identity, metadata, segments, locks: new BlobLocks() }).runUnit(signal)).toBe(
      "idle",
    );
    expect(order).toEqual(["unlinked 2", "acknowledgeUnlink"]);
    expect(metadata.submitted).toMatchObject([{ value: { nodeId: 2n, blobIds: blobIds(2) } }]);
  });

  test("says nothing when it did not become durable", async () => {
    metadata.unlinkOrders.set(2, blobIds(2));
    const segments = { unlink: () => Promise.reject(new Error("EIO")) };
    await expect(
      unlinkWorker({ identity, metadata, segments, locks: new BlobLocks() }).runUnit(signal),
    ).rejects.toThrow("EIO");
    expect(metadata.submitted).toEqual([]);
  });

  test("goes in batches, and rests when there is nothing", async () => {
    const sizes: number[] = [];
    const segments = { unlink: async (ids: readonly Uint8Array[]) => void sizes.push(ids.length) };
    const worker = unlinkWorker({ identity, metadata, segments, locks: new BlobLocks() });
    expect(await worker.runUnit(signal)).toBe("idle");
    metadata.unlinkOrders.set(2, blobIds(UNLINK_BATCH + 1));
    expect(await worker.runUnit(signal)).toBe("more");
    expect(sizes).toEqual([UNLINK_BATCH]);
  });
});

describe("discarding", () => {
  test("leaves alone what the order no longer stands for, once nobody else can copy the blob here", async () => {
    const [order, gone] = [Uint8Array.of(1), Uint8Array.of(2)];
    metadata.discardOrders.set(2, [order, gone]);
    const discarded: Uint8Array[] = [];
    const segments = { unlink: async (ids: readonly Uint8Array[]) => void discarded.push(...ids) };
    const locks = new BlobLocks();
    const take = locks.take.bind(locks);
    // Carried out by others between the list and the lock.
    locks.take = (blobId) => {
      metadata.discardOrders.set(2, [order]);
      return take(blobId);
    };
    await unlinkWorker({ identity, metadata, segments, locks }).runUnit(signal);
    expect(discarded).toEqual([order]);
    expect(metadata.submitted).toMatchObject([{ case: "acknowledgeDiscard", value: { blobIds: [order] } }]);
    expect(take(gone)).toBeDefined();
  });
});

describe("announcing", () => {
  const node = {
    zone: "a",
    peerAddress: "new:7400",
    s3Address: "",
    apiAddress: "new:8080",
    roles: ["meta", "storage"],
    weight: 10,
  };

  function row(change: NodeRowInit = {}): NodeRow {
    return create(NodeRowSchema, {
      ...node,
      roles: ["storage", "meta"],
      name: "node-2",
      incarnation,
      nodeId: 2n,
      state: NODE_STATE.active,
      ...change,
    });
  }

  test("leaves a row alone that is as configured, in whatever order the roles stand", async () => {
    metadata.nodes = [row()];
    expect(await announceWorker({ identity, metadata, node }).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });

  test.each<[string, NodeRowInit]>([
    ["address", { peerAddress: "old:7400" }],
    ["S3 address", { s3Address: "old:9000" }],
    ["API address", { apiAddress: "" }],
    ["zone", { zone: "b" }],
    ["weight", { weight: 1 }],
    ["roles", { roles: ["meta"] }],
  ])("brings the %s up to date, and says nothing of the state, which others decide", async (_, change) => {
    metadata.nodes = [row({ ...change, state: NODE_STATE.draining })];
    await announceWorker({ identity, metadata, node }).runUnit(signal);
    expect(metadata.submitted).toMatchObject([
      { case: "updateNode", value: { node: { ...node, nodeId: 2n, incarnation, state: 0 } } },
    ]);
  });

  test.each<[string, NodeRow[]]>([
    ["was removed", [row({ zone: "b", state: NODE_STATE.removed })]],
    ["belongs to another incarnation", [row({ zone: "b", incarnation: "ff".repeat(16) })]],
    ["is not there", []],
  ])("touches no row that %s", async (_, nodes) => {
    metadata.nodes = nodes;
    await announceWorker({ identity, metadata, node }).runUnit(signal);
    expect(metadata.submitted).toEqual([]);
  });

  test("refuses a configuration that no row could hold", () => {
    expect(() => announceWorker({ identity, metadata, node: { ...node, roles: [] } })).toThrow(
      "at least one role",
    );
  });
});

describe("watching the state hash", () => {
  test("tells each new verdict once", async () => {
    let samples: StateHashSample[] = [];
    const told: StateHashVerdict["kind"][] = [];
    const worker = stateHashWatch({
      identity,
      health: { stateHashSamples: () => samples },
      memberCount: () => 3,
      onVerdict: (verdict) => told.push(verdict.kind),
    });
    const say = async (...hashes: readonly (readonly [number, number])[]) => {
      samples = hashes.map(([nodeId, hash]) => ({
        nodeId,
        hashIndex: 1024n,
        stateHash: Uint8Array.of(hash),
      }));
      await worker.runUnit(signal);
    };
    await say([1, 5], [2, 5], [3, 5]);
    expect(told).toEqual([]);
    await say([2, 5], [3, 6]);
    await say([2, 5], [3, 6]);
    await say([1, 6], [2, 5], [3, 6]);
    await say([1, 5], [2, 5], [3, 5]);
    expect(told).toEqual(["undecided", "self-diverges", "agree"]);
  });
});
