import { beforeEach, describe, expect, test } from "vitest";
import type { SegmentStore } from "./ports.ts";
import { blobIdOf, bytesOf, chunkOf, joined, StoreHarness, TEST_DIRECTORY } from "./testing/harness.ts";

describe("a store", () => {
  let harness: StoreHarness;
  let store: SegmentStore;

  beforeEach(async () => {
    harness = new StoreHarness("store");
    store = await harness.open();
  });

  async function read(blob: number, chunkIndex: number, offset: number, length: number): Promise<Uint8Array> {
    const address = { blobId: blobIdOf(blob), chunkIndex };
    return joined((await harness.run(store.read(address, offset, length))).pieces);
  }

  test("does not acknowledge an append of what is stored when that was unlinked meanwhile", async () => {
    const { faults } = harness.machine.volume;
    await harness.run(store.append(chunkOf(1, 0, 9000)));
    // It compares checksums, on a disk that takes its time for that.
    Object.assign(faults, { leastLatencyMs: 500, greatestLatencyMs: 500 });
    const again = store.append(chunkOf(1, 0, 9000)).catch((error: unknown) => error);
    await harness.simulation.runFor(1);
    Object.assign(faults, { leastLatencyMs: 0.02, greatestLatencyMs: 0.2 });
    await harness.run(store.unlink([blobIdOf(1)]));
    expect(await harness.run(again)).toMatchObject({ code: "not-found" });
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 0 })).toBe(false);
  });

  test("gives back what was appended, whole and in ranges", async () => {
    await harness.run(Promise.all([store.append(chunkOf(1, 0, 200_000)), store.append(chunkOf(1, 1, 5))]));
    expect(await read(1, 0, 0, 200_000)).toEqual(bytesOf(1, 0, 200_000));
    expect(await read(1, 0, 65_535, 2)).toEqual(bytesOf(1, 0, 200_000).subarray(65_535, 65_537));
    expect(await read(1, 0, 199_999, 1)).toEqual(bytesOf(1, 0, 200_000).subarray(199_999));
    expect(await read(1, 1, 0, 5)).toEqual(bytesOf(1, 1, 5));
    expect(await read(1, 1, 3, 0)).toEqual(new Uint8Array(0));
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 1 })).toBe(true);
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 2 })).toBe(false);
  });

  test("is the same after it was closed and opened", async () => {
    for (let i = 0; i < 20; i++) await harness.run(store.append(chunkOf(i, 0, 10_000 + i)));
    await harness.run(store.close());
    store = await harness.open();
    for (let i = 0; i < 20; i++) expect(await read(i, 0, 0, 10_000 + i)).toEqual(bytesOf(i, 0, 10_000 + i));
    expect(store.status()).toMatchObject({ writable: true, liveBytes: 20 * 10_000 + 190, deadBytes: 0 });
  });

  test("takes the same chunk again, at once or later, and stores it once", async () => {
    const chunk = chunkOf(1, 0, 5000);
    await harness.run(Promise.all([store.append(chunk), store.append(chunk), store.append(chunk)]));
    await harness.run(store.append(chunkOf(1, 0, 5000)));
    expect(store.status()).toMatchObject({ liveBytes: 5000, deadBytes: 0 });
  });

  test("lists what it holds in order", async () => {
    const addresses = [
      [2, 1],
      [1, 300],
      [1, 2],
      [2, 0],
    ] as const;
    for (const [blob, chunkIndex] of addresses)
      await harness.run(store.append(chunkOf(blob, chunkIndex, 10)));
    const found = await harness.inventory(store);
    expect(found.map(({ blobId, chunkIndex }) => [blobId[15], chunkIndex])).toEqual([
      [1, 2],
      [1, 300],
      [2, 0],
      [2, 1],
    ]);
  });

  test("forgets the chunks of an unlinked blob, and only those", async () => {
    for (const blob of [1, 2])
      for (const i of [0, 1, 2]) await harness.run(store.append(chunkOf(blob, i, 100)));
    await harness.run(store.unlink([blobIdOf(1), blobIdOf(9), blobIdOf(1)]));
    for (const chunkIndex of [0, 1, 2]) {
      expect(store.has({ blobId: blobIdOf(1), chunkIndex })).toBe(false);
      expect(await read(2, chunkIndex, 0, 100)).toEqual(bytesOf(2, chunkIndex, 100));
    }
    await expect(harness.run(store.read({ blobId: blobIdOf(1), chunkIndex: 0 }, 0, 1))).rejects.toMatchObject(
      {
        code: "not-found",
      },
    );
    expect(store.status()).toMatchObject({ liveBytes: 300, deadBytes: 300 });
  });

  test("an unlink that comes after an append kills it, and one that comes before does not", async () => {
    const first = store.append(chunkOf(1, 0, 100));
    const gone = store.unlink([blobIdOf(1)]);
    const again = store.append(chunkOf(1, 0, 100));
    await harness.run(Promise.all([first, gone, again]));
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 0 })).toBe(true);
    await harness.run(Promise.all([store.append(chunkOf(2, 0, 100)), store.unlink([blobIdOf(2)])]));
    expect(store.has({ blobId: blobIdOf(2), chunkIndex: 0 })).toBe(false);
  });

  test("unlinking what is not here writes nothing", async () => {
    await harness.run(store.unlink([blobIdOf(1)]));
    expect(harness.segments()).toEqual([]);
  });
});

describe("groups", () => {
  /** How often each operation on segments was asked for. */
  function counting(harness: StoreHarness): Map<string, number> {
    const counts = new Map<string, number>();
    harness.machine.volume.faults.intercept = (operation, path) => {
      if (path.includes("/segments")) counts.set(operation, (counts.get(operation) ?? 0) + 1);
      return undefined;
    };
    return counts;
  }

  test("appends of one turn share a write and a sync, those that come meanwhile the next", async () => {
    const harness = new StoreHarness("groups", {});
    const store = await harness.open();
    await harness.run(store.append(chunkOf(0, 0, 10)));
    const counts = counting(harness);
    const first = Array.from({ length: 64 }, (_, i) => store.append(chunkOf(1, i, 1000)));
    let second: Promise<void>[] = [];
    const firstWrite = harness.simulation.runUntil(() => (counts.get("write") ?? 0) > 0, 1000);
    await firstWrite;
    second = Array.from({ length: 64 }, (_, i) => store.append(chunkOf(2, i, 1000)));
    await harness.run(Promise.all([...first, ...second]));
    expect(Object.fromEntries(counts)).toEqual({ write: 2, sync: 2 });
  });

  test("nothing waits for a timer", async () => {
    const harness = new StoreHarness("no timer", {});
    const store = await harness.open();
    harness.boot.platform.timers.after = () => ({ cancel: () => undefined });
    await harness.run(store.append(chunkOf(0, 0, 10)));
    await harness.run(store.append(chunkOf(1, 0, 10)));
    expect(store.status().liveBytes).toBe(20);
  });

  test("a tombstone is durable before the unlink is acknowledged", async () => {
    const harness = new StoreHarness("tombstone", {});
    let store = await harness.open();
    await harness.run(store.append(chunkOf(0, 0, 10)));
    await harness.run(store.unlink([blobIdOf(0)]));
    harness.crash("drop");
    store = await harness.open();
    expect(store.has({ blobId: blobIdOf(0), chunkIndex: 0 })).toBe(false);
  });
});

describe("segments", () => {
  async function fill(harness: StoreHarness, store: SegmentStore, blobs: readonly number[]): Promise<void> {
    for (const blob of blobs) await harness.run(store.append(chunkOf(blob, 0, 30_000)));
  }

  test("are sealed when they are full, and when nothing was appended for a while", async () => {
    const harness = new StoreHarness("seal");
    const store = await harness.open();
    await fill(harness, store, [1, 2, 3]);
    expect(harness.segments()).toHaveLength(2);
    await harness.simulation.runFor(20_000);
    await fill(harness, store, [4]);
    expect(harness.segments()).toHaveLength(3);
    expect(store.status().segments).toBe(3);
  });

  test("go when nothing in them is alive, the last one after a while", async () => {
    const harness = new StoreHarness("collect");
    const store = await harness.open();
    await fill(harness, store, [1, 2, 3, 4, 5]);
    expect(harness.segments()).toHaveLength(3);
    await harness.run(store.unlink([1, 2].map(blobIdOf)));
    expect(harness.segments()).toEqual(["0000000000000002.seg", "0000000000000003.seg"]);
    await harness.run(store.unlink([3, 4, 5].map(blobIdOf)));
    await harness.simulation.runFor(20_000);
    expect(harness.segments()).toEqual([]);
    expect(store.status()).toMatchObject({ segments: 0, liveBytes: 0, deadBytes: 0 });
  });

  test("a tombstone's segment stays as long as what it killed does", async () => {
    const harness = new StoreHarness("outlive");
    let store = await harness.open();
    // Segment 1: blobs 1 and 2. Segment 2: blobs 3 and 4 and the tombstone of 2, all dead in the end.
    await fill(harness, store, [1, 2, 3]);
    await harness.run(store.unlink([blobIdOf(2)]));
    await fill(harness, store, [4, 5]);
    await harness.run(store.unlink([3, 4].map(blobIdOf)));
    await harness.simulation.runFor(20_000);
    expect(harness.segments()).toContain("0000000000000002.seg");
    await harness.run(store.close());
    await harness.run(harness.boot.platform.disk.removeTree(`${TEST_DIRECTORY}/index`));
    store = await harness.open();
    for (const blob of [2, 3, 4]) expect(store.has({ blobId: blobIdOf(blob), chunkIndex: 0 })).toBe(false);
    for (const blob of [1, 5]) expect(store.has({ blobId: blobIdOf(blob), chunkIndex: 0 })).toBe(true);
    await harness.run(store.unlink([1, 5].map(blobIdOf)));
    await harness.simulation.runFor(40_000);
    expect(harness.segments()).toEqual([]);
  });

  test("that lie before the checkpoint are not read again after a crash", async () => {
    const harness = new StoreHarness("no rescan");
    let store = await harness.open();
    await fill(harness, store, [1, 2, 3, 4, 5, 6, 7, 8]);
    harness.crash("keep");
    const opened = new Set<string>();
    harness.machine.volume.faults.intercept = (operation, path) => {
      if (operation === "open") opened.add(path.slice(-20));
      return undefined;
    };
    store = await harness.open();
    expect([...opened]).toEqual(["0000000000000004.seg"]);
    expect(store.status()).toMatchObject({ liveBytes: 240_000 });
  });
});
