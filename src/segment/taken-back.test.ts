/** Groups whose sync failed were taken back, and may be on the disk all the same after a power loss, beside what was stored in their place. */

import { describe, expect, test } from "vitest";
import type { SegmentStore } from "./ports.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, StoreHarness, TEST_DIRECTORY } from "./testing/harness.ts";

const LENGTH = 9000;

/** What is done while the first sync of a segment fails, and its group stays on the disk. */
async function failing(harness: StoreHarness, action: () => Promise<unknown>): Promise<void> {
  let syncs = 0;
  harness.machine.volume.faults.intercept = (operation, path) => {
    if (!path.endsWith(".seg")) return undefined;
    return operation === "truncate" || (operation === "sync" && syncs++ === 0) ? "io" : undefined;
  };
  await expect(harness.run(action())).rejects.toMatchObject({ code: "io" });
  harness.machine.volume.faults.intercept = undefined;
  await harness.simulation.runFor(3000);
}

async function expectFigures(harness: StoreHarness, store: SegmentStore, blobs: readonly number[]) {
  const held = await harness.inventory(store);
  expect(held.map(({ blobId }) => blobId)).toEqual(blobs.map(blobIdOf));
  expect(store.status()).toMatchObject({ liveBytes: blobs.length * LENGTH, writable: true });
  for (const blob of blobs) {
    const { pieces } = await harness.run(store.read({ blobId: blobIdOf(blob), chunkIndex: 0 }, 0, LENGTH));
    expectBytes(pieces, bytesOf(blob, 0, LENGTH));
  }
}

async function reopened(harness: StoreHarness, store: SegmentStore, isIndexLost: boolean) {
  await harness.run(store.close());
  harness.kill();
  if (isIndexLost) await harness.run(harness.boot.platform.disk.removeTree(`${TEST_DIRECTORY}/index`));
  return harness.open();
}

/** Whatever is unlinked gives its space back, and stays away. */
async function expectDrained(harness: StoreHarness, store: SegmentStore, blobs: readonly number[]) {
  await harness.run(store.unlink(blobs.map(blobIdOf)));
  for (let i = 0; i < 3; i++) {
    // A segment is sealed, and a checkpoint written.
    await harness.run(store.append(chunkOf(50 + i, 0, LENGTH)));
    await harness.run(store.unlink([blobIdOf(50 + i)]));
    await harness.simulation.runFor(20_000);
  }
  expect(harness.segments()).toEqual([]);
  expect(store.status()).toMatchObject({ liveBytes: 0, deadBytes: 0 });
  await expectFigures(harness, await reopened(harness, store, true), []);
}

describe.each([false, true])("after a power loss (index lost: %s)", (isIndexLost) => {
  test("a chunk that was stored anew counts once", async () => {
    const harness = new StoreHarness("chunk taken back");
    let store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    await failing(harness, () => store.append(chunkOf(2, 0, LENGTH)));
    await harness.run(store.append(chunkOf(2, 0, LENGTH)));
    harness.crash("keep");
    store = await harness.open();
    if (isIndexLost) store = await reopened(harness, store, true);
    await expectFigures(harness, store, [1, 2]);
    store = await reopened(harness, store, isIndexLost);
    await expectFigures(harness, store, [1, 2]);
    await expectDrained(harness, store, [1, 2]);
    expect(harness.damage).toEqual([]);
  });

  test("a chunk that was given up and unlinked, and one that was moved, count once", async () => {
    const harness = new StoreHarness("move taken back");
    let store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await harness.run(store.append(chunkOf(blob, 0, LENGTH)));
    await harness.run(store.unlink([1, 2, 3, 4].map(blobIdOf)));
    await failing(harness, () => store.rewrite(2 * LENGTH));
    expect(await harness.run(store.rewrite(2 * LENGTH))).toBe(2 * LENGTH);
    harness.crash("keep");
    store = await harness.open();
    if (isIndexLost) store = await reopened(harness, store, true);
    await expectFigures(harness, store, [0, 5, 6, 7, 8, 9, 10, 11]);
    await harness.run(store.unlink([blobIdOf(0)]));
    await expectFigures(harness, store, [5, 6, 7, 8, 9, 10, 11]);
    store = await reopened(harness, store, isIndexLost);
    await expectFigures(harness, store, [5, 6, 7, 8, 9, 10, 11]);
    await expectDrained(harness, store, [5, 6, 7, 8, 9, 10, 11]);
    expect(harness.damage).toEqual([]);
  });

  test("an unlink that was tried again: nothing of the blob is left", async () => {
    const harness = new StoreHarness("tombstone taken back");
    let store = await harness.open();
    for (let blob = 0; blob < 4; blob++) await harness.run(store.append(chunkOf(blob, 0, LENGTH)));
    await failing(harness, () => store.unlink([blobIdOf(1)]));
    await harness.run(store.unlink([blobIdOf(1)]));
    harness.crash("keep");
    store = await harness.open();
    if (isIndexLost) {
      store = await reopened(harness, store, true);
      await expectFigures(harness, store, [0, 2, 3]);
    }
    expect((await harness.inventory(store)).length).toBe(3);
    await expectDrained(harness, store, [0, 2, 3]);
    expect(harness.damage).toEqual([]);
  });
});
