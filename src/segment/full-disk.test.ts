import { beforeEach, describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import type { SegmentStore } from "./ports.ts";
import { rewriteWorker } from "./rewrite-worker.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, SEGMENTS, SMALL, StoreHarness } from "./testing/harness.ts";

const LENGTH = 9000;
const CAPACITY = 1_500_000;
const SETTINGS = { ...SMALL, reserveBytes: 192 * 1024, reclaimBytes: 64 * 1024 };
/** Nothing of ours ever leaves less free than this: it is for others. */
const KEPT = SETTINGS.reserveBytes - SETTINGS.reclaimBytes;
const SEED = process.env["SKERRY_TEST_SEED"] ?? "full disk";

describe(`a disk that is full of half-dead segments (SKERRY_TEST_SEED, seed ${SEED})`, () => {
  let harness: StoreHarness;
  let store: SegmentStore;
  let stored: number;
  let leastFree: number;

  beforeEach(async () => {
    harness = new StoreHarness(SEED, SETTINGS);
    harness.machine.volume.faults.capacityBytes = CAPACITY;
    store = await harness.open();
    leastFree = CAPACITY;
    harness.machine.volume.faults.intercept = () => {
      leastFree = Math.min(leastFree, CAPACITY - harness.machine.volume.usedBytes());
      return undefined;
    };
    for (stored = 0; (await append(stored)) === "fulfilled"; stored++);
    expect(store.status()).toMatchObject({ full: true });
  });

  const append = (blob: number, length = LENGTH): Promise<string> =>
    harness.run(codeOf(store.append(chunkOf(blob, 0, length))));

  /** One after the other, as a worker gets its orders. */
  async function unlinkAllBut(kept: (blob: number) => boolean): Promise<void> {
    for (let blob = 0; blob < stored; blob++)
      if (!kept(blob)) await harness.run(store.unlink([blobIdOf(blob)]));
  }

  /** Until the worker of the node that has just been booted finds nothing more; the bytes that it moved. */
  async function work(): Promise<number> {
    let movedBytes = 0;
    const { clock, timers } = harness.boot.platform;
    const onMoved = (bytes: number): void => {
      movedBytes += bytes;
    };
    const worker = rewriteWorker({ store, clock, timers, bytesPerSecond: 1e9, onMoved });
    const { signal } = new AbortController();
    while ((await harness.run(worker.runUnit(signal))) === "more");
    return movedBytes;
  }

  async function expectKept(kept: (blob: number) => boolean): Promise<void> {
    for (let blob = 0; blob < stored; blob++) {
      const address = { blobId: blobIdOf(blob), chunkIndex: 0 };
      expect(store.has(address), `blob ${blob}`).toBe(kept(blob));
      if (!kept(blob)) continue;
      const { pieces } = await harness.run(store.read(address, 0, LENGTH));
      expectBytes(pieces, bytesOf(blob, 0, LENGTH), `blob ${blob}`);
    }
  }

  test("gets their space back out of its reserve, and takes chunks again by itself", async () => {
    const kept = (blob: number) => blob % 6 === 0;
    await unlinkAllBut(kept);
    expect(await append(1000)).toBe("no-space");
    expect(await work()).toBeGreaterThan(0);
    await harness.simulation.runFor(1000);
    expect(store.status()).toMatchObject({ writable: true, full: false });
    for (let blob = 1000; blob < 1050; blob++) expect(await append(blob)).toBe("fulfilled");
    expect(leastFree).toBeGreaterThanOrEqual(KEPT);
    await expectKept(kept);
    harness.crash("random");
    store = await harness.open();
    await expectKept(kept);
    expect(harness.damage).toEqual([]);
  });

  test("the same after a restart, though nobody has tried to append", async () => {
    const kept = (blob: number) => blob % 6 === 0;
    await unlinkAllBut(kept);
    await harness.run(store.close());
    harness.kill();
    store = await harness.open();
    expect(await work()).toBeGreaterThan(0);
    await harness.simulation.runFor(1000);
    expect(await append(1000)).toBe("fulfilled");
    expect(leastFree).toBeGreaterThanOrEqual(KEPT);
    await expectKept(kept);
  });

  test("takes the segment with the least alive first, and removes it before the next one", async () => {
    // Six chunks lie in a segment: of the fifth one is alive, of the others two.
    const kept = (blob: number) => (Math.floor(blob / 6) === 4 ? blob === 26 : blob % 3 === 0);
    await unlinkAllBut(kept);
    const before = harness.segments();
    expect(await harness.run(store.rewrite(1))).toBe(LENGTH);
    const gone = before.filter((name) => !harness.segments().includes(name));
    expect(gone).toEqual(["0000000000000005.seg"]);
  });

  test("begins with none that holds more than there is room for", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    const { volume } = harness.machine;
    const before = harness.segments();
    // Others have taken the rest: there is room for one chunk, and two are alive in each segment.
    volume.faults.capacityBytes = volume.usedBytes() + KEPT + 2 * LENGTH;
    expect(await work()).toBe(0);
    expect(harness.segments()).toEqual(before);
    volume.faults.capacityBytes = volume.usedBytes() + KEPT + 4 * LENGTH;
    expect(await work()).toBeGreaterThan(0);
    expect(harness.segments().length).toBeLessThan(before.length);
  });

  test("does not begin with one that stays for the sake of an older one", async () => {
    harness = new StoreHarness(SEED, SETTINGS);
    store = await harness.open();
    for (let blob = 0; blob < 30; blob++) {
      await append(blob);
      // The tombstone lies in the second segment, and the first is mostly alive.
      if (blob === 8) await harness.run(store.unlink([blobIdOf(0)]));
    }
    await harness.run(store.unlink([6, 7, 8, 9].map(blobIdOf)));
    const fill = async (): Promise<void> => {
      const { volume } = harness.machine;
      volume.faults.capacityBytes = volume.usedBytes() + SETTINGS.reserveBytes;
      await harness.simulation.runFor(2000);
      store.status();
      await harness.simulation.runFor(1);
      expect(await append(30)).toBe("no-space");
    };
    await fill();
    expect(await work()).toBe(0);
    await harness.run(store.unlink([1, 2, 3, 4, 5].map(blobIdOf)));
    expect(harness.segments()).not.toContain("0000000000000001.seg");
    await fill();
    expect(await work()).toBeGreaterThan(0);
    expect(harness.segments()).not.toContain("0000000000000002.seg");
  });

  test("tombstones leave room for moving: they are refused before the reserve is used up, and taken when there is space again", async () => {
    const { faults } = harness.machine.volume;
    const room = SETTINGS.reclaimBytes / 2;
    faults.capacityBytes = harness.machine.volume.usedBytes() + SETTINGS.reserveBytes - room + 1000;
    await harness.simulation.runFor(2000);
    const refused: number[] = [];
    for (let blob = 0; blob < stored; blob++) {
      if (blob % 2 === 0) continue;
      const code = await harness.run(codeOf(store.unlink([blobIdOf(blob)])));
      if (code !== "fulfilled") refused.push(blob);
    }
    expect(refused.length).toBeGreaterThan(stored / 4);
    expect(faults.capacityBytes - harness.machine.volume.usedBytes()).toBeGreaterThan(
      SETTINGS.reserveBytes - room - 5000,
    );
    // What is not here costs nothing.
    expect(await harness.run(codeOf(store.unlink([blobIdOf(5000)])))).toBe("fulfilled");
    for (const blob of refused) expect(store.has({ blobId: blobIdOf(blob), chunkIndex: 0 })).toBe(true);
    faults.capacityBytes = CAPACITY * 2;
    expect(await harness.run(codeOf(store.unlink(refused.map(blobIdOf))))).toBe("fulfilled");
    await expectKept((blob) => blob % 2 === 0);
  });

  test("one with a chunk that cannot be moved is left as it is: it would take room and give none back", async () => {
    await unlinkAllBut((blob) => blob % 3 === 0);
    const [first] = harness.segments();
    store.quarantine({ blobId: blobIdOf(0), chunkIndex: 0 });
    expect(await work()).toBeGreaterThan(0);
    const read = new Set<string>();
    harness.machine.volume.faults.intercept = (operation, path) => {
      if (operation === "read") read.add(path);
      return undefined;
    };
    await harness.run(store.read({ blobId: blobIdOf(3), chunkIndex: 0 }, 0, LENGTH));
    expect([...read]).toEqual([`${SEGMENTS}/${first}`]);
  });

  for (const fault of ["io", "read-only"] as const) {
    test(`a disk that fails with ${fault} is left alone`, async () => {
      await unlinkAllBut((blob) => blob % 6 === 0);
      harness.machine.volume.faults.capacityBytes = CAPACITY * 2;
      await harness.simulation.runFor(2000);
      harness.machine.volume.faults.intercept = (operation) => (operation === "write" ? fault : undefined);
      expect(await append(1000)).toBe(fault);
      let reads = 0;
      harness.machine.volume.faults.intercept = (operation) => {
        if (operation === "read") reads++;
        return operation === "write" ? fault : undefined;
      };
      expect(await work()).toBe(0);
      expect(await harness.run(store.rewrite(1_000_000))).toBe(0);
      expect(reads).toBe(0);
    });
  }

  test("a power loss at any time loses nothing and brings nothing back", { timeout: 60_000 }, async () => {
    const kept = (blob: number) => blob % 6 === 0;
    await unlinkAllBut(kept);
    const prng = createPrng(`${SEED}/crashes`);
    for (let round = 0; round < 25; round++) {
      store.rewrite(1_000_000).catch(() => undefined);
      await harness.simulation.runFor(prng.unit() * 4);
      harness.crash(prng.chance(0.5) ? "random" : "drop");
      store = await harness.open();
      await expectKept(kept);
    }
    await work();
    expect(await append(1000)).toBe("fulfilled");
    expect(leastFree).toBeGreaterThanOrEqual(KEPT);
    expect(harness.damage).toEqual([]);
  });
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "fulfilled",
    (error: { code: string }) => error.code,
  );
}
