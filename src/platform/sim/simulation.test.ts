import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventHeap } from "./event-heap.ts";
import { SimMachine, Simulation } from "./index.ts";

describe("EventHeap", () => {
  it("gives events in the order of time, then of sequence", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { maxLength: 100 }), (times) => {
        const heap = new EventHeap();
        for (const [sequence, timeMs] of times.entries()) {
          heap.push({ timeMs, sequence, action: () => undefined, isCancelled: false });
        }
        const expected = times.map((timeMs, sequence) => ({ timeMs, sequence }));
        expected.sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence);
        for (const event of expected) {
          expect(heap.peek()).toMatchObject(event);
          expect(heap.pop()).toMatchObject(event);
        }
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

/** What happens when several programs use time, chance and disk at once, written down. */
async function history(seed: string): Promise<string[]> {
  const simulation = new Simulation(seed);
  const lines: string[] = [];
  const program = async (name: string): Promise<void> => {
    const { timers, random, disk, stores } = new SimMachine(simulation, name).boot().platform;
    const note = (what: string): void => void lines.push(`${simulation.nowMs} ${name} ${what}`);
    const file = await disk.open(`/${name}`, "create");
    const store = await stores.open("/store");
    for (let i = 0; i < 10; i++) {
      await timers.sleep(random.below(20));
      note(`slept, ${random.bytes(2).join(" ")}`);
      await Promise.all([
        file.write(i, [random.bytes(1)]),
        store.write([{ kind: "put", key: `${i}`, value: random.bytes(1) }]),
      ]);
      await file.syncData();
      note("wrote");
    }
  };
  await simulation.complete(Promise.all(["a", "b", "c"].map(program)));
  return lines;
}

describe("Simulation", () => {
  it("gives the same history for the same seed, to the last digit, and another for another", async () => {
    const first = await history("one");
    expect(first).toHaveLength(60);
    expect(await history("one")).toEqual(first);
    expect(await history("two")).not.toEqual(first);
  });

  it("lets all promises go on before time does", async () => {
    const simulation = new Simulation(1);
    const order: string[] = [];
    simulation.schedule(1, () => {
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve();
        order.push(`promises at ${simulation.nowMs}`);
        simulation.schedule(0, () => order.push("scheduled by them"));
      })();
    });
    simulation.schedule(2, () => order.push("next"));
    await simulation.runFor(10);
    expect(order).toEqual(["promises at 1", "scheduled by them", "next"]);
    expect(simulation.nowMs).toBe(10);
    expect(simulation.events).toBe(3);
  });

  it("runs until something is so, or says that it did not come about", async () => {
    const simulation = new Simulation(1);
    let done = false;
    simulation.schedule(5, () => {
      done = true;
    });
    expect(await simulation.runUntil(() => done, 4)).toBe(false);
    expect(await simulation.runUntil(() => done, 4)).toBe(true);
    expect(simulation.nowMs).toBe(5);
    await expect(simulation.complete(new Promise(() => undefined), 100)).rejects.toThrow(
      "within 100 ms of virtual time",
    );
  });

  it("passes on what an event throws", async () => {
    const simulation = new Simulation(1);
    simulation.schedule(1, () => {
      throw new Error("a bug");
    });
    await expect(simulation.runFor(10)).rejects.toThrow("a bug");
  });
});

describe("SimProcess", () => {
  it("nothing reaches a process after it was killed", async () => {
    const simulation = new Simulation(1);
    const machine = new SimMachine(simulation, "m");
    const { platform } = machine.boot();
    const reached: string[] = [];
    platform.timers.after(5, () => reached.push("timer"));
    void platform.disk.open("/f", "create").then(() => reached.push("disk"));
    void platform.timers.sleep(1).then(() => reached.push("sleep"));
    machine.kill();
    platform.timers.after(1, () => reached.push("timer of a ghost"));
    await simulation.runFor(100);
    expect(reached).toEqual([]);
    expect(machine.volume.files()).toEqual([]);
  });

  it("while it is paused everything waits, in order, and its clock goes on", async () => {
    const simulation = new Simulation(1);
    const { process, platform } = new SimMachine(simulation, "m").boot();
    const fired: string[] = [];
    const start = platform.clock.monotonicMs();
    for (const delay of [3, 1, 2, 50]) {
      platform.timers.after(delay, () => fired.push(`${delay} at ${platform.clock.monotonicMs() - start}`));
    }
    const cancelled = platform.timers.after(2, () => fired.push("cancelled"));
    process.pause();
    await simulation.runFor(10);
    expect(process.isPaused).toBe(true);
    expect(fired).toEqual([]);
    cancelled.cancel();
    process.resume();
    await simulation.runFor(100);
    expect(fired).toEqual(["1 at 10", "2 at 10", "3 at 10", "50 at 50"]);
  });

  it("each boot draws other random bytes, and each machine", () => {
    const simulation = new Simulation(1);
    const first = new SimMachine(simulation, "a");
    const second = new SimMachine(simulation, "b");
    const drawn = [first, first, second].map((machine) => machine.boot().platform.random.bytes(8).join());
    expect(new Set(drawn).size).toBe(3);
  });
});

describe("SimClock", () => {
  it("runs fast or slow without jumping, and timers follow it", async () => {
    const simulation = new Simulation(1);
    const machine = new SimMachine(simulation, "m");
    const { clock, timers } = machine.boot().platform;
    await simulation.runFor(1000);
    machine.clock.setRate(2);
    expect(clock.monotonicMs()).toBe(1000);
    let firedAt = 0;
    timers.after(100, () => {
      firedAt = clock.monotonicMs();
    });
    machine.clock.setRate(0.5);
    await simulation.runFor(300);
    expect(clock.monotonicMs()).toBe(1150);
    expect(firedAt).toBeGreaterThanOrEqual(1100);
    expect(firedAt).toBeLessThan(1101);
  });

  it("wall time jumps both ways, and monotonic time does not", () => {
    const machine = new SimMachine(new Simulation(1), "m");
    const { clock } = machine.boot().platform;
    const [wall, monotonic] = [clock.wallMs(), clock.monotonicMs()];
    machine.clock.jumpWall(-5000);
    expect(clock.wallMs() - wall).toBe(-5000);
    machine.clock.jumpWall(7000);
    expect(clock.wallMs() - wall).toBe(2000);
    expect(clock.monotonicMs()).toBe(monotonic);
  });
});
