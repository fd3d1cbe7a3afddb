import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { concatBytes, createPrng, fromHex, type Prng, toHex } from "../../base/index.ts";
import type { Disk } from "../../platform/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { CHECKSUM_SEAL } from "../testing/checksum-seal.ts";
import { DiskCache, type DiskCacheOptions } from "./disk-cache.ts";
import { decodeTable, encodeEntry, encodeHead } from "./slab-format.ts";

const hasher = new PlainHasher();
const checksum = (bytes: Uint8Array) => hasher.crc32c(bytes);
/** As released versions write it. `UPDATE_GOLDEN=1` writes it: that takes a new version of the format. */
const GOLDEN = new URL("testdata/slab-v1.json", import.meta.url);
const DIRECTORY = "/cache";
const BLOCK_BYTES = 2_000;
const BLOBS = 6;
const BLOCKS = 5;

const seal = CHECKSUM_SEAL;

function blobId(blob: number): Uint8Array {
  return new Uint8Array(16).fill(blob + 1);
}

/** The one content that a block ever has. */
function content(blob: number, block: number): Uint8Array {
  const prng = createPrng(`${blob}/${block}`);
  return prng.bytes(prng.between(1, BLOCK_BYTES));
}

class World {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
  readonly prng: Prng;
  disk: Disk;
  cache!: DiskCache;

  constructor(seed: string) {
    this.simulation = new Simulation(seed);
    this.prng = createPrng(`${seed}-test`);
    this.machine = new SimMachine(this.simulation, "m");
    this.disk = this.machine.boot().platform.disk;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.complete(promise);
  }

  async open(options: Partial<DiskCacheOptions> = {}): Promise<void> {
    const opening = DiskCache.open({
      disk: this.disk,
      directory: DIRECTORY,
      budgetBytes: 30_000,
      pinnedBytes: 12_000,
      blockBytes: BLOCK_BYTES,
      slabSlots: 4,
      seal,
      checksum,
      ...options,
    });
    this.cache = await this.run(opening);
  }

  reboot(): void {
    this.machine.crash(this.prng.pick(["keep", "drop", "random", "misdirect"] as const));
    this.disk = this.machine.boot().platform.disk;
  }

  /** Puts and waits until it is written. */
  async put(blob: number, block: number): Promise<void> {
    this.cache.put(blobId(blob), block, content(blob, block));
    await this.run(this.cache.settled());
  }

  async get(blob: number, block: number): Promise<Uint8Array | undefined> {
    return this.run(this.cache.get(blobId(blob), block));
  }

  /** Blocks that are here; each must be what was put. */
  async held(): Promise<readonly string[]> {
    const held: string[] = [];
    for (let blob = 0; blob < BLOBS; blob++) {
      for (let block = 0; block < BLOCKS; block++) {
        const bytes = await this.get(blob, block);
        if (bytes === undefined) continue;
        expect(toHex(bytes)).toBe(toHex(content(blob, block)));
        held.push(`${blob}/${block}`);
      }
    }
    return held;
  }

  async bytesOnDisk(): Promise<number> {
    let bytes = 0;
    for (const { name } of await this.run(this.disk.list(DIRECTORY))) {
      const file = await this.run(this.disk.open(`${DIRECTORY}/${name}`, "read"));
      bytes += await this.run(file.sizeBytes());
      await this.run(file.close());
    }
    return bytes;
  }
}

describe.each(Array.from({ length: 40 }, (_, at) => `disk-cache-${at}`))("seed %s", (seed) => {
  test("whatever crashes, tears and fails: it serves what was put or nothing, within its budgets", async () => {
    const world = new World(seed);
    const { prng } = world;
    await world.open();
    for (let step = 0; step < 60; step++) {
      const [blob, block] = [prng.below(BLOBS), prng.below(BLOCKS)];
      const chance = prng.below(20);
      if (chance < 9) world.cache.put(blobId(blob), block, content(blob, block));
      else if (chance < 15) {
        const bytes = await world.get(blob, block);
        if (bytes !== undefined) expect(toHex(bytes)).toBe(toHex(content(blob, block)));
      } else if (chance < 17) {
        world.cache.pin([blobId(prng.below(BLOBS)), blobId(prng.below(BLOBS))]);
      } else if (chance < 18) {
        const { faults } = world.machine.volume;
        [faults.writeError, faults.readError] = prng.chance(0.5) ? [0.3, 0.2] : [0, 0];
      } else if (chance < 19) await world.run(world.cache.settled());
      else {
        // With writes under way.
        world.reboot();
        const { faults } = world.machine.volume;
        [faults.writeError, faults.readError] = [0, 0];
        await world.open();
      }
      expect(world.cache.counters().pinnedBytes).toBeLessThanOrEqual(12_000);
    }
    Object.assign(world.machine.volume.faults, { writeError: 0, readError: 0 });
    await world.run(world.cache.settled());
    await world.held();
    expect(await world.bytesOnDisk()).toBeLessThanOrEqual(42_000);
  });
});

test("what was written is there after a restart, and pins are taken up again", async () => {
  const world = new World("restart");
  await world.open();
  for (let block = 0; block < 3; block++) for (const blob of [0, 1]) await world.put(blob, block);
  const before = await world.held();
  await world.run(world.cache.close());
  world.machine.kill();
  world.disk = world.machine.boot().platform.disk;
  await world.open();
  expect(await world.held()).toEqual(before);
  expect(before).toHaveLength(6);
  world.cache.pin([blobId(1)]);
  expect(world.cache.counters().pinnedBytes).toBe(3 * (BLOCK_BYTES + 4));
});

test("what is pinned stays, whatever else is read", async () => {
  const world = new World("pins");
  await world.open();
  world.cache.pin([blobId(0)]);
  for (let block = 0; block < BLOCKS; block++) await world.put(0, block);
  for (let round = 0; round < 3; round++) {
    for (let blob = 1; blob < BLOBS; blob++) {
      for (let block = 0; block < BLOCKS; block++) await world.put(blob, block);
    }
  }
  const held = await world.held();
  expect(held.filter((name) => name.startsWith("0/"))).toHaveLength(BLOCKS);
  expect(world.cache.counters().evictions).toBeGreaterThan(0);
  // Without the pin they are like any other.
  world.cache.pin([]);
  expect(world.cache.counters().pinnedBytes).toBe(0);
  for (let round = 0; round < 3; round++) {
    for (let blob = 1; blob < BLOBS; blob++) {
      for (let block = 0; block < BLOCKS; block++) await world.put(blob, block);
    }
  }
  expect((await world.held()).filter((name) => name.startsWith("0/"))).toEqual([]);
});

test("a block that was changed on disk is not served, and forgotten", async () => {
  const world = new World("damage");
  await world.open();
  await world.put(2, 1);
  const path = `${DIRECTORY}/slab-000000`;
  const file = await world.run(world.disk.open(path, "read-write"));
  const size = await world.run(file.sizeBytes());
  await world.run(file.write(size - 10, [Uint8Array.of(1, 2, 3)]));
  expect(await world.get(2, 1)).toBeUndefined();
  expect(world.cache.has(blobId(2), 1)).toBe(false);
  expect(world.cache.counters().failures).toBe(1);
  await world.put(2, 1);
  expect(await world.held()).toEqual(["2/1"]);
});

test("files of another shape or version, and what is beyond a smaller budget, are removed at start; others are left alone", async () => {
  const world = new World("shape");
  await world.open();
  for (let block = 0; block < BLOCKS; block++) for (const blob of [0, 1]) await world.put(blob, block);
  const other = await world.run(world.disk.open(`${DIRECTORY}/of-somebody`, "create"));
  await world.run(other.write(0, [Uint8Array.of(1)]));
  await world.run(world.cache.close());
  await world.open({ budgetBytes: 8_500, pinnedBytes: 0 });
  expect(await world.bytesOnDisk()).toBeLessThanOrEqual(8_501);
  await world.run(world.cache.close());
  const head = await world.run(world.disk.open(`${DIRECTORY}/slab-000000`, "read-write"));
  await world.run(head.write(8, [Uint8Array.of(2)]));
  await world.open();
  expect(world.cache.counters().failures).toBe(1);
  expect(await world.held()).toEqual([]);
  expect((await world.run(world.disk.list(DIRECTORY))).map(({ name }) => name)).toEqual(["of-somebody"]);
});

test("a full disk takes nothing and breaks nothing", async () => {
  const world = new World("full");
  await world.open();
  await world.put(0, 0);
  world.machine.volume.faults.capacityBytes = (await world.bytesOnDisk()) + 100;
  await world.put(0, 1);
  expect(await world.held()).toEqual(["0/0"]);
  expect(world.cache.counters().failures).toBe(1);
  world.machine.volume.faults.capacityBytes = 2 ** 40;
  await world.put(0, 1);
  expect(await world.held()).toEqual(["0/0", "0/1"]);
});

test("head and table are those of format version 1", () => {
  const shape = { slots: 2, slotBytes: 100 };
  const entry = { blobId: blobId(6), block: 9, sealedBytes: 77 };
  const written = toHex(
    concatBytes([encodeHead(shape, checksum), encodeEntry(entry, checksum), new Uint8Array(32)]),
  );
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(GOLDEN, `${JSON.stringify(written)}\n`);
  const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as string;
  expect(written).toBe(golden);
  expect(decodeTable(fromHex(golden)!, shape, checksum)).toEqual([entry, undefined]);
});
