import { expect, test } from "vitest";
import { Deferred } from "../base/index.ts";
import { LiveStore } from "./live-store.ts";
import { MemoryStore } from "./testing/memory-store.ts";

test("a store that was replaced is given up when its last reader is done", async () => {
  const [old, next] = [new MemoryStore(), new MemoryStore(new Map([["k", new Uint8Array([2])]]))];
  const live = new LiveStore(old);
  const gate = new Deferred<void>();
  const reading = live.use(async (store) => {
    await gate.promise;
    return store;
  });
  const view = live.snapshot();
  const retired: unknown[] = [];
  live.replace(next, async (store) => {
    retired.push(store);
  });
  expect(live.get("k")).toEqual(new Uint8Array([2]));
  expect(view.get("k")).toBeUndefined();
  gate.resolve();
  expect(await reading).toBe(old);
  expect(retired).toEqual([]);
  await view.close();
  await view.close();
  expect(retired).toEqual([old]);
  await live.close();
});

test("a store without readers is given up at once", () => {
  const live = new LiveStore(new MemoryStore());
  let isRetired = false;
  live.replace(new MemoryStore(), async () => {
    isRetired = true;
  });
  expect(isRetired).toBe(true);
});
