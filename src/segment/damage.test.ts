/** Damaged bytes, damaged files and failing disks: never served, never acknowledged, and never the end of the rest. */

import { describe, expect, test } from "vitest";
import { toHex } from "../base/index.ts";
import type { DiskErrorCode } from "../platform/index.ts";
import type { DiskOperation } from "../platform/sim/index.ts";
import { SegmentError } from "./errors.ts";
import { chunkKey } from "./index-rows.ts";
import type { SegmentStore } from "./ports.ts";
import { chunkHeaderBytes } from "./record.ts";
import {
  blobIdOf,
  bytesOf,
  chunkOf,
  expectBytes,
  SEGMENTS,
  SMALL,
  StoreHarness,
  TEST_DIRECTORY,
} from "./testing/harness.ts";

const FIRST_RECORD = 4096;
const FIRST = `${SEGMENTS}/0000000000000001.seg`;

function address(blob: number, chunkIndex = 0) {
  return { blobId: blobIdOf(blob), chunkIndex };
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof SegmentError ? error.code : `not a SegmentError: ${error}`),
  );
}

async function expectChunk(
  harness: StoreHarness,
  store: SegmentStore,
  blob: number,
  length: number,
): Promise<void> {
  const { pieces } = await harness.run(store.read(address(blob), 0, length));
  expectBytes(pieces, bytesOf(blob, 0, length), `blob ${blob}`);
}

async function loseIndex(harness: StoreHarness): Promise<void> {
  const { disk } = harness.boot.platform;
  await harness.run(disk.removeTree(`${TEST_DIRECTORY}/index`));
  await harness.run(disk.syncDirectory(TEST_DIRECTORY));
}

function fail(harness: StoreHarness, code: DiskErrorCode | undefined, ...operations: DiskOperation[]): void {
  const { faults } = harness.machine.volume;
  faults.intercept = (operation, path) =>
    code !== undefined && operations.includes(operation) && path.startsWith(SEGMENTS) ? code : undefined;
}

describe("a flipped bit", () => {
  const LENGTH = 200_000;

  test("in a block: that block is never served, the others are until the copy is known to be bad", async () => {
    const harness = new StoreHarness("bit in block", {});
    const store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    await harness.run(store.append(chunkOf(2, 0, LENGTH)));
    harness.machine.volume.flipBit(FIRST, FIRST_RECORD + chunkHeaderBytes(LENGTH) + 100_000);
    expectBytes(
      (await harness.run(store.read(address(1), 0, 65_536))).pieces,
      bytesOf(1, 0, LENGTH).subarray(0, 65_536),
    );
    expect(await harness.run(codeOf(store.read(address(1), 100_001, 1)))).toBe("damaged");
    expect(await harness.run(codeOf(store.readBlocks(address(1), 0, LENGTH)))).toBe("damaged");
    expect(store.has(address(1))).toBe(false);
    expect(harness.damage).toEqual([{ kind: "chunk", address: address(1), segmentId: 1 }]);
    expect(store.status()).toMatchObject({ damaged: 1, writable: true });
    await expectChunk(harness, store, 2, LENGTH);
    expect(await harness.inventory(store)).toEqual([{ ...address(2), length: LENGTH }]);
  });

  test("is healed by the next append of the chunk, and stays healed when the index is lost", async () => {
    const harness = new StoreHarness("heal", {});
    let store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    harness.machine.volume.flipBit(FIRST, FIRST_RECORD + chunkHeaderBytes(LENGTH) + 5);
    expect(await harness.run(codeOf(store.read(address(1), 0, 1)))).toBe("damaged");
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    await expectChunk(harness, store, 1, LENGTH);
    expect(store.status()).toMatchObject({ liveBytes: LENGTH, deadBytes: LENGTH });
    await harness.run(store.close());
    await loseIndex(harness);
    store = await harness.open();
    await expectChunk(harness, store, 1, LENGTH);
    expect(store.status()).toMatchObject({ liveBytes: LENGTH, deadBytes: LENGTH });
    await harness.run(store.unlink([blobIdOf(1)]));
    await harness.simulation.runFor(3_600_000);
    expect(harness.segments()).toEqual([]);
  });

  test("in a record's header: the chunk is damaged, a retry stores it anew", async () => {
    const harness = new StoreHarness("bit in header", {});
    const store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    harness.machine.volume.flipBit(FIRST, FIRST_RECORD + 70);
    await harness.run(store.append(chunkOf(1, 0, LENGTH)));
    await expectChunk(harness, store, 1, LENGTH);
    expect(harness.damage).toHaveLength(1);
  });

  test("in the header of a record that was acknowledged last: damage, not a torn write", async () => {
    // Blobs of the last group: its last record, the one before that, both.
    const cases = [[4], [3], [3, 4]].flatMap((damaged) => [40, 56].map((at) => ({ damaged, at })));
    for (const { damaged, at } of cases) {
      const harness = new StoreHarness("bit in the last header");
      let store = await harness.open();
      for (const blob of [1, 2]) await harness.run(store.append(chunkOf(blob, 0, 3000)));
      await harness.run(Promise.all([3, 4].map((blob) => store.append(chunkOf(blob, 0, 3000)))));
      await harness.simulation.runFor(100);
      harness.crash("keep");
      const recordBytes = chunkHeaderBytes(3000) + 3000;
      const flip = (blob: number) =>
        harness.machine.volume.flipBit(FIRST, FIRST_RECORD + (blob - 1) * recordBytes + at);
      for (const blob of damaged) flip(blob);
      store = await harness.open();
      const found = damaged.map((blob) => ({ kind: "chunk", address: address(blob), segmentId: 1 }));
      expect(harness.damage).toEqual(found);
      for (const blob of [1, 2, 3, 4]) expect(store.has(address(blob))).toBe(!damaged.includes(blob));
      for (const blob of [...damaged, 5]) await harness.run(store.append(chunkOf(blob, 0, 3000)));
      for (const blob of [1, 2, 3, 4, 5]) await expectChunk(harness, store, blob, 3000);
      expect(store.status()).toMatchObject({ liveBytes: 5 * 3000, deadBytes: damaged.length * 3000 });
      harness.crash("drop");
      store = await harness.open();
      for (const blob of [1, 2, 3, 4, 5]) await expectChunk(harness, store, blob, 3000);
      expect(harness.damage).toEqual(found);
      await harness.run(store.unlink([1, 2, 3, 4, 5].map(blobIdOf)));
      await harness.simulation.runFor(60_000);
      expect(harness.segments()).toEqual([]);
    }
  });

  test("anywhere in a store, in any file: what is served is right", { timeout: 60_000 }, async () => {
    for (let run = 0; run < 60; run++) {
      const harness = new StoreHarness(`bit rot ${run}`);
      let store = await harness.open();
      for (let blob = 0; blob < 12; blob++) await harness.run(store.append(chunkOf(blob, 0, 9000)));
      await harness.run(store.unlink([blobIdOf(3), blobIdOf(7)]));
      await harness.run(store.close());
      const { prng } = harness.simulation;
      const segments = harness.machine.volume.files().filter(({ path }) => path.startsWith(SEGMENTS));
      const { path, sizeBytes } = segments[prng.below(segments.length)]!;
      harness.machine.volume.flipBit(path, prng.below(sizeBytes), prng.below(8));
      if (prng.chance(0.5)) await loseIndex(harness);
      store = await harness.open();
      let lost = 0;
      for (let blob = 0; blob < 12; blob++) {
        const reading = harness.run(store.read(address(blob), 0, 9000));
        const code = await codeOf(reading);
        if (code === "fulfilled") expectBytes((await reading).pieces, bytesOf(blob, 0, 9000));
        else if (blob !== 3 && blob !== 7) lost += 1;
        if (blob === 3 || blob === 7) expect(["not-found", "fulfilled"]).toContain(code);
      }
      // One bit costs one chunk at most, unless it made the only copy of a file's salt unreadable.
      if (harness.damage.every((damage) => damage.kind !== "region")) expect(lost).toBeLessThanOrEqual(1);
      await harness.run(store.close());
    }
  });
});

describe("a damaged file", () => {
  async function sealedStore(seed: string): Promise<StoreHarness> {
    const harness = new StoreHarness(seed);
    const store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await harness.run(store.append(chunkOf(blob, 0, 9000)));
    await harness.run(store.close());
    return harness;
  }

  test("a damaged footer is made again from the records", async () => {
    const harness = await sealedStore("footer");
    const size = harness.machine.volume.files().find(({ path }) => path === FIRST)!.sizeBytes;
    harness.machine.volume.flipBit(FIRST, size - 100);
    await loseIndex(harness);
    const store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await expectChunk(harness, store, blob, 9000);
    expect(harness.damage).toEqual([]);
  });

  test("a damaged header block of a sealed segment costs nothing, and is reported", async () => {
    const harness = await sealedStore("header block");
    harness.machine.volume.flipBit(FIRST, 20);
    await loseIndex(harness);
    const store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await expectChunk(harness, store, blob, 9000);
    expect(harness.damage).toEqual([{ kind: "region", segmentId: 1, offset: 0, lengthBytes: 4096 }]);
  });

  test("a missing segment is reported, the rest is served, and its chunks can be stored again", async () => {
    const harness = await sealedStore("missing");
    await harness.run(harness.boot.platform.disk.remove(FIRST));
    const store = await harness.open();
    expect(harness.damage).toEqual([{ kind: "segment", segmentId: 1, chunks: 6 }]);
    expect(await harness.run(codeOf(store.read(address(0), 0, 1)))).toBe("damaged");
    await expectChunk(harness, store, 11, 9000);
    await harness.run(store.append(chunkOf(0, 0, 9000)));
    await expectChunk(harness, store, 0, 9000);
  });

  test("a segment in another's place is put aside, not served", async () => {
    const harness = await sealedStore("swapped");
    const { disk } = harness.boot.platform;
    await harness.run(disk.rename(FIRST, `${SEGMENTS}/00000000000000ff.seg`));
    await loseIndex(harness);
    const store = await harness.open();
    expect(store.has(address(0))).toBe(false);
    await expectChunk(harness, store, 11, 9000);
    expect(harness.damage[0]).toMatchObject({ kind: "region", segmentId: 255 });
    await harness.run(store.append(chunkOf(0, 0, 9000)));
    await harness.run(store.close());
    expect(harness.segments()).toContain("00000000000000ff.seg");
    expect(harness.segments()).toContain("0000000000000100.seg");
  });

  test("another cluster's, node's or disk's directory is refused and left alone", async () => {
    const harness = await sealedStore("identity");
    const before = harness.machine.volume.files();
    for (const changed of [{ clusterId: "x" }, { incarnation: "x" }, { diskId: "x" }]) {
      const identity = { clusterId: "c1", incarnation: "i1", diskId: "d1", ...changed };
      expect(await codeOf(harness.open(identity))).toBe("wrong-identity");
    }
    await loseIndex(harness);
    expect(await codeOf(harness.open({ clusterId: "x", incarnation: "i1", diskId: "d1" }))).toBe(
      "wrong-identity",
    );
    expect(harness.machine.volume.files().filter(({ path }) => path.startsWith(SEGMENTS))).toEqual(
      before.filter(({ path }) => path.startsWith(SEGMENTS)),
    );
  });

  test("a second process is kept out", async () => {
    const harness = new StoreHarness("locked");
    await harness.open();
    const other = harness.machine.boot();
    const first = harness.boot;
    harness.boot = other;
    expect(await codeOf(harness.open())).toBe("locked");
    harness.boot = first;
  });

  test("an index that cannot be opened is made again", async () => {
    const harness = await sealedStore("index rot");
    harness.machine.volume.damageRow(`${TEST_DIRECTORY}/index`, "m/checkpoint");
    const store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await expectChunk(harness, store, blob, 9000);
  });

  test("a damaged row of the index costs its chunk until the store is opened again", async () => {
    const harness = await sealedStore("row rot");
    let store = await harness.open();
    harness.machine.volume.damageRow(`${TEST_DIRECTORY}/index`, chunkKey(toHex(blobIdOf(5)), 0));
    expect(await harness.run(codeOf(store.read(address(5), 0, 9000)))).toBe("io");
    expect(harness.damage).toEqual([{ kind: "index" }]);
    await expectChunk(harness, store, 6, 9000);
    for (let blob = 20; blob < 40; blob++) await harness.run(store.append(chunkOf(blob, 0, 9000)));
    expect(store.status().writable).toBe(true);
    await harness.run(store.close());
    store = await harness.open();
    for (const blob of [5, 6, 20, 39]) await expectChunk(harness, store, blob, 9000);
  });
});

describe("a disk that fails", () => {
  test.each<[DiskErrorCode, string]>([
    ["no-space", "no-space"],
    ["read-only", "read-only"],
    ["io", "io"],
  ])("write: %s refuses appends as %s, reads go on, and it recovers by itself", async (fault, code) => {
    const harness = new StoreHarness(`write ${fault}`);
    const store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, 9000)));
    fail(harness, fault, "write", "open");
    const together = [2, 3, 4].map((blob) => codeOf(store.append(chunkOf(blob, 0, 9000))));
    expect(await harness.run(Promise.all(together))).toEqual([code, code, code]);
    expect(await harness.run(codeOf(store.append(chunkOf(5, 0, 9000))))).toBe(code);
    expect(store.status()).toMatchObject({ writable: false, reason: expect.stringContaining(code) });
    await expectChunk(harness, store, 1, 9000);
    await harness.simulation.runFor(3000);
    expect(store.status().writable).toBe(false);
    fail(harness, undefined);
    await harness.simulation.runFor(3000);
    expect(store.status()).toMatchObject({ writable: true, reason: undefined });
    for (const blob of [2, 3, 4, 5]) await harness.run(store.append(chunkOf(blob, 0, 9000)));
    harness.crash("drop");
    const again = await harness.open();
    for (const blob of [1, 2, 3, 4, 5]) await expectChunk(harness, again, blob, 9000);
    expect(harness.damage).toEqual([]);
  });

  test("sync: nothing is acknowledged, and the segment is not appended to again", async () => {
    const harness = new StoreHarness("sync");
    const store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, 9000)));
    fail(harness, "io", "sync");
    expect(await harness.run(codeOf(store.append(chunkOf(2, 0, 9000))))).toBe("io");
    expect(store.has(address(2))).toBe(false);
    fail(harness, undefined);
    await harness.simulation.runFor(3000);
    await harness.run(store.append(chunkOf(2, 0, 9000)));
    await harness.run(store.append(chunkOf(3, 0, 9000)));
    expect(harness.segments()).toEqual(["0000000000000001.seg", "0000000000000002.seg"]);
    harness.crash("drop");
    const again = await harness.open();
    for (const blob of [1, 2, 3]) await expectChunk(harness, again, blob, 9000);
    expect(harness.damage).toEqual([]);
  });

  test.each(["remove", "sync-directory"] as const)(
    "%s of a dead segment: it is done again, and those behind it go too",
    async (operation) => {
      const harness = new StoreHarness(`removal ${operation}`);
      const store = await harness.open();
      for (let blob = 0; blob < 30; blob++) await harness.run(store.append(chunkOf(blob, 0, 9000)));
      const { faults } = harness.machine.volume;
      let failures = 0;
      faults.intercept = (asked, path) =>
        asked === operation && path.startsWith(SEGMENTS) && failures++ === 0 ? "io" : undefined;
      await harness.run(store.unlink(Array.from({ length: 30 }, (_, blob) => blobIdOf(blob))));
      expect(failures).toBe(1);
      await harness.simulation.runFor(20_000);
      await harness.run(store.unlink([blobIdOf(99)]));
      expect(harness.segments()).toEqual([]);
      expect(store.status()).toMatchObject({ segments: 0, deadBytes: 0 });
    },
  );

  test("a full disk: the reserve is kept, unlinks make room again", async () => {
    const harness = new StoreHarness("full", { ...SMALL, reserveBytes: 50_000 });
    harness.machine.volume.faults.capacityBytes = 600_000;
    const store = await harness.open();
    let stored = 0;
    while ((await harness.run(codeOf(store.append(chunkOf(stored, 0, 9000))))) === "fulfilled") stored += 1;
    expect(stored).toBeGreaterThan(40);
    expect(harness.machine.volume.usedBytes()).toBeLessThan(600_000 - 25_000);
    expect(store.status()).toMatchObject({
      writable: false,
      full: true,
      reason: expect.stringContaining("no-space"),
    });
    await expectChunk(harness, store, 0, 9000);
    await harness.run(store.unlink(Array.from({ length: 20 }, (_, blob) => blobIdOf(blob))));
    await harness.simulation.runFor(5000);
    expect(store.status()).toMatchObject({ writable: true, full: false });
    await harness.run(store.append(chunkOf(1000, 0, 9000)));
  });

  test("a read-only disk is opened for reading, with an index in memory", async () => {
    const harness = new StoreHarness("read-only");
    let store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await harness.run(store.append(chunkOf(blob, 0, 9000)));
    harness.crash("keep");
    harness.machine.volume.faults.isReadOnly = true;
    const files = harness.machine.volume.files();
    store = await harness.open();
    for (let blob = 0; blob < 12; blob++) await expectChunk(harness, store, blob, 9000);
    expect(store.status()).toMatchObject({ writable: false, reason: expect.stringContaining("read-only") });
    expect(await harness.run(codeOf(store.append(chunkOf(99, 0, 10))))).toBe("read-only");
    expect(await harness.run(codeOf(store.unlink([blobIdOf(1)])))).toBe("read-only");
    await harness.run(store.close());
    expect(harness.machine.volume.files()).toEqual(files);
    harness.machine.volume.faults.isReadOnly = false;
    store = await harness.open();
    expect(store.status().writable).toBe(true);
    for (let blob = 0; blob < 12; blob++) await expectChunk(harness, store, blob, 9000);
  });

  test("an unreadable sector is not served and not forgotten", async () => {
    const harness = new StoreHarness("unreadable");
    const store = await harness.open();
    await harness.run(store.append(chunkOf(1, 0, 9000)));
    fail(harness, "io", "read");
    expect(await harness.run(codeOf(store.read(address(1), 0, 9000)))).toBe("io");
    fail(harness, undefined);
    await expectChunk(harness, store, 1, 9000);
  });

  test("whatever fails and whenever: what was acknowledged is there afterwards", {
    timeout: 60_000,
  }, async () => {
    for (let run = 0; run < 40; run++) {
      const harness = new StoreHarness(`faults ${run}`);
      let store = await harness.open();
      const { faults } = harness.machine.volume;
      const acked = new Set<number>();
      let next = 0;
      for (let round = 0; round < 4; round++) {
        Object.assign(faults, { writeError: 0.1, syncError: 0.1 });
        const appends = Array.from({ length: 15 }, () => {
          const blob = next++;
          return store.append(chunkOf(blob, 0, 6000)).then(
            () => acked.add(blob),
            () => undefined,
          );
        });
        await harness.simulation.runFor(20);
        Object.assign(faults, { writeError: 0, syncError: 0 });
        await harness.simulation.runFor(3000);
        for (const append of appends) append.catch(() => undefined);
        if (round % 2 === 0) harness.crash("random");
        else harness.kill();
        store = await harness.open();
        for (const blob of acked) await expectChunk(harness, store, blob, 6000);
      }
    }
  });
});

describe("requests that make no sense", () => {
  test("are refused as invalid, or as a conflict with what is stored", async () => {
    const harness = new StoreHarness("invalid");
    const store = await harness.open();
    const good = chunkOf(1, 0, 100_000);
    for (const bad of [
      { ...good, blobId: new Uint8Array(15) },
      { ...good, chunkIndex: -1 },
      { ...good, chunkIndex: 2 ** 32 },
      { ...good, length: 0, pieces: [], blockChecksums: new Uint8Array(0) },
      { ...good, length: 5_000_000 },
      { ...good, length: 99_999 },
      { ...good, blockChecksums: good.blockChecksums.subarray(4) },
    ]) {
      expect(await harness.run(codeOf(store.append(bad)))).toBe("invalid");
    }
    const first = store.append(good);
    expect(await harness.run(codeOf(store.append({ ...chunkOf(2, 0, 100_000), blobId: good.blobId })))).toBe(
      "conflict",
    );
    await harness.run(first);
    expect(await harness.run(codeOf(store.append({ ...chunkOf(2, 0, 100_000), blobId: good.blobId })))).toBe(
      "conflict",
    );
    expect(await harness.run(codeOf(store.append(good)))).toBe("fulfilled");
    expect(store.status()).toMatchObject({ liveBytes: 100_000 });
    expect(await harness.run(codeOf(store.read(address(1), 99_999, 2)))).toBe("invalid");
    expect(await harness.run(codeOf(store.read(address(1), -1, 2)))).toBe("invalid");
    expect(await harness.run(codeOf(store.read(address(2), 0, 1)))).toBe("not-found");
  });

  test("more than the queue's limit is refused, not gathered", async () => {
    const harness = new StoreHarness("queue", { ...SMALL, maxQueuedBytes: 250_000 });
    const store = await harness.open();
    const appends = [1, 2, 3].map((blob) => codeOf(store.append(chunkOf(blob, 0, 100_000))));
    expect(await harness.run(Promise.all(appends))).toEqual(["fulfilled", "fulfilled", "overloaded"]);
    expect(await harness.run(codeOf(store.append(chunkOf(3, 0, 100_000))))).toBe("fulfilled");
  });
});
