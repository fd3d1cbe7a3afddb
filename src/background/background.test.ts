import { describe, expect, it } from "vitest";
import { assert, type InvariantViolation } from "../base/index.ts";
import { createMetrics, SILENT_LOGGER } from "../observe/index.ts";
import { SimMachine, Simulation } from "../platform/sim/index.ts";
import { backoffMs } from "./backoff.ts";
import { BackgroundRuntime, type Worker } from "./index.ts";

function start(seed = 1) {
  const simulation = new Simulation(seed);
  const { platform } = new SimMachine(simulation, "m").boot();
  const bugs: InvariantViolation[] = [];
  const metrics = createMetrics();
  const { clock, timers, random } = platform;
  const onBug = (violation: InvariantViolation): void => void bugs.push(violation);
  const runtime = new BackgroundRuntime({ clock, timers, random, logger: SILENT_LOGGER, metrics, onBug });
  /** A worker whose units take `unitMs` and are noted with the time at which they began. */
  const worker = (
    name: string,
    unit: (count: number) => "more" | "idle",
    unitMs = 10,
  ): Worker & { began: number[] } => {
    const began: number[] = [];
    let running = 0;
    return {
      name,
      idleMs: 1000,
      began,
      runUnit: async (signal) => {
        began.push(Math.round(clock.monotonicMs()));
        expect(++running).toBe(1);
        try {
          await timers.sleep(unitMs, signal);
          return unit(began.length);
        } finally {
          running--;
        }
      },
    };
  };
  return { simulation, platform, runtime, worker, bugs, metrics };
}

describe("BackgroundRuntime", () => {
  it("rests as long as it worked while there is more, and idleMs when there is not", async () => {
    const { simulation, runtime, worker } = start();
    const scrub = worker("scrub", (count) => (count < 3 ? "more" : "idle"));
    runtime.add(scrub);
    await simulation.runFor(1500);
    expect(scrub.began).toEqual([0, 20, 40, 1050]);
    expect(runtime.has("scrub")).toBe(true);
  });

  it("rests in proportion to the throttle, which may change", async () => {
    const { simulation, runtime, worker } = start();
    const scrub = worker("scrub", () => "more");
    runtime.add(scrub, { throttle: 9 });
    await simulation.runFor(250);
    expect(scrub.began).toEqual([0, 100, 200]);
    runtime.setThrottle("scrub", 0);
    await simulation.runFor(90);
    expect(scrub.began.slice(3)).toEqual([300, 311, 322, 333]);
    for (const throttle of [-1, 1001, Number.NaN]) {
      expect(() => runtime.setThrottle("scrub", throttle)).toThrow(
        "a throttle is from 0 to GREATEST_THROTTLE",
      );
    }
  });

  it("a worker with endless work that takes no time does not stop time", async () => {
    const { simulation, runtime } = start();
    let units = 0;
    runtime.add({
      name: "busy",
      idleMs: 1000,
      runUnit: async () => {
        units++;
        return "more";
      },
    });
    await simulation.runFor(100);
    expect(units).toBeGreaterThan(50);
    expect(units).toBeLessThan(200);
  });

  it("workers do not wait for each other", async () => {
    const { simulation, runtime, worker } = start();
    const slow = worker("slow", () => "more", 500);
    const quick = worker("quick", () => "more", 10);
    runtime.add(slow);
    runtime.add(quick);
    await simulation.runFor(395);
    expect(slow.began).toHaveLength(1);
    expect(quick.began).toHaveLength(20);
  });

  it("backs off after errors, and is well again after a unit that works", async () => {
    const { simulation, runtime, worker, metrics } = start();
    let isBroken = true;
    const flaky = worker("flaky", () => {
      if (isBroken) throw new Error("disk on fire");
      return "idle";
    });
    runtime.add(flaky);
    await simulation.runFor(20);
    expect(runtime.status()[0]).toMatchObject({
      state: "failing",
      errors: 1,
      lastError: { message: "disk on fire" },
    });
    await simulation.runFor(60_000);
    const gaps = flaky.began.slice(1).map((time, i) => time - flaky.began[i]!);
    for (const [i, gap] of gaps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(gap).toBeLessThanOrEqual(1000 * 2 ** i + 20);
    }
    isBroken = false;
    await simulation.runFor(60_000);
    expect(runtime.status()[0]).toMatchObject({
      state: "waiting",
      consecutiveErrors: 0,
      errors: gaps.length + 1,
    });
    expect((await metrics.render()).body).toContain(
      `skerry_background_units_total{worker="flaky",outcome="error"} ${gaps.length + 1}`,
    );
  });

  it("a violated invariant is passed on and never tried again; the others go on", async () => {
    const { simulation, runtime, worker, bugs } = start();
    const broken = worker("broken", () => {
      assert(false, "refcount >= 0");
    });
    const fine = worker("fine", () => "more");
    runtime.add(broken);
    runtime.add(fine);
    await simulation.runFor(10_000);
    expect(bugs.map(({ invariant }) => invariant)).toEqual(["refcount >= 0"]);
    expect(broken.began).toHaveLength(1);
    expect(fine.began.length).toBeGreaterThan(100);
    expect(runtime.status()[0]).toMatchObject({ name: "broken", state: "stopped", errors: 1 });
  });

  it("waking ends a wait, also when it comes while a unit runs", async () => {
    const { simulation, runtime, worker } = start();
    const repair = worker("repair", () => "idle");
    runtime.add(repair);
    await simulation.runFor(100);
    runtime.wake("repair");
    await simulation.runFor(5);
    expect(repair.began).toEqual([0, 100]);
    runtime.wake("repair");
    await simulation.runFor(100);
    expect(repair.began).toEqual([0, 100, 110]);
    await simulation.runFor(1000);
    expect(repair.began).toEqual([0, 100, 110, 1120]);
  });

  it("a paused worker begins no unit until it is resumed", async () => {
    const { simulation, runtime, worker } = start();
    const scrub = worker("scrub", () => "more");
    runtime.add(scrub);
    await simulation.runFor(5);
    runtime.pause("scrub");
    await simulation.runFor(1000);
    runtime.wake("scrub");
    await simulation.runFor(1000);
    expect(scrub.began).toEqual([0]);
    expect(runtime.status()[0]).toMatchObject({ state: "paused", nextRunWallMs: undefined, unitsDone: 1 });
    runtime.resume("scrub");
    runtime.resume("scrub");
    await simulation.runFor(1);
    expect(scrub.began).toEqual([0, 2005]);
  });

  it("shows what each worker does and when it goes on", async () => {
    const { simulation, runtime, worker, platform } = start();
    const progress = { done: 3, total: 10, unit: "blobs" };
    runtime.add({ ...worker("b", () => "idle"), progress: () => progress });
    runtime.add(worker("a", () => "idle", 300));
    await simulation.runFor(100);
    const [a, b] = runtime.status();
    const wall = platform.clock.wallMs();
    expect(a).toMatchObject({
      name: "a",
      state: "running",
      progress: undefined,
      nextRunWallMs: undefined,
      lastRunWallMs: undefined,
    });
    expect(b).toMatchObject({
      name: "b",
      state: "waiting",
      progress,
      unitsDone: 1,
      errors: 0,
      lastError: undefined,
    });
    expect(b?.lastRunWallMs).toBeCloseTo(wall - 90, 3);
    expect(b?.nextRunWallMs).toBeCloseTo(wall + 910, 3);
  });

  it("stops at once: aborts what runs, begins nothing more, and that is no error", async () => {
    const { simulation, runtime, worker } = start();
    const long = worker("long", () => "more", 60_000);
    const waiting = worker("waiting", () => "idle");
    runtime.add(long);
    runtime.add(waiting);
    await simulation.runFor(100);
    await simulation.complete(runtime.stop(), 10);
    await simulation.runFor(100_000);
    expect([long.began, waiting.began]).toEqual([[0], [0]]);
    expect(runtime.status().map(({ state, errors }) => `${state} ${errors}`)).toEqual([
      "stopped 0",
      "stopped 0",
    ]);
    expect(() => runtime.add(worker("late", () => "idle"))).toThrow(
      "workers are added to a runtime that runs",
    );
  });

  it("waits for a unit that does not heed the signal", async () => {
    const { simulation, runtime, platform } = start();
    let ended = false;
    runtime.add({
      name: "deaf",
      idleMs: 10,
      runUnit: async () => {
        await platform.timers.sleep(500);
        ended = true;
        return "more";
      },
    });
    await simulation.runFor(10);
    await simulation.complete(runtime.stop());
    expect(ended).toBe(true);
  });

  it("a worker that was removed is forgotten, and its name is free", async () => {
    const { simulation, runtime, worker } = start();
    const first = worker("w", () => "more");
    runtime.add(first);
    expect(() => runtime.add(worker("w", () => "more"))).toThrow("workers have different names");
    await simulation.complete(runtime.remove("w"));
    expect(runtime.status()).toEqual([]);
    expect(() => runtime.wake("w")).toThrow("the worker is one of the runtime's");
    runtime.add(worker("w", () => "idle"));
    await simulation.complete(runtime.stop());
  });
});

describe("backoffMs", () => {
  it("doubles up to a limit, with jitter in the upper half", () => {
    const { random } = start().platform;
    for (let errors = 1; errors < 100; errors++) {
      const whole = Math.min(300_000, 1000 * 2 ** Math.min(errors - 1, 30));
      const ms = backoffMs(errors, random);
      expect(ms).toBeGreaterThanOrEqual(whole / 2);
      expect(ms).toBeLessThanOrEqual(whole);
    }
  });
});
