import { randomInt } from "node:crypto";
import { diskSuite } from "../testing/disk-suite.ts";
import { hasherSuite } from "../testing/hasher-suite.ts";
import { randomSuite } from "../testing/random-suite.ts";
import { storeSuite } from "../testing/store-suite.ts";
import { timeSuite } from "../testing/time-suite.ts";
import { SimMachine, Simulation } from "./index.ts";

const seed = process.env.SEED ?? String(randomInt(2 ** 32));
console.log(`simulated platform: SEED=${seed}`);

/** A machine that has just started, in a world of its own. */
function start() {
  const simulation = new Simulation(seed);
  const machine = new SimMachine(simulation, "m");
  const { platform } = machine.boot();
  return { simulation, machine, platform, run: <T>(promise: Promise<T>) => simulation.complete(promise) };
}

timeSuite("sim", () => {
  const { platform, run } = start();
  return { clock: platform.clock, timers: platform.timers, run };
});

timeSuite("sim, with a fast clock", () => {
  const { machine, platform, run } = start();
  machine.clock.setRate(1.01);
  return { clock: platform.clock, timers: platform.timers, run };
});

randomSuite("sim", () => start().platform.random);

diskSuite("sim", async () => {
  const { platform, run } = start();
  await run(platform.disk.makeDirectory("/data"));
  return { disk: platform.disk, directory: "/data", run };
});

storeSuite("sim", async () => {
  const { platform, run } = start();
  return { stores: platform.stores, directory: "/data/store", run };
});

hasherSuite("sim", () => start().platform.hasher);
