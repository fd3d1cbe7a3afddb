import { beforeEach, describe, expect, it } from "vitest";
import { ProgressWatch } from "./progress-watch.ts";
import { ManualTime } from "./testing/manual-time.ts";

describe("a client is cut off only for what it keeps us waiting", () => {
  let time: ManualTime;
  let stalls: number;
  let watch: ProgressWatch;

  beforeEach(() => {
    time = new ManualTime();
    stalls = 0;
    watch = new ProgressWatch(time.clock, time.timers, { stallTimeoutMs: 800, minProgressBytes: 100 });
  });

  const transfer = () =>
    watch.transfer(() => {
      stalls += 1;
    });

  it("silence is a stall, once", () => {
    watch.begin(transfer());
    time.pass(799);
    expect(stalls).toBe(0);
    time.pass(200);
    expect(stalls).toBe(1);
    time.pass(10_000);
    expect(stalls).toBe(1);
    expect(time.pending).toBe(0);
  });

  it("our own time does not count", () => {
    const slow = transfer();
    for (let round = 0; round < 10; round += 1) {
      watch.begin(slow);
      time.pass(70);
      watch.end(slow, 1);
      time.pass(10_000);
    }
    expect(stalls).toBe(0);
  });

  it("progress forgets what was waited, drops do not", () => {
    const steady = transfer();
    for (let round = 0; round < 50; round += 1) {
      watch.begin(steady);
      time.pass(500);
      watch.end(steady, 100);
    }
    expect(stalls).toBe(0);
    const dripping = transfer();
    for (let round = 0; round < 50 && stalls === 0; round += 1) {
      watch.begin(dripping);
      time.pass(100);
      watch.end(dripping, 1);
    }
    expect(stalls).toBe(1);
  });

  it("leaves no timer behind", () => {
    watch.begin(transfer());
    watch.close();
    time.pass(10_000);
    expect([stalls, time.pending]).toEqual([0, 0]);
  });
});
