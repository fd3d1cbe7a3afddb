import { beforeEach, expect, test } from "vitest";
import { Deferred } from "../base/index.ts";
import type { StoreChange } from "../platform/index.ts";
import { LiveStore } from "./live-store.ts";
import { MetaStateMachine } from "./machine.ts";
import {
  chunkedBlob,
  commitObject,
  deleteObjects,
  id,
  inlineBlob,
  readyReplica,
} from "./testing/commands.ts";
import { encodeCommand, Replica, testHasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

/** Counts reads, and holds writes back when a test wants it. */
class WatchedStore extends MemoryStore {
  reads = 0;
  hold: Deferred<void> | undefined;

  override get(key: string): Uint8Array | undefined {
    this.reads++;
    return super.get(key);
  }

  override async write(changes: readonly StoreChange[]): Promise<void> {
    await this.hold?.promise;
    await super.write(changes);
  }
}

let store: WatchedStore;
let machine: MetaStateMachine;

beforeEach(() => {
  store = new WatchedStore();
  const replica = readyReplica(new Replica(store));
  replica.run(commitObject("a", id(1), [inlineBlob(id(101), 4096)]));
  machine = new MetaStateMachine({
    nodeId: 1,
    store: new LiveStore(store),
    hasher: testHasher,
    snapshots: { install: () => Promise.reject(new Error("no snapshots here")) },
  });
});

const apply = (body: Parameters<typeof encodeCommand>[0]) => {
  const index = machine.view.appliedIndex() + 1;
  return machine.apply([
    { index, term: 1, type: "EntryNormal", timeMs: 1_000_000, data: encodeCommand(body) },
  ]);
};
const head = () => machine.view.object(1n, "a");
const readsOf = (action: () => unknown): number => {
  const before = store.reads;
  action();
  return store.reads - before;
};

test("what was read is not read again, until it is written", async () => {
  expect(head()?.versionId).toEqual(id(1));
  expect(machine.view.blob(id(101))?.inlineData).toHaveLength(4096);
  expect(readsOf(() => [head(), machine.view.blob(id(101))])).toBe(0);
  await apply(commitObject("a", id(2), [inlineBlob(id(102), 100)]));
  expect(head()?.versionId).toEqual(id(2));
  expect(machine.view.blob(id(101))).toBeUndefined();
  expect(machine.view.blob(id(102))?.inlineData).toHaveLength(100);
  await apply(deleteObjects("a"));
  expect(head()).toBeUndefined();
  expect(machine.view.blob(id(102))).toBeUndefined();
});

test("blobs of a few chunks are kept as long as they are there, those of many are looked up each time", async () => {
  await apply(commitObject("few", id(3), [chunkedBlob(id(103), 9 * 1024 * 1024)]));
  await apply(commitObject("many", id(4), [chunkedBlob(id(104), 100 * 1024 * 1024)]));
  expect(machine.view.blob(id(103))?.chunks).toHaveLength(3);
  expect(readsOf(() => machine.view.blob(id(103)))).toBe(0);
  expect(machine.view.blob(id(104))?.chunks).toHaveLength(25);
  expect(readsOf(() => machine.view.blob(id(104)))).toBe(1);
  await apply(deleteObjects("few"));
  await apply(commitObject("few", id(5), [inlineBlob(id(105), 10)]));
  expect(machine.view.blob(id(103))?.referenceCount).toBe(0n);
});

test("what is read while it is being written is read anew when that is done", async () => {
  expect(head()?.versionId).toEqual(id(1));
  store.hold = new Deferred();
  const applied = apply(commitObject("a", id(2), [inlineBlob(id(102), 100)]));
  // Some turns later the write is under way: the store still has the old row.
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(head()?.versionId).toEqual(id(1));
  store.hold.resolve();
  await applied;
  expect(head()?.versionId).toEqual(id(2));
});

test("bytes that have changed in memory are read again", () => {
  const blob = machine.view.blob(id(101));
  const bytes = blob?.inlineData.slice();
  const stored = store.all();
  // What the store gives may be a view of its own memory; the test damages only what is kept.
  expect(readsOf(() => machine.view.blob(id(101)))).toBe(0);
  blob!.inlineData[7]! ^= 1;
  expect(readsOf(() => machine.view.blob(id(101)))).toBe(1);
  blob!.inlineData[7]! ^= 1;
  expect(machine.view.blob(id(101))?.inlineData).toEqual(bytes);
  expect(store.all()).toEqual(stored);
});
