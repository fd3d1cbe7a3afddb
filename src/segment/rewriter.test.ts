import { beforeEach, describe, expect, test } from "vitest";
import type { SegmentStore } from "./ports.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, SEGMENTS, StoreHarness } from "./testing/harness.ts";

const LENGTH = 9000;

describe("half-dead segments", () => {
  let harness: StoreHarness;
  let store: SegmentStore;

  /** Thirty chunks over several segments of 64 KiB. */
  beforeEach(async () => {
    harness = new StoreHarness("rewrite");
    store = await harness.open();
    for (let blob = 0; blob < 30; blob++) await harness.run(store.append(chunkOf(blob, 0, LENGTH)));
  });

  async function unlinkAllBut(kept: (blob: number) => boolean): Promise<void> {
    const gone = Array.from({ length: 30 }, (_, blob) => blob).filter((blob) => !kept(blob));
    await harness.run(store.unlink(gone.map(blobIdOf)));
  }

  async function expectKept(kept: (blob: number) => boolean): Promise<void> {
    for (let blob = 0; blob < 30; blob++) {
      const address = { blobId: blobIdOf(blob), chunkIndex: 0 };
      expect(store.has(address), `blob ${blob}`).toBe(kept(blob));
      if (!kept(blob)) continue;
      const { pieces } = await harness.run(store.read(address, 0, LENGTH));
      expectBytes(pieces, bytesOf(blob, 0, LENGTH), `blob ${blob}`);
    }
  }

  test("go: what is alive in them is moved, and their space comes back", async () => {
    const kept = (blob: number) => blob % 3 === 0;
    await unlinkAllBut(kept);
    const before = store.status();
    expect(before.deadBytes).toBeGreaterThan(100_000);
    expect(await harness.run(store.rewrite(10_000_000))).toBeGreaterThan(0);
    expect(await harness.run(store.rewrite(10_000_000))).toBe(0);
    const after = store.status();
    expect(after.liveBytes).toBe(before.liveBytes);
    expect(after.deadBytes).toBeLessThan(before.deadBytes / 2);
    expect(after.segments).toBeLessThan(before.segments);
    await expectKept(kept);
    await harness.run(store.close());
    store = await harness.open();
    await expectKept(kept);
  });

  test("are emptied piece by piece", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    const moved = [await harness.run(store.rewrite(1)), await harness.run(store.rewrite(2 * LENGTH))];
    expect(moved).toEqual([LENGTH, 2 * LENGTH]);
    await expectKept((blob) => blob % 3 === 0);
  });

  test("are found by an index that was lost after they were rewritten", async () => {
    const kept = (blob: number) => blob % 3 === 0;
    await unlinkAllBut(kept);
    await harness.run(store.rewrite(10_000_000));
    harness.crash("drop");
    const { disk } = harness.boot.platform;
    await harness.run(disk.removeTree(`${SEGMENTS}/../index`.replace("/segments/..", "")));
    store = await harness.open();
    await expectKept(kept);
    expect(harness.damage).toEqual([]);
  });

  test("a chunk that is quarantined while it is moved stays so, until it is stored anew", async () => {
    const address = { blobId: blobIdOf(0), chunkIndex: 0 };
    let isOver = false;
    for (let stopAt = 0; !isOver; stopAt++) {
      harness = new StoreHarness("quarantined while moved");
      store = await harness.open();
      for (let blob = 0; blob < 12; blob++) await harness.run(store.append(chunkOf(blob, 0, LENGTH)));
      await harness.run(store.unlink([1, 2, 3, 4].map(blobIdOf)));
      let isMoved = false;
      const moving = store.rewrite(1).then(() => {
        isMoved = true;
      });
      const until = harness.simulation.events + stopAt;
      await harness.simulation.runUntil(() => harness.simulation.events >= until, 60_000);
      isOver = isMoved;
      store.quarantine(address);
      await harness.run(moving);
      expect(store.has(address), `quarantined after event ${stopAt}`).toBe(false);
      await harness.run(store.append(chunkOf(0, 0, LENGTH)));
      expect(store.has(address)).toBe(true);
    }
  });

  test("a chunk that is unlinked while it is moved stays gone", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    await harness.run(Promise.all([store.rewrite(10_000_000), store.unlink([0, 3, 6, 9].map(blobIdOf))]));
    await expectKept((blob) => blob % 3 === 0 && blob > 9);
    harness.crash("random");
    store = await harness.open();
    await expectKept((blob) => blob % 3 === 0 && blob > 9);
  });

  test("a chunk that cannot be moved is left behind, once: the rest goes on, and nothing is done again for it", async () => {
    store.quarantine({ blobId: blobIdOf(0), chunkIndex: 0 });
    await unlinkAllBut((blob) => blob % 3 === 0);
    // All of it, or this would never end.
    expect(await harness.run(store.rewrite(10_000_000))).toBeGreaterThan(0);
    const { segments } = store.status();
    let reads = 0;
    harness.machine.volume.faults.intercept = (operation) => void (operation === "read" && reads++);
    expect(await harness.run(store.rewrite(10_000_000))).toBe(0);
    expect(reads).toBe(0);
    // Its segment is looked at again when something about it changes.
    harness.machine.volume.faults.intercept = undefined;
    await harness.run(store.unlink([blobIdOf(0)]));
    expect(store.status().segments).toBeLessThan(segments);
  });

  test("the signal ends it", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    const stopping = AbortSignal.abort(new Error("the node stops"));
    expect(await harness.run(store.rewrite(10_000_000, stopping))).toBe(0);
  });

  test("one that lies on bad sectors does not keep the others from going; it is tried again after a while", async () => {
    const bad = harness.segments()[0]!;
    let tries = 0;
    harness.machine.volume.faults.intercept = (operation, path) => {
      if (operation !== "read" || !path.endsWith(bad)) return undefined;
      tries++;
      return "io";
    };
    // The bad one is the deadest of them, and dead ones come after it.
    await unlinkAllBut((blob) => (blob < 7 ? blob === 0 : blob >= 21 || blob % 3 === 0));
    await harness.run(store.rewrite(10_000_000));
    expect(store.status().deadBytes).toBeLessThan(8 * LENGTH);
    tries = 0;
    await harness.run(store.rewrite(10_000_000));
    expect(tries).toBe(0);
    await harness.simulation.runFor(11 * 60_000);
    await expect(harness.run(store.rewrite(10_000_000))).rejects.toMatchObject({ code: "io" });
    expect(tries).toBeGreaterThan(0);
    harness.machine.volume.faults.intercept = undefined;
    await harness.simulation.runFor(11 * 60_000);
    expect(await harness.run(store.rewrite(10_000_000))).toBe(LENGTH);
  });

  test("a dead one that lies on bad sectors does not keep the others from being removed", async () => {
    const [bad] = harness.segments();
    harness.machine.volume.faults.intercept = (operation, path) =>
      operation === "read" && path.endsWith(bad!) ? "io" : undefined;
    await unlinkAllBut(() => false);
    await harness.run(store.unlink([blobIdOf(999)]));
    // The bad one, those that a rule keeps while it is there, and the open one.
    expect(harness.segments().length).toBeLessThanOrEqual(3);
    harness.machine.volume.faults.intercept = undefined;
    await harness.simulation.runFor(11 * 60_000);
    await harness.run(store.unlink([blobIdOf(999)]));
    expect(harness.segments()).not.toContain(bad);
  });

  test("segments that are mostly alive are left alone", async () => {
    await unlinkAllBut((blob) => blob % 4 !== 0);
    expect(await harness.run(store.rewrite(10_000_000))).toBe(0);
  });
});
