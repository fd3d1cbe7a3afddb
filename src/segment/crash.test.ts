import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "../base/index.ts";
import { SegmentError } from "./errors.ts";
import type { SegmentStore } from "./ports.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, StoreHarness, TEST_DIRECTORY } from "./testing/harness.ts";

const BLOBS = 12;
const CHUNKS_PER_BLOB = 3;

/** What is known of a chunk from outside. Blob ids are never reused, so a chunk lives at most once. */
type Fate =
  | "unknown" // an append was begun and has not been acknowledged: it may be here or not
  | "stored" // acknowledged: must be readable
  | "maybe-gone" // an unlink was begun and not acknowledged
  | "gone"; // the unlink was acknowledged: must never come back

/** Runs random operations on a store, kills and crashes it, and checks after each opening that it holds what it must. */
class Torture {
  readonly harness: StoreHarness;
  readonly prng: Prng;
  readonly fates = new Map<string, Fate>();
  readonly lengths = new Map<string, number>();
  nextBlob = 0;
  rewritten = 0;
  store!: SegmentStore;

  constructor(seed: string) {
    this.harness = new StoreHarness(seed);
    this.prng = createPrng(`${seed}/torture`);
  }

  async round(): Promise<void> {
    this.store = await this.harness.open();
    await this.check();
    const operations = Array.from({ length: 1 + this.prng.below(12) }, () => this.operation());
    // Let some of them end, then stop in the middle of whatever is going on.
    await this.harness.simulation.runFor(this.prng.unit() * 10);
    await this.stop();
    for (const operation of operations) operation.catch(() => undefined);
  }

  async stop(): Promise<void> {
    const kind = this.prng.below(10);
    if (kind < 6) this.harness.crash("random");
    else if (kind === 6) this.harness.crash("drop");
    else if (kind === 7) this.harness.crash("keep");
    else if (kind === 8) this.harness.kill();
    else await this.harness.run(this.store.close());
    if (this.prng.chance(0.1)) await this.loseIndex();
  }

  async loseIndex(): Promise<void> {
    const { disk } = this.harness.boot.platform;
    await this.harness.run(disk.removeTree(`${TEST_DIRECTORY}/index`));
    await this.harness.run(disk.syncDirectory(TEST_DIRECTORY));
  }

  async operation(): Promise<void> {
    if (this.prng.chance(0.25)) return this.unlink();
    if (this.prng.chance(0.2)) return this.rewrite();
    return this.append();
  }

  async append(): Promise<void> {
    const retry = this.prng.chance(0.2);
    const blob = retry ? this.prng.below(this.nextBlob + 1) : this.newBlob();
    const chunkIndex = this.prng.below(CHUNKS_PER_BLOB);
    const key = `${blob}/${chunkIndex}`;
    const fate = this.fates.get(key);
    // An id is never used again after its blob was unlinked.
    if (this.isUnlinked(blob)) return;
    const length = this.lengths.get(key) ?? 1 + this.prng.below(this.prng.chance(0.2) ? 150_000 : 9000);
    this.lengths.set(key, length);
    if (fate === undefined) this.fates.set(key, "unknown");
    await this.store.append(chunkOf(blob, chunkIndex, length, this.prng));
    if (this.fates.get(key) === "unknown") this.fates.set(key, "stored");
  }

  async rewrite(): Promise<void> {
    this.rewritten += await this.store.rewrite(1 + this.prng.below(100_000));
  }

  newBlob(): number {
    if (this.prng.chance(0.6)) this.nextBlob += 1;
    return this.nextBlob;
  }

  isUnlinked(blob: number): boolean {
    for (let i = 0; i < CHUNKS_PER_BLOB; i++) {
      const fate = this.fates.get(`${blob}/${i}`);
      if (fate === "maybe-gone" || fate === "gone") return true;
    }
    return false;
  }

  async unlink(): Promise<void> {
    const blobs = Array.from({ length: 1 + this.prng.below(3) }, () =>
      Math.max(0, this.nextBlob - this.prng.below(BLOBS)),
    );
    const keys = blobs.flatMap((blob) => [0, 1, 2].map((i) => `${blob}/${i}`));
    for (const key of keys) {
      if (this.fates.get(key) !== "gone") this.fates.set(key, "maybe-gone");
    }
    await this.store.unlink(blobs.map(blobIdOf));
    for (const key of keys) this.fates.set(key, "gone");
  }

  async check(): Promise<void> {
    expect(this.store.status()).toMatchObject({ writable: true });
    const held = new Map<string, number>();
    await this.harness.run(
      (async () => {
        for await (const { blobId, chunkIndex, length } of this.store.inventory()) {
          held.set(`${new DataView(blobId.buffer, blobId.byteOffset).getUint32(12)}/${chunkIndex}`, length);
        }
      })(),
    );
    for (const [key, fate] of this.fates) {
      const [blob, chunkIndex] = key.split("/").map(Number) as [number, number];
      const address = { blobId: blobIdOf(blob), chunkIndex };
      const has = this.store.has(address);
      expect(held.has(key), key).toBe(has);
      if (fate === "stored") expect(has, `acknowledged chunk ${key}`).toBe(true);
      if (fate === "gone") expect(has, `unlinked chunk ${key}`).toBe(false);
      if (!has) {
        // What an interrupted unlink has done stays done.
        if (fate === "maybe-gone") this.fates.set(key, "gone");
        continue;
      }
      const length = this.lengths.get(key)!;
      const { pieces } = await this.harness.run(this.store.read(address, 0, length));
      expectBytes(pieces, bytesOf(blob, chunkIndex, length), key);
      if (fate === "unknown") this.fates.set(key, "stored");
    }
    expect(held.size).toBe([...this.fates.keys()].filter((key) => held.has(key)).length);
    expect(this.harness.damage).toEqual([]);
    const liveBytes = [...held.values()].reduce((sum, length) => sum + length, 0);
    expect(this.store.status()).toMatchObject({ liveBytes });
  }

  /** After everything was unlinked, everything on the disk goes too. */
  async drain(): Promise<void> {
    this.store = await this.harness.open();
    await this.check();
    const all = Array.from({ length: this.nextBlob + 1 }, (_, blob) => blobIdOf(blob));
    await this.harness.run(this.store.unlink(all));
    await this.harness.simulation.runFor(60_000);
    expect(this.store.status()).toMatchObject({ liveBytes: 0 });
    expect(this.harness.segments()).toEqual([]);
    expect(this.store.status()).toMatchObject({ segments: 0, deadBytes: 0 });
    await this.harness.run(this.store.close());
  }
}

describe("what was acknowledged survives, and what was unlinked stays gone", () => {
  const base = process.env["SKERRY_TEST_SEED"] ?? "segment";
  for (let run = 0; run < 12; run++) {
    const seed = `${base}-${run}`;
    test(`through kills, power losses and lost indexes (SKERRY_TEST_SEED, seed ${seed})`, async () => {
      const torture = new Torture(seed);
      for (let round = 0; round < 25; round++) await torture.round();
      await torture.drain();
    });
  }
});

describe("a power loss at every point of a history", () => {
  /** One fixed history that rotates, seals, unlinks and checkpoints. */
  async function history(store: SegmentStore, acked: Set<string>, gone: Set<string>): Promise<void> {
    for (let blob = 0; blob < 8; blob++) {
      const chunks = [0, 1].map((i) => chunkOf(blob, i, 7000 + blob));
      await Promise.all(
        chunks.map((chunk) => store.append(chunk).then(() => acked.add(`${blob}/${chunk.chunkIndex}`))),
      );
      if (blob % 3 === 2) {
        for (const i of [0, 1]) acked.delete(`${blob - 1}/${i}`);
        await store.unlink([blobIdOf(blob - 1)]);
        for (const i of [0, 1]) gone.add(`${blob - 1}/${i}`);
      }
    }
    for (const i of [0, 1]) acked.delete(`0/${i}`);
    await store.unlink([blobIdOf(0)]);
    for (const i of [0, 1]) gone.add(`0/${i}`);
    await store.rewrite(1_000_000);
    await store.close();
  }

  async function eventsOfHistory(): Promise<number> {
    const harness = new StoreHarness("history");
    const store = await harness.open();
    const before = harness.simulation.events;
    await harness.run(history(store, new Set(), new Set()));
    return harness.simulation.events - before;
  }

  for (const unsynced of ["keep", "drop", "random"] as const) {
    test(`${unsynced}: acknowledged chunks are there, unlinked ones are not`, async () => {
      const total = await eventsOfHistory();
      expect(total).toBeGreaterThan(40);
      for (let stopAt = 0; stopAt <= total; stopAt++) {
        const harness = new StoreHarness("history");
        const store = await harness.open();
        const acked = new Set<string>();
        const gone = new Set<string>();
        const running = history(store, acked, gone);
        running.catch(() => undefined);
        const until = harness.simulation.events + stopAt;
        await harness.simulation.runUntil(() => harness.simulation.events >= until, 60_000);
        harness.crash(unsynced);
        const again = await harness.open();
        for (const key of [...acked, ...gone]) {
          const [blob, chunkIndex] = key.split("/").map(Number) as [number, number];
          const address = { blobId: blobIdOf(blob), chunkIndex };
          expect(again.has(address), `${key} after event ${stopAt}`).toBe(acked.has(key));
          if (!acked.has(key)) continue;
          const { pieces } = await harness.run(again.read(address, 0, 7000 + blob));
          expectBytes(pieces, bytesOf(blob, chunkIndex, 7000 + blob), key);
        }
        expect(harness.damage).toEqual([]);
        await harness.run(again.close());
      }
    });
  }
});

test("a store that is closed refuses everything", async () => {
  const harness = new StoreHarness("closed");
  const store = await harness.open();
  await harness.run(store.close());
  await expect(store.append(chunkOf(1, 0, 10))).rejects.toThrow(SegmentError);
  await expect(store.read({ blobId: blobIdOf(1), chunkIndex: 0 }, 0, 1)).rejects.toMatchObject({
    code: "closed",
  });
  await expect(store.unlink([blobIdOf(1)])).rejects.toMatchObject({ code: "closed" });
});
