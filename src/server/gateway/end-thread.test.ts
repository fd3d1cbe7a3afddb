import { expect, it } from "vitest";
import { Deferred } from "../../base/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { endThread } from "./end-thread.ts";

/** A thread that ends when it is told to. */
function closing(graceMs: number) {
  const simulation = new Simulation("end-thread");
  const { timers } = new SimMachine(simulation, "m").boot().platform;
  const ended = new Deferred<void>();
  let terminated = 0;
  const terminate = async (): Promise<void> => void terminated++;
  const closed = endThread({ ended: ended.promise, terminate }, { graceMs, timers });
  return { simulation, ended, closed, terminated: () => terminated };
}

it("a thread that closes has the whole grace, and what it hands over after it", async () => {
  const { simulation, ended, closed, terminated } = closing(10_000);
  await simulation.runFor(12_000);
  expect(terminated()).toBe(0);
  ended.resolve();
  expect(await closed).toBe(true);
  expect(terminated()).toBe(1);
});

it.each([0, 10_000])(
  "a thread that is blocked is terminated when its grace of %i ms is over",
  async (graceMs) => {
    const { simulation, closed, terminated } = closing(graceMs);
    await simulation.runFor(graceMs);
    expect(terminated()).toBe(0);
    expect(await simulation.complete(closed)).toBe(false);
    expect(terminated()).toBe(1);
  },
);
