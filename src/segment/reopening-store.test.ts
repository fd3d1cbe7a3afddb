import { describe, expect, test } from "vitest";
import { SegmentError } from "./errors.ts";
import { bytesOf, chunkOf, expectBytes, joined, SEGMENTS, StoreHarness } from "./testing/harness.ts";

const SIZE_BYTES = 9000;
const BLOBS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** A store with some chunks, whose process has been killed. */
async function killed(name: string): Promise<StoreHarness> {
  const harness = new StoreHarness(name);
  const store = await harness.open();
  for (const blob of BLOBS) await harness.run(store.append(chunkOf(blob, 0, SIZE_BYTES)));
  harness.kill();
  return harness;
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof SegmentError ? error.code : String(error)),
  );
}

async function expectAll(harness: StoreHarness, store: Awaited<ReturnType<StoreHarness["open"]>>) {
  for (const blob of BLOBS) {
    const address = { blobId: chunkOf(blob, 0, 1).blobId, chunkIndex: 0 };
    const { pieces } = await harness.run(store.read(address, 0, SIZE_BYTES));
    expectBytes([joined(pieces)], bytesOf(blob, 0, SIZE_BYTES));
  }
}

test("what arrives of a blob after it was deleted is refused; a copy that was discarded may come back", async () => {
  const harness = await killed("stragglers");
  const store = await harness.open();
  const [deleted, discarded] = [chunkOf(0, 0, SIZE_BYTES), chunkOf(1, 0, SIZE_BYTES)];
  await harness.run(store.unlink([deleted.blobId], { isFinal: true }));
  await harness.run(store.unlink([discarded.blobId]));
  expect(await harness.run(codeOf(store.append(deleted)))).toBe("invalid");
  expect(store.has(deleted)).toBe(false);
  expect(await harness.run(codeOf(store.append(discarded)))).toBe("fulfilled");
  expect(store.has(discarded)).toBe(true);
});

describe("a disk that refuses something while segments are recovered", () => {
  test.each(["sync", "write"] as const)(
    "%s: the store is read, and takes work again by itself once the disk is well",
    async (operation) => {
      const harness = await killed(`reopened after ${operation}`);
      const { faults } = harness.machine.volume;
      faults[`${operation}Error`] = 1;
      const store = await harness.open();
      expect(store.status().writable).toBe(false);
      await expectAll(harness, store);
      expect(await harness.run(codeOf(store.append(chunkOf(99, 0, 10))))).not.toBe("fulfilled");
      await harness.simulation.runFor(3000);
      expect(store.status().writable).toBe(false);
      faults[`${operation}Error`] = 0;
      await harness.simulation.runFor(3000);
      expect(store.status()).toMatchObject({ writable: true, reason: undefined });
      await expectAll(harness, store);
      await harness.run(store.append(chunkOf(99, 0, 10)));
      await harness.run(store.unlink([chunkOf(0, 0, 1).blobId]));
      expect(store.has({ blobId: chunkOf(0, 0, 1).blobId, chunkIndex: 0 })).toBe(false);
      harness.crash("drop");
      const again = await harness.open();
      expect(again.has({ blobId: chunkOf(99, 0, 1).blobId, chunkIndex: 0 })).toBe(true);
      expect(harness.damage).toEqual([]);
    },
  );

  test("a segment that cannot be read: what is not found is not called lost, and is there afterwards", async () => {
    const harness = await killed("unreadable while recovering");
    const { faults } = harness.machine.volume;
    faults.intercept = (operation, path) =>
      operation === "read" && path.endsWith(".seg") ? "io" : undefined;
    const store = await harness.open();
    const address = { blobId: chunkOf(9, 0, 1).blobId, chunkIndex: 0 };
    expect(() => store.has(address)).toThrow("not all segments could be recovered yet");
    expect(await harness.run(codeOf(store.read(address, 0, 10)))).toBe("io");
    expect(await harness.run(codeOf(harness.inventory(store)))).toBe("io");
    faults.intercept = undefined;
    await harness.simulation.runFor(3000);
    expect((await harness.inventory(store)).length).toBe(BLOBS.length);
    await expectAll(harness, store);
    expect(harness.damage).toEqual([]);
  });

  test("reads that are under way end before the store is opened again, and those that come meanwhile wait", async () => {
    const harness = await killed("read while reopened");
    const { faults } = harness.machine.volume;
    faults.syncError = 1;
    const store = await harness.open();
    faults.syncError = 0;
    faults.greatestLatencyMs = 200;
    let read = 0;
    for (let at = 0; at < 60; at++) {
      const address = { blobId: chunkOf(at % 10, 0, 1).blobId, chunkIndex: 0 };
      store.read(address, 0, SIZE_BYTES).then(
        () => read++,
        () => undefined,
      );
      await harness.simulation.runFor(50);
    }
    await harness.simulation.runFor(10_000);
    expect(store.status().writable).toBe(true);
    expect(read).toBe(60);
  });

  test("a store that cannot be opened again says why, and is tried again; closing it ends that", async () => {
    const harness = await killed("not even readable");
    const { faults } = harness.machine.volume;
    faults.syncError = 1;
    const store = await harness.open();
    faults.syncError = 0;
    faults.intercept = (operation, path) => (operation === "list" && path === SEGMENTS ? "io" : undefined);
    await harness.simulation.runFor(5000);
    expect(store.status()).toMatchObject({ writable: false, reason: expect.stringContaining("list") });
    const address = { blobId: chunkOf(1, 0, 1).blobId, chunkIndex: 0 };
    expect(await harness.run(codeOf(store.read(address, 0, 10)))).toBe("io");
    faults.intercept = undefined;
    await harness.simulation.runFor(5000);
    expect(store.status().writable).toBe(true);
    await expectAll(harness, store);
    await harness.run(store.close());
    expect(await harness.run(codeOf(store.append(chunkOf(99, 0, 10))))).toBe("closed");
  });
});
