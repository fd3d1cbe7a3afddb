import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../base/index.ts";
import {
  BeginBlobDeleteSchema,
  DeleteObjectsSchema,
  DropCopiesSchema,
  RecordCopiesSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  LOSS_DELAY_MS,
  nameOf,
  RepairCluster,
  UNKNOWN_KEPT_MS,
  WRITE_LIMIT_MS,
} from "../testing/repair-cluster.ts";
import { writeUnknown } from "./upkeep-rows.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;
let cluster: RepairCluster;

/** Four nodes, copyset 1 on nodes 1, 2 and 3, copyset 2 on nodes 1, 2 and 4. */
beforeEach(() => {
  cluster = new RepairCluster([1, 2, 3, 4]);
  cluster.copysets({ nodes: [1, 2, 3] }, { nodes: [1, 2, 4] });
});

const bytes = (fill: number, length = 1000) => new Uint8Array(length).fill(fill);
const chunkOf = (blobHex: string, chunkIndex = 0) => nameOf({ blobId: fromHex(blobHex)!, chunkIndex });

/** What the metadata says is true, the right bytes are where it says, and nothing derived is wrong. */
async function expectTrue(): Promise<void> {
  expect(await cluster.replica.violations()).toEqual([]);
  for (const blob of await cluster.view.allBlobs({ limit: 1000 })) {
    for (const [chunkIndex, chunk] of blob.chunks.entries()) {
      for (const nodeId of chunk.nodeIds) {
        const name = nameOf({ blobId: blob.blobId, chunkIndex });
        expect(cluster.disk(Number(nodeId)).read(name, chunk.length).length).toBe(chunk.length);
      }
    }
  }
}

describe("repair", () => {
  test("brings a copy that an upload left out to its home", async () => {
    const blob = cluster.put([bytes(1, CHUNK_BYTES), bytes(2)], [1, 2]);
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    await expectTrue();
  });

  test("waits for a silent node, then makes the copies elsewhere, and takes them back when it answers", async () => {
    const blob = cluster.put([bytes(1)], [1, 2, 3]);
    cluster.silent.add(3);
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await cluster.wait(LOSS_DELAY_MS);
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2, 3, 4]]);
    cluster.silent.delete(3);
    // The next pass over all blobs.
    await cluster.wait(6 * 3_600_000);
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await cluster.run("unlink/4");
    expect(cluster.disk(4).chunks.size).toBe(0);
    await expectTrue();
  });

  test("does not wait when one copy is left", async () => {
    const blob = cluster.put([bytes(1)], [1, 2, 3]);
    cluster.silent.add(2).add(3);
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2, 3, 4]]);
    await expectTrue();
  });

  test("never takes a damaged copy, and finds the good one", async () => {
    const blob = cluster.put([bytes(1)], [1, 2]);
    cluster.disk(1).chunks.set(chunkOf(blob), bytes(9));
    await cluster.run("repair");
    expect(cluster.disk(3).chunks.get(chunkOf(blob))).toEqual(bytes(1));
    cluster.disk(2).chunks.set(chunkOf(blob), bytes(9));
    cluster.disk(3).chunks.set(chunkOf(blob), bytes(9));
    const other = cluster.put([bytes(2)], [1, 2]);
    await cluster.run("repair");
    expect(cluster.holders(other)).toEqual([[1, 2, 3]]);
  });

  test("records nothing when all copies are damaged, and leaves the blob alone for a while", async () => {
    const blob = cluster.put([bytes(1)], [1, 2]);
    for (const nodeId of [1, 2]) cluster.disk(nodeId).chunks.set(chunkOf(blob), bytes(9));
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2]]);
    expect(cluster.disk(3).chunks.size).toBe(0);
    const asked = () => cluster.events.filter((event) => event.startsWith("asked")).length;
    const before = asked();
    await cluster.run("repair");
    expect(asked()).toBe(before);
    await cluster.wait(60_000);
    await cluster.run("repair");
    expect(asked()).toBeGreaterThan(before);
  });

  test("goes elsewhere when a disk is full, and does the rest", async () => {
    const blobs = [cluster.put([bytes(1)], [1, 2]), cluster.put([bytes(2)], [1, 2])];
    cluster.disk(3).isFull = true;
    await cluster.run("repair");
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2]]);
    cluster.disk(3).isFull = false;
    await cluster.wait(60_000);
    await cluster.run("repair");
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await expectTrue();
  });

  test("a copy that is on the disk already counts only if its hash is right", async () => {
    const blob = cluster.put([bytes(1)], [1, 2]);
    cluster.disk(3).chunks.set(chunkOf(blob), bytes(9));
    await cluster.run("repair");
    expect(cluster.disk(3).read(chunkOf(blob), 1000)).toEqual(bytes(1));
    expect(cluster.events).toContain("bad copy on 3");
    await expectTrue();
  });
});

describe("a node that leaves", () => {
  test("is drained: nothing is left on it, and nothing has fewer copies at any time", async () => {
    const blobs = Array.from({ length: 30 }, (_, at) => cluster.put([bytes(at)], [1, 2, 3]));
    cluster.setState(3, NodeState.DRAINING);
    cluster.copysets({ id: 2, nodes: [1, 2, 4] });
    expect(cluster.view.holdings(3).blobs).toBe(30);
    await cluster.run("repair");
    expect(cluster.view.holdings(3)).toEqual({ blobs: 0, bytes: 0 });
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2, 4]]);
    await cluster.run("unlink/3");
    expect(cluster.disk(3).chunks.size).toBe(0);
    await expectTrue();
  });

  test("does not wait for the grace of what was deleted, and moves none of it", async () => {
    const blobs = Array.from({ length: 10 }, (_, at) => cluster.put([bytes(at)], [1, 2, 3]));
    const targets = blobs.map((key) => ({ key }));
    const value = create(DeleteObjectsSchema, { bucket: "bucket", targets });
    cluster.submit({ case: "deleteObjects", value });
    cluster.setState(3, NodeState.DRAINING);
    cluster.copysets({ id: 2, nodes: [1, 2, 4] });
    expect(cluster.view.holdings(3).blobs).toBe(10);
    await cluster.run("repair");
    expect(cluster.view.holdings(3)).toEqual({ blobs: 0, bytes: 0 });
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2]]);
    await expectTrue();
  });

  test("can be drained when the nodes that stay are fewer than the copies: there are fewer copies then", async () => {
    const blob = cluster.put([bytes(1)], [1, 2, 3]);
    cluster.setState(3, NodeState.DRAINING);
    cluster.copysets({ nodes: [1, 2] });
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2]]);
    expect(cluster.view.holdings(3).blobs).toBe(0);
    cluster.setState(3, NodeState.ACTIVE);
    cluster.copysets({ id: 1, nodes: [1, 2, 3] });
    await cluster.run("unlink/3");
    await cluster.run("repair");
    expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await expectTrue();
  });

  test("for good is taken off the holders, and its copies are made anew", async () => {
    const blobs = Array.from({ length: 5 }, (_, at) => cluster.put([bytes(at)], [1, 2, 3]));
    cluster.silent.add(3);
    cluster.setState(3, NodeState.REMOVED);
    cluster.copysets({ id: 2, nodes: [1, 2, 4] });
    await cluster.run("removed-nodes");
    expect(cluster.view.underReplicatedTotal().blobs).toBe(5);
    await cluster.run("repair");
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2, 4]]);
    await expectTrue();
  });
});

describe("scrub", () => {
  test.each<[string, (blob: string) => void, string]>([
    ["a flipped bit", (blob) => void cluster.disk(2).chunks.set(chunkOf(blob, 1), bytes(7)), "damaged"],
    ["a cut file", (blob) => void cluster.disk(2).chunks.set(chunkOf(blob, 1), bytes(2, 10)), "damaged"],
    ["a missing chunk", (blob) => void cluster.disk(2).chunks.delete(chunkOf(blob, 1)), "missing"],
    [
      "a sector that cannot be read",
      (blob) => void cluster.disk(2).failing.set(chunkOf(blob, 1), "io"),
      "unreadable",
    ],
    [
      "blocks that do not match",
      (blob) => void cluster.disk(2).failing.set(chunkOf(blob, 1), "damaged"),
      "damaged",
    ],
  ])("finds %s within a cycle, and repair makes it good", async (_, damage, found) => {
    const blob = cluster.put([bytes(1, CHUNK_BYTES), bytes(2)], [1, 2, 3]);
    damage(blob);
    await cluster.run("scrub/2");
    expect(cluster.events).toEqual([`scrub 2: ${found}`]);
    expect(cluster.holders(blob)).toEqual([
      [1, 2, 3],
      [1, 3],
    ]);
    cluster.disk(2).failing.clear();
    await cluster.run("repair");
    expect(cluster.disk(2).read(chunkOf(blob, 1), 1000)).toEqual(bytes(2));
    await expectTrue();
  });

  test("finds two chunks that lie in each other's place", async () => {
    const [one, other] = [cluster.put([bytes(1)], [1, 2, 3]), cluster.put([bytes(2)], [1, 2, 3])];
    cluster.disk(2).chunks.set(chunkOf(one), bytes(2)).set(chunkOf(other), bytes(1));
    await cluster.run("scrub/2");
    expect(cluster.scrubs.get(2)?.status()).toMatchObject({ isRunning: false, badChunks: 2 });
    await cluster.run("repair");
    await expectTrue();
  });

  test.each<[string, (blob: string) => void]>([
    [
      "was deleted",
      (blob) => {
        const value = create(DeleteObjectsSchema, { bucket: "bucket", targets: [{ key: blob }] });
        cluster.submit({ case: "deleteObjects", value });
        // The grace is over.
        cluster.replica.timeMs += 30 * 24 * 3_600_000;
        const blobIds = [fromHex(blob)!];
        cluster.submit({ case: "beginBlobDelete", value: create(BeginBlobDeleteSchema, { blobIds }) });
      },
    ],
    [
      "was to be discarded",
      (blob) => {
        const copies = [{ blobId: fromHex(blob)!, nodeId: 2n }];
        cluster.submit({ case: "dropCopies", value: create(DropCopiesSchema, { copies }) });
      },
    ],
  ])("reports nothing that %s while it was on its way there", async (_, giveUp) => {
    const [first, missing, unreadable, last] = Array.from({ length: 4 }, (_, at) =>
      cluster.put([bytes(at)], [1, 2, 3, 4]),
    );
    const disk = cluster.disk(2);
    const read = disk.read.bind(disk);
    disk.read = (name, lengthBytes) => {
      if (name === chunkOf(first!)) {
        for (const blob of [missing!, unreadable!]) giveUp(blob);
        disk.chunks.delete(chunkOf(missing!));
        disk.failing.set(chunkOf(unreadable!), "io");
      }
      return read(name, lengthBytes);
    };
    await cluster.run("scrub/2");
    expect(cluster.events).toEqual([]);
    expect(cluster.scrubs.get(2)?.status().badChunks).toBe(0);
    expect(cluster.holders(last!)).toEqual([[1, 2, 3, 4]]);
  });

  test("reports nothing of a disk that fails one read after the other", async () => {
    const blobs = Array.from({ length: 20 }, (_, at) => cluster.put([bytes(at)], [1, 2, 3]));
    for (const blob of blobs.slice(10)) cluster.disk(2).failing.set(chunkOf(blob), "io");
    await expect(cluster.run("scrub/2")).rejects.toThrow("the disk fails");
    expect(cluster.view.underReplicatedTotal().blobs).toBe(0);
  });

  test("goes on where it was, and begins anew when it is time or when it is asked to", async () => {
    for (let at = 0; at < 30; at++) cluster.put([bytes(at, CHUNK_BYTES)], [1, 2, 3]);
    const units = await cluster.run("scrub/2");
    expect(units).toBeGreaterThanOrEqual(4);
    expect(cluster.scrubs.get(2)?.status().checkedBytes).toBe(30 * CHUNK_BYTES);
    expect(await cluster.run("scrub/2")).toBe(1);
    const { startedMs } = cluster.scrubs.get(2)!.status();
    cluster.scrubs.get(2)?.start();
    expect(cluster.scrubs.get(2)?.status().isRunning).toBe(true);
    await cluster.run("scrub/2");
    expect(cluster.scrubs.get(2)?.status().startedMs).toBeGreaterThan(startedMs ?? 0);
  });

  test("a cycle that began while the clock was a year ahead does not hold up the next one", async () => {
    cluster.put([bytes(1)], [1, 2, 3]);
    cluster.scrubAheadMs = 365 * 24 * 3_600_000;
    await cluster.run("scrub/2");
    const ahead = cluster.scrubs.get(2)!.status();
    cluster.scrubAheadMs = 0;
    await cluster.run("scrub/2");
    const { startedMs, finishedMs } = cluster.scrubs.get(2)!.status();
    expect(startedMs).toBeLessThan(ahead.startedMs ?? 0);
    await cluster.run("scrub/2");
    expect(cluster.scrubs.get(2)?.status()).toMatchObject({ startedMs, finishedMs });
  });
});

describe("the inventory", () => {
  test("reports what is not on the disk, and repair brings it back", async () => {
    const blobs = Array.from({ length: 5 }, (_, at) => cluster.put([bytes(at)], [1, 2, 3]));
    cluster.disk(3).chunks.clear();
    await cluster.run("inventory/3");
    expect(cluster.view.holdings(3).blobs).toBe(0);
    await cluster.run("repair");
    for (const blob of blobs) expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await expectTrue();
  });

  test("records what came too late for the commit, and only if it is right", async () => {
    const [late, wrong] = [cluster.put([bytes(1)], [1, 2]), cluster.put([bytes(2)], [1, 2])];
    cluster.disk(3).chunks.set(chunkOf(late), bytes(1)).set(chunkOf(wrong), bytes(9));
    await cluster.run("inventory/3");
    expect(cluster.holders(late)).toEqual([[1, 2, 3]]);
    expect(cluster.holders(wrong)).toEqual([[1, 2]]);
    await expectTrue();
  });

  test("does not take a listing that failed for the end of the disk", async () => {
    const late = cluster.put([bytes(1)], [1, 2]);
    cluster.disk(3).chunks.set(chunkOf(late), bytes(1));
    cluster.disk(3).failingListings = 1;
    await expect(cluster.run("inventory/3")).rejects.toThrow("cannot be listed");
    await cluster.run("inventory/3");
    expect(cluster.holders(late)).toEqual([[1, 2, 3]]);
    await expectTrue();
  });

  test("asks for an order before it discards what is too much", async () => {
    const blob = cluster.put([bytes(1)], [1, 2, 3]);
    cluster.disk(4).chunks.set(chunkOf(blob), bytes(1));
    await cluster.run("inventory/4");
    expect(cluster.disk(4).chunks.size).toBe(1);
    await cluster.run("unlink/4");
    expect(cluster.disk(4).chunks.size).toBe(0);
    expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
    await expectTrue();
  });

  /** A pass, and another command, so that leader time goes on. */
  async function pass(): Promise<void> {
    cluster.put([bytes(5)], [1, 2, 3]);
    await cluster.run("inventory/2");
  }

  test("removes bytes that belong to nothing, but only when no upload can claim them and they were kept for a while", async () => {
    const blobId = cluster.newBlobId();
    cluster.disk(2).chunks.set(nameOf({ blobId, chunkIndex: 0 }), bytes(1));
    const isThere = () => cluster.disk(2).chunks.has(nameOf({ blobId, chunkIndex: 0 }));
    await pass();
    await cluster.wait(WRITE_LIMIT_MS - 60_000);
    await pass();
    // The upload may still be committed; nothing has been noted.
    await cluster.wait(120_000 + 3_600_000);
    await pass();
    await cluster.wait(UNKNOWN_KEPT_MS - 60_000);
    await pass();
    expect(isThere()).toBe(true);
    await cluster.wait(3_600_000);
    await pass();
    expect(isThere()).toBe(false);
    expect(cluster.events).toContain("inventory 2: removed");
    await expectTrue();
  });

  test("removes bytes that belong to nothing also when a clock that was ahead has noted when they were seen", async () => {
    const blobId = cluster.newBlobId();
    const name = nameOf({ blobId, chunkIndex: 0 });
    cluster.disk(2).chunks.set(name, bytes(1));
    await writeUnknown(cluster.upkeeps.get(2)!, new Map([[toHex(blobId), Number.MAX_SAFE_INTEGER]]), []);
    await cluster.wait(WRITE_LIMIT_MS + 3_600_000);
    await pass();
    await cluster.wait(UNKNOWN_KEPT_MS - 60_000);
    await pass();
    expect(cluster.disk(2).chunks.has(name)).toBe(true);
    await cluster.wait(3_600_000);
    await pass();
    expect(cluster.disk(2).chunks.has(name)).toBe(false);
  });

  test("leaves a blob alone that is committed in the meantime", async () => {
    const blob = cluster.put([bytes(1)], [1, 2]);
    for (let hours = 0; hours < 200; hours += 20) {
      await cluster.wait(20 * 3_600_000);
      await pass();
    }
    expect(cluster.disk(2).chunks.has(chunkOf(blob))).toBe(true);
    await expectTrue();
  });
});

test("what is being deleted is neither repaired nor reported", async () => {
  const blob = cluster.put([bytes(1)], [1, 2]);
  const value = create(DeleteObjectsSchema, { bucket: "bucket", targets: [{ key: blob }] });
  cluster.submit({ case: "deleteObjects", value });
  await cluster.run("repair");
  expect(cluster.holders(blob)).toEqual([[1, 2]]);
  await expectTrue();
});

test("a copy that was recorded late does not outlive the order to discard it", async () => {
  const blob = cluster.put([bytes(1)], [1, 2, 3]);
  const row = cluster.row(blob);
  const copied = {
    blobId: row.blobId,
    seenDiscards: row.discards,
    chunks: [{ index: 0, blake3: row.chunks[0]!.blake3 }],
  };
  cluster.disk(4).chunks.set(chunkOf(blob), bytes(1));
  await cluster.run("inventory/4");
  await cluster.run("unlink/4");
  // The command of an attempt that was made before all this.
  cluster.submit({
    case: "recordCopies",
    value: create(RecordCopiesSchema, { nodeId: 4n, blobs: [copied] }),
  });
  expect(cluster.holders(blob)).toEqual([[1, 2, 3]]);
  await expectTrue();
});
