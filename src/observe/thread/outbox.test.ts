import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { Outbox } from "./outbox.ts";

/** An outbox, and what was posted: each message's items and how many were lost. */
function world(limits: { readonly maxItems: number; readonly maxGathered: number }) {
  const posted: { readonly items: readonly number[]; readonly lost: number }[] = [];
  const timers: (() => void)[] = [];
  const outbox = new Outbox<number>({
    ...limits,
    gather: (flush) => void timers.push(flush),
    post: (items, lost) => void posted.push({ items, lost }),
  });
  const pass = (): void => {
    for (const fire of timers.splice(0)) fire();
  };
  return { posted, timers, outbox, pass };
}

describe("an outbox", () => {
  it("makes one message of what comes within one gathering, and of no more than it may", () => {
    const { posted, outbox, pass } = world({ maxItems: 100, maxGathered: 3 });
    outbox.add(1);
    outbox.add(2);
    expect(posted).toEqual([]);
    pass();
    for (const item of [3, 4, 5, 6]) outbox.add(item);
    pass();
    pass();
    expect(posted.map(({ items }) => items)).toEqual([[1, 2], [3, 4, 5], [6]]);
  });

  it("does not let what the other side has not taken grow, and tells what was lost once it listens again", () => {
    const { posted, outbox, pass } = world({ maxItems: 4, maxGathered: 2 });
    for (let item = 0; item < 10; item++) outbox.add(item);
    pass();
    expect(posted).toEqual([
      { items: [0, 1], lost: 0 },
      { items: [2, 3], lost: 0 },
    ]);
    outbox.taken(2);
    pass();
    expect(posted).toHaveLength(2);
    outbox.taken(2);
    expect(posted.slice(2)).toEqual([{ items: [], lost: 6 }]);
  });

  it("has settled when the other side has taken everything", async () => {
    const { posted, outbox } = world({ maxItems: 100, maxGathered: 10 });
    await outbox.settle();
    outbox.add(1);
    let isSettled = false;
    const settled = outbox.settle().then(() => {
      isSettled = true;
    });
    await Promise.resolve();
    expect(posted).toEqual([{ items: [1], lost: 0 }]);
    expect(isSettled).toBe(false);
    outbox.taken(1);
    await settled;
    outbox.add(2);
    isSettled = false;
    const again = outbox.settle().then(() => {
      isSettled = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(isSettled).toBe(false);
    outbox.taken(1);
    await again;
  });

  it("tells of every item once or counts it as lost, in order, within its limits", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${seed}`);
    const prng = createPrng(seed);
    const limits = { maxItems: 20, maxGathered: 5 };
    const { posted, timers, outbox, pass } = world(limits);
    let added = 0;
    let taken = 0;
    const take = (): void => {
      const items = posted.slice(taken).flatMap((message) => message.items).length;
      taken = posted.length;
      if (items > 0) outbox.taken(items);
    };
    for (let step = 0; step < 3000; step++) {
      const what = prng.below(10);
      if (what < 7) outbox.add(added++);
      else if (what < 9) pass();
      else take();
      const underWay = posted.slice(taken).flatMap(({ items }) => items).length;
      expect(underWay, `seed ${seed}`).toBeLessThanOrEqual(limits.maxItems);
      expect(timers.length, `seed ${seed}`).toBeLessThanOrEqual(1);
    }
    for (let round = 0; round < 3; round++) {
      pass();
      take();
    }
    const told = posted.flatMap(({ items }) => items);
    const lost = posted.reduce((sum, message) => sum + message.lost, 0);
    expect(lost, `seed ${seed}`).toBeGreaterThan(0);
    expect(told.length + lost, `seed ${seed}`).toBe(added);
    expect(told, `seed ${seed}`).toEqual([...told].sort((a, b) => a - b));
    expect(Math.max(...posted.map(({ items }) => items.length)), `seed ${seed}`).toBe(limits.maxGathered);
  });
});
