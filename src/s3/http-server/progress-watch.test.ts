import { beforeEach, describe, expect, it } from "vitest";
import type { Clock, Timers } from "../../platform/index.ts";
import { ProgressWatch } from "./progress-watch.ts";

let nowMs: number;
let pending: { readonly atMs: number; readonly action: () => void } | undefined;

const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
const timers: Timers = {
  endOfTurn: () => {
    throw new Error("not used here");
  },
  after: (delayMs, action) => {
    const timer = { atMs: nowMs + delayMs, action };
    pending = timer;
    return {
      cancel: () => {
        if (pending === timer) pending = undefined;
      },
    };
  },
  sleep: () => Promise.reject(new Error("nobody sleeps here")),
};

function pass(durationMs: number): void {
  const endMs = nowMs + durationMs;
  while (pending !== undefined && pending.atMs <= endMs) {
    nowMs = pending.atMs;
    const { action } = pending;
    pending = undefined;
    action();
  }
  nowMs = endMs;
}

describe("a client is cut off only for what it keeps us waiting", () => {
  let stalls: number;
  let watch: ProgressWatch;

  beforeEach(() => {
    nowMs = 0;
    pending = undefined;
    stalls = 0;
    watch = new ProgressWatch(clock, timers, { stallTimeoutMs: 800, minProgressBytes: 100 });
  });

  const transfer = () =>
    watch.transfer(() => {
      stalls += 1;
    });

  it("silence is a stall, once", () => {
    watch.begin(transfer());
    pass(799);
    expect(stalls).toBe(0);
    pass(200);
    expect(stalls).toBe(1);
    pass(10_000);
    expect(stalls).toBe(1);
    expect(pending).toBeUndefined();
  });

  it("our own time does not count", () => {
    const slow = transfer();
    for (let round = 0; round < 10; round += 1) {
      watch.begin(slow);
      pass(70);
      watch.end(slow, 1);
      pass(10_000);
    }
    expect(stalls).toBe(0);
  });

  it("progress forgets what was waited, drops do not", () => {
    const steady = transfer();
    for (let round = 0; round < 50; round += 1) {
      watch.begin(steady);
      pass(500);
      watch.end(steady, 100);
    }
    expect(stalls).toBe(0);
    const dripping = transfer();
    for (let round = 0; round < 50 && stalls === 0; round += 1) {
      watch.begin(dripping);
      pass(100);
      watch.end(dripping, 1);
    }
    expect(stalls).toBe(1);
  });

  it("leaves no timer behind", () => {
    watch.begin(transfer());
    watch.close();
    pass(10_000);
    expect([stalls, pending]).toEqual([0, undefined]);
  });
});
