import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../base/index.ts";
import type { AcknowledgeUnlink } from "../../gen/skerry/meta/v1/commands_pb.js";
import { SILENT_LOGGER } from "../../observe/index.ts";
import { SearchError } from "../errors.ts";
import { CHECKSUM_SEAL } from "../testing/checksum-seal.ts";
import { MemoryOutsideStore } from "../testing/memory-outside-store.ts";
import { OutsideBlobs } from "./outside-blobs.ts";
import { outsideWorkers } from "./outside-workers.ts";

const HOUR_MS = 3_600_000;
const LIMIT_MS = 48 * HOUR_MS;
const { signal } = new AbortController();

class DeadStore extends MemoryOutsideStore {
  override delete(): Promise<void> {
    return Promise.reject(new SearchError("unavailable", "nobody answers"));
  }

  override list(): Promise<never> {
    return Promise.reject(new SearchError("unavailable", "nobody answers"));
  }
}

/** A name that was begun at a time. */
function nameAt(timeMs: number, number: number): string {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(timeMs / 2 ** 32));
  view.setUint32(2, timeMs % 2 ** 32);
  view.setUint32(12, number);
  return toHex(bytes);
}

function begin(stores: readonly MemoryOutsideStore[]) {
  const world = {
    nowMs: 100 * HOUR_MS,
    /** Names to the numbers of their stores. */
    rows: new Map<string, bigint>(),
    orders: [] as string[],
    /** What the metadata will have learned once somebody asks for all that was acknowledged. */
    lagging: new Map<string, bigint>(),
    isLeader: true,
  };
  const blobs = new OutsideBlobs({
    row: (storeId) =>
      ({ changedAtMs: storeId, location: { case: "directory", value: { path: `${storeId}` } } }) as never,
    open: ({ value }) => stores[Number((value as { path: string }).path) - 1]!,
    sealOf: () => CHECKSUM_SEAL,
    newBlobId: () => new Uint8Array(16),
    randomBytes: (length) => new Uint8Array(length),
    timers: { sleep: async () => undefined },
  });
  const [deletion, garbage] = outsideWorkers({
    blobs,
    view: {
      blob: (blobId) => {
        const searchStoreId = world.rows.get(toHex(blobId));
        return searchStoreId === undefined ? undefined : { searchStoreId };
      },
      unlinkOrders: async (_, limit, after) => {
        const behind = world.orders.filter((name) => after === undefined || name > toHex(after));
        return behind.slice(0, limit).map((name) => fromHex(name)!);
      },
      appliedTimeMs: () => world.nowMs,
      cluster: () => ({ searchStoreCount: BigInt(stores.length) }),
    },
    barrier: async () => {
      for (const [name, storeId] of world.lagging) world.rows.set(name, storeId);
    },
    acknowledge: async ({ blobIds }: AcknowledgeUnlink) => {
      const done = new Set(blobIds.map(toHex));
      world.orders = world.orders.filter((name) => !done.has(name));
      for (const name of done) world.rows.delete(name);
    },
    isLeader: () => world.isLeader,
    maxWriteMs: LIMIT_MS,
    logger: SILENT_LOGGER,
  });
  return { world, deletion: deletion!, garbage: garbage! };
}

describe("deleting", () => {
  test("a store that does not answer keeps its orders, and nobody else waiting", async () => {
    const alive = new MemoryOutsideStore();
    const { world, deletion } = begin([new DeadStore(), alive]);
    const names = Array.from({ length: 6 }, (_, at) => nameAt(HOUR_MS, at));
    for (const [at, name] of names.entries()) {
      world.rows.set(name, BigInt(1 + (at % 2)));
      if (at % 2 === 1) await alive.putIfAbsent(name, new Uint8Array(3));
    }
    world.orders = [...names];
    await expect(deletion.runUnit(signal)).rejects.toThrow("nobody answers");
    expect(alive.objects.size).toBe(0);
    expect(world.orders).toEqual(names.filter((_, at) => at % 2 === 0));
  });

  test("goes on behind pages of orders that cannot be carried out, and comes back to them", async () => {
    const dead = new DeadStore();
    const { world, deletion } = begin([dead, new MemoryOutsideStore()]);
    const names = Array.from({ length: 202 }, (_, at) => nameAt(HOUR_MS, at));
    for (const [at, name] of names.entries()) world.rows.set(name, at < 200 ? 1n : 2n);
    world.orders = [...names];
    await expect(deletion.runUnit(signal)).rejects.toThrow("nobody answers");
    await expect(deletion.runUnit(signal)).rejects.toThrow("nobody answers");
    expect(await deletion.runUnit(signal)).toBe("idle");
    expect(world.orders).toEqual(names.slice(0, 200));
    dead.delete = async () => undefined;
    for (const _ of [1, 2, 3]) await deletion.runUnit(signal);
    expect(world.orders).toEqual([]);
  });

  test("is for the leader, a page at a time", async () => {
    const { world, deletion } = begin([new MemoryOutsideStore()]);
    world.orders = Array.from({ length: 150 }, (_, at) => nameAt(HOUR_MS, at));
    for (const name of world.orders) world.rows.set(name, 1n);
    world.isLeader = false;
    expect(await deletion.runUnit(signal)).toBe("idle");
    expect(world.orders).toHaveLength(150);
    world.isLeader = true;
    expect([await deletion.runUnit(signal), await deletion.runUnit(signal)]).toEqual(["more", "idle"]);
    expect(world.orders).toEqual([]);
  });
});

describe("garbage", () => {
  test("is what is too old to be committed and unknown to the newest metadata", async () => {
    const store = new MemoryOutsideStore();
    const { world, garbage } = begin([new DeadStore(), store]);
    const old = world.nowMs - LIMIT_MS;
    const [known, late, justNot, unknown, future] = [
      nameAt(old - 2, 1),
      nameAt(old - 2, 2),
      nameAt(old, 3),
      nameAt(old - 1, 4),
      nameAt(world.nowMs + HOUR_MS, 5),
    ];
    for (const name of [known, late, justNot, unknown, future])
      await store.putIfAbsent(name, new Uint8Array(3));
    world.rows.set(known, 2n);
    world.lagging.set(late, 2n);
    for (let units = 0; units < 10; units++) if ((await garbage.runUnit(signal)) === "idle") break;
    expect([...store.objects.keys()].sort()).toEqual([known, late, justNot, future].sort());
  });
});
