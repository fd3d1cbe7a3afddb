import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assert, InvariantViolation, unreachable } from "./assert.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import { Deferred } from "./deferred.ts";
import { Mutex } from "./mutex.ts";
import { WeightedSemaphore } from "./semaphore.ts";

describe("assert", () => {
  it("passes what holds and throws the invariant's name for what does not", () => {
    expect(() => assert(true, "one is one")).not.toThrow();
    expect(() => assert(false, "one is two")).toThrow(InvariantViolation);
    expect(() => assert(false, "one is two")).toThrow("invariant violated: one is two");
    expect(() => unreachable("x" as never)).toThrow(InvariantViolation);
  });
});

describe("BoundedQueue", () => {
  it("behaves as an array with a limit", () => {
    const command = fc.oneof(fc.nat(), fc.constantFrom("shift" as const, "peek" as const, "drain" as const));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(command, { maxLength: 200 }),
        (limit, commands) => {
          const queue = new BoundedQueue<number>(limit);
          const model: number[] = [];
          for (const step of commands) {
            if (step === "shift") expect(queue.shift()).toBe(model.shift());
            else if (step === "peek") expect(queue.peek()).toBe(model[0]);
            else if (step === "drain") expect(queue.drain()).toEqual(model.splice(0));
            else {
              const isTaken = model.length < limit;
              if (isTaken) model.push(step);
              expect(queue.push(step)).toBe(isTaken);
            }
            expect(queue.size).toBe(model.length);
            expect(queue.isFull).toBe(model.length === limit);
          }
        },
      ),
    );
  });

  it("refuses limits that are none", () => {
    for (const limit of [0, -1, 1.5]) {
      expect(() => new BoundedQueue(limit)).toThrow("a queue's limit is a positive whole number");
    }
  });
});

describe("Deferred", () => {
  it("settles once", async () => {
    const deferred = new Deferred<number>();
    expect(deferred.settled).toBe(false);
    deferred.resolve(1);
    deferred.reject(new Error("late"));
    expect(deferred.settled).toBe(true);
    expect(await deferred.promise).toBe(1);
  });
});

describe("WeightedSemaphore", () => {
  it("never gives more than its limit, and everyone gets a turn in order", async () => {
    const semaphore = new WeightedSemaphore(10);
    const order: number[] = [];
    const tasks = [4, 4, 4, 1, 10, 2].map(async (weight, index) => {
      const permit = await semaphore.acquire(weight);
      order.push(index);
      expect(semaphore.held).toBeLessThanOrEqual(10);
      await Promise.resolve();
      permit.release();
      permit.release();
    });
    await Promise.all(tasks);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect(semaphore.held).toBe(0);
  });

  it("a small weight does not overtake a large one that waits", async () => {
    const semaphore = new WeightedSemaphore(10);
    const first = await semaphore.acquire(6);
    const large = semaphore.acquire(10);
    expect(semaphore.tryAcquire(1)).toBeUndefined();
    expect(semaphore.waiting).toBe(1);
    first.release();
    (await large).release();
    expect(semaphore.tryAcquire(1)).toBeDefined();
  });

  it("who is aborted leaves, and lets those behind go on", async () => {
    const semaphore = new WeightedSemaphore(10);
    const first = await semaphore.acquire(6);
    const controller = new AbortController();
    const large = semaphore.acquire(10, controller.signal);
    const small = semaphore.acquire(2);
    const reason = new Error("gone");
    controller.abort(reason);
    await expect(large).rejects.toBe(reason);
    (await small).release();
    first.release();
    expect(semaphore.held).toBe(0);
    await expect(semaphore.acquire(1, controller.signal)).rejects.toBe(reason);
  });

  it("a permit that was granted in the turn of the abort is not lost", async () => {
    const semaphore = new WeightedSemaphore(1);
    const first = await semaphore.acquire(1);
    const controller = new AbortController();
    const second = semaphore.acquire(1, controller.signal);
    first.release();
    controller.abort();
    (await second).release();
    expect(semaphore.held).toBe(0);
  });

  it("refuses weights beyond the limit", async () => {
    await expect(new WeightedSemaphore(5).acquire(6)).rejects.toThrow(
      "a permit's weight is within the limit",
    );
  });
});

describe("Mutex", () => {
  it("lets one at a time in, also after one has failed", async () => {
    const mutex = new Mutex();
    let inside = 0;
    const enter = async (fails: boolean): Promise<void> => {
      expect(++inside).toBe(1);
      await Promise.resolve();
      inside--;
      if (fails) throw new Error("failed");
    };
    const runs = [true, false, true, false].map((fails) => mutex.run(() => enter(fails)));
    const results = await Promise.allSettled(runs);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
    expect(mutex.isLocked).toBe(false);
  });
});
