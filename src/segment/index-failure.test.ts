/** A chunk index that could not be written: the store reads on, takes nothing, and is opened again by itself; nothing that was acknowledged is lost. */

import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import type { DiskErrorCode } from "../platform/index.ts";
import type { DiskOperation } from "../platform/sim/index.ts";
import { SegmentError } from "./errors.ts";
import type { SegmentStore } from "./ports.ts";
import {
  blobIdOf,
  bytesOf,
  chunkOf,
  expectBytes,
  SMALL,
  StoreHarness,
  TEST_DIRECTORY,
} from "./testing/harness.ts";

const LENGTH = 9000;
const INDEX = `${TEST_DIRECTORY}/index`;
const SEED = process.env["SKERRY_TEST_SEED"] ?? "index failure";

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof SegmentError ? error.code : `not a SegmentError: ${error}`),
  );
}

function addressOf(blob: number) {
  return { blobId: blobIdOf(blob), chunkIndex: 0 };
}

function appendTo(harness: StoreHarness, store: SegmentStore, blob: number): Promise<string> {
  return harness.run(codeOf(store.append(chunkOf(blob, 0, LENGTH))));
}

/** The index refuses these operations with `code`; how often it was asked. */
function failIndex(harness: StoreHarness, code: DiskErrorCode, ...operations: DiskOperation[]) {
  const asked = { count: 0 };
  harness.machine.volume.faults.intercept = (operation, path) => {
    if (!operations.includes(operation) || path !== INDEX) return undefined;
    asked.count += 1;
    return code;
  };
  return asked;
}

function heal(harness: StoreHarness): void {
  harness.machine.volume.faults.intercept = undefined;
}

async function expectStored(
  harness: StoreHarness,
  store: SegmentStore,
  blobs: Iterable<number>,
): Promise<void> {
  for (const blob of blobs) {
    const { pieces } = await harness.run(store.read(addressOf(blob), 0, LENGTH));
    expectBytes(pieces, bytesOf(blob, 0, LENGTH), `blob ${blob}`);
  }
}

/** Until the index has met the fault: the blobs that were acknowledged. */
async function appendUntilRefused(harness: StoreHarness, store: SegmentStore): Promise<Set<number>> {
  const acknowledged = new Set<number>();
  for (let blob = 100; store.status().writable; blob++) {
    if ((await appendTo(harness, store, blob)) === "fulfilled") acknowledged.add(blob);
    await harness.simulation.runFor(1);
  }
  return acknowledged;
}

describe.each([
  ["no-space", 100],
  ["io", 1000],
  ["read-only", 1000],
] as const)("an index that refuses a write with %s", (code, probeMs) => {
  test("is opened again when the disk has been found well; until then the store reads on", async () => {
    const harness = new StoreHarness(`refused ${code}`);
    let store = await harness.open();
    for (let blob = 0; blob < 10; blob++) await appendTo(harness, store, blob);
    failIndex(harness, code, "store-write");
    const acknowledged = await appendUntilRefused(harness, store);
    // One write fails; the store that was opened before takes no other, well or not.
    heal(harness);
    expect(acknowledged.size).toBeGreaterThan(0);
    expect(store.status()).toMatchObject({ writable: false, full: code === "no-space" });
    expect(await appendTo(harness, store, 99)).toBe(code);
    expect(await harness.run(codeOf(store.unlink([blobIdOf(0)])))).toBe(code);
    expect(await harness.run(codeOf(harness.inventory(store)))).toMatch(code);
    const all = [...Array.from({ length: 10 }, (_, blob) => blob), ...acknowledged];
    await expectStored(harness, store, all);
    await harness.simulation.runFor(2 * probeMs);
    expect(store.status()).toMatchObject({ writable: true, reason: undefined });
    expect((await harness.inventory(store)).length).toBe(all.length);
    expect(await appendTo(harness, store, 99)).toBe("fulfilled");
    await expectStored(harness, store, [...all, 99]);
    await harness.run(store.unlink([blobIdOf(0)]));
    harness.crash("drop");
    store = await harness.open();
    await expectStored(harness, store, [...all.slice(1), 99]);
    expect(store.has(addressOf(0))).toBe(false);
    expect(harness.damage).toEqual([]);
  });

  test("for long: it is tried again as often as the disk is looked at, not more, and is read all the time", async () => {
    const harness = new StoreHarness(`refused for long ${code}`);
    const store = await harness.open();
    for (let blob = 0; blob < 10; blob++) await appendTo(harness, store, blob);
    const asked = failIndex(harness, code, "store-write");
    await appendUntilRefused(harness, store);
    for (let i = 0; i < 10; i++) {
      asked.count = 0;
      await harness.simulation.runFor(10 * probeMs);
      expect(asked.count).toBeGreaterThan(0);
      // Each time that it is opened one write is tried, the checkpoint.
      expect(asked.count).toBeLessThanOrEqual(10);
      await expectStored(harness, store, [0, 9]);
    }
    heal(harness);
    await harness.simulation.runFor(2 * probeMs);
    expect(store.status().writable).toBe(true);
  });

  test("when it has to be made again: it is kept in memory, and made again on the disk later", async () => {
    const harness = new StoreHarness(`reset refused ${code}`);
    let store = await harness.open();
    for (let blob = 0; blob < 10; blob++) await appendTo(harness, store, blob);
    await harness.run(store.close());
    harness.kill();
    await harness.run(harness.boot.platform.disk.removeTree(INDEX));
    failIndex(harness, code, "store-write");
    store = await harness.open();
    expect(store.status().writable).toBe(false);
    await expectStored(harness, store, [0, 5, 9]);
    expect((await harness.inventory(store)).length).toBe(10);
    heal(harness);
    await harness.simulation.runFor(2 * probeMs);
    expect(store.status().writable).toBe(true);
    await harness.run(store.close());
    harness.kill();
    store = await harness.open();
    expect((await harness.inventory(store)).length).toBe(10);
    expect(harness.damage).toEqual([]);
  });

  test("can be closed", async () => {
    const harness = new StoreHarness(`closed ${code}`);
    let store = await harness.open();
    failIndex(harness, code, "store-write");
    const acknowledged = await appendUntilRefused(harness, store);
    await harness.run(store.close());
    heal(harness);
    harness.kill();
    store = await harness.open();
    await expectStored(harness, store, acknowledged);
    expect(store.status().writable).toBe(true);
  });
});

test("an index that finds damage when it is written is made again from the segments, by itself", async () => {
  const harness = new StoreHarness("damage found by a write");
  const store = await harness.open();
  for (let blob = 0; blob < 10; blob++) await appendTo(harness, store, blob);
  // A store that is made again has it no more.
  let isDamaged = true;
  harness.machine.volume.faults.intercept = (operation, path) => {
    if (operation === "remove" && path.startsWith(INDEX)) isDamaged = false;
    return operation === "store-write" && isDamaged ? "damaged" : undefined;
  };
  const acknowledged = await appendUntilRefused(harness, store);
  await harness.simulation.runFor(2000);
  expect(store.status()).toMatchObject({ writable: true, damaged: 0 });
  expect(harness.damage).toEqual([{ kind: "index" }]);
  await expectStored(harness, store, [0, 9, ...acknowledged]);
  expect((await harness.inventory(store)).length).toBe(10 + acknowledged.size);
});

describe("on a disk that is full", () => {
  const SETTINGS = { ...SMALL, reserveBytes: 192 * 1024, reclaimBytes: 64 * 1024 };
  const KEPT = SETTINGS.reserveBytes - SETTINGS.reclaimBytes;

  async function full(seed: string): Promise<{ harness: StoreHarness; store: SegmentStore; stored: number }> {
    const harness = new StoreHarness(seed, SETTINGS);
    const { volume } = harness.machine;
    volume.faults.capacityBytes = 1_500_000;
    const store = await harness.open();
    let stored = 0;
    while ((await appendTo(harness, store, stored)) === "fulfilled") stored++;
    // Others take what was kept for them and all else.
    const { capacityBytes } = volume.faults;
    volume.faults.capacityBytes = volume.usedBytes();
    const asked = failIndex(harness, "no-space", "store-write");
    store.quarantine(addressOf(1));
    await harness.simulation.runFor(2000);
    expect(asked.count).toBe(1);
    heal(harness);
    volume.faults.capacityBytes = capacityBytes;
    return { harness, store, stored };
  }

  test("it is opened again with less space than chunks need, and unlinks make room again", async () => {
    const { harness, store, stored } = await full("full and refused");
    const { volume } = harness.machine;
    volume.faults.capacityBytes = volume.usedBytes() + SETTINGS.reserveBytes - 4096;
    await harness.simulation.runFor(2000);
    for (let blob = 0; blob < stored; blob++) {
      if (blob % 6 > 0) expect(await harness.run(codeOf(store.unlink([blobIdOf(blob)])))).toBe("fulfilled");
    }
    while ((await harness.run(store.rewrite(1_000_000))) > 0);
    await harness.simulation.runFor(1000);
    expect(store.status()).toMatchObject({ writable: true });
    expect(await appendTo(harness, store, 1000)).toBe("fulfilled");
    const kept = Array.from({ length: stored }, (_, blob) => blob).filter(
      (blob) => blob % 6 === 0 && blob > 0,
    );
    await expectStored(harness, store, kept);
  });

  test("it is left as it is while what is kept for others is all that is free", async () => {
    const { harness, store } = await full("fuller");
    const { volume } = harness.machine;
    volume.faults.capacityBytes = volume.usedBytes() + KEPT - 1000;
    const asked = { opens: 0 };
    volume.faults.intercept = (operation) => {
      if (operation === "store-open") asked.opens += 1;
      return undefined;
    };
    await harness.simulation.runFor(10_000);
    expect(asked.opens).toBe(0);
    await expectStored(harness, store, [2]);
    volume.faults.capacityBytes = volume.usedBytes() + KEPT;
    await harness.simulation.runFor(1000);
    expect(asked.opens).toBe(1);
    expect(await harness.run(codeOf(store.unlink([blobIdOf(1)])))).toBe("no-space");
  });
});

test(`whenever the index fails, and with a power loss behind it: acknowledged is there, unlinked is gone (SKERRY_TEST_SEED, seed ${SEED})`, {
  timeout: 60_000,
}, async () => {
  const prng = createPrng(SEED);
  for (let run = 0; run < 60; run++) {
    const harness = new StoreHarness(`${SEED}/${run}`);
    let store = await harness.open();
    const acknowledged = new Set<number>();
    const gone = new Set<number>();
    let left = 1 + prng.below(20);
    const code = prng.chance(0.5) ? "io" : "no-space";
    harness.machine.volume.faults.intercept = (operation) =>
      operation === "store-write" && --left === 0 ? code : undefined;
    for (let blob = 0; blob < 30; blob++) {
      if ((await appendTo(harness, store, blob)) === "fulfilled") acknowledged.add(blob);
      if (blob % 3 === 2) {
        acknowledged.delete(blob - 1);
        if ((await harness.run(codeOf(store.unlink([blobIdOf(blob - 1)])))) === "fulfilled")
          gone.add(blob - 1);
      }
      if (blob % 7 === 6) await harness.run(codeOf(store.rewrite(50_000)));
      if (prng.chance(0.2)) await harness.simulation.runFor(400);
    }
    if (prng.chance(0.5)) await harness.simulation.runFor(2000);
    harness.crash("random");
    store = await harness.open();
    await expectStored(harness, store, acknowledged);
    for (const blob of gone) expect(store.has(addressOf(blob)), `blob ${blob} of run ${run}`).toBe(false);
    expect(harness.damage).toEqual([]);
  }
});
