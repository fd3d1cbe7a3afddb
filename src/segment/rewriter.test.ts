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

  test("a chunk that is unlinked while it is moved stays gone", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    await harness.run(Promise.all([store.rewrite(10_000_000), store.unlink([0, 3, 6, 9].map(blobIdOf))]));
    await expectKept((blob) => blob % 3 === 0 && blob > 9);
    harness.crash("random");
    store = await harness.open();
    await expectKept((blob) => blob % 3 === 0 && blob > 9);
  });

  test("segments that are mostly alive are left alone", async () => {
    await unlinkAllBut((blob) => blob % 4 !== 0);
    expect(await harness.run(store.rewrite(10_000_000))).toBe(0);
  });
});
