import { expect, test } from "vitest";
import { createPrng, toHex } from "../../base/index.ts";
import type { Disk } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { DirectoryStore } from "./directory-store.ts";

const NAMES = Array.from({ length: 6 }, (_, at) => `0${at}`.repeat(16));

test.each(Array.from({ length: 40 }, (_, at) => `directory-store-${at}`))(
  "seed %s: what was acknowledged is whole after every loss of power, and what was deleted stays deleted",
  async (seed) => {
    const simulation = new Simulation(seed);
    const prng = createPrng(`${seed}-test`);
    const machine = new SimMachine(simulation, "m");
    const run = <T>(promise: Promise<T>): Promise<T> => simulation.complete(promise);
    let disk: Disk = machine.boot().platform.disk;
    const opened = () => new DirectoryStore({ disk, path: "/mnt", clusterId: "c" });
    await run(disk.makeDirectory("/mnt"));
    await run(disk.syncDirectory("/"));
    await run(opened().prepare());
    const acknowledged = new Map<string, string>();
    for (let round = 0; round < 8; round++) {
      const store = opened();
      const free = NAMES.filter((name) => !acknowledged.has(name));
      const bytes = prng.bytes(prng.between(1, 20_000));
      const name = free.length === 0 ? undefined : prng.pick(free);
      if (name !== undefined) {
        // What an earlier crash left under the name stays: whoever finds it takes another one.
        const outcome = await run(store.putIfAbsent(name, bytes));
        if (outcome === "written") acknowledged.set(name, toHex(bytes));
        else await run(store.delete(name));
      }
      const [known] = acknowledged.keys();
      if (known !== undefined && prng.chance(0.3)) {
        await run(store.delete(known));
        acknowledged.delete(known);
        const gone = await run(store.read(known, { offset: 0, length: 1 }));
        expect(gone).toBeUndefined();
      }
      // One more is under way when the power goes.
      const underWay = NAMES.find((one) => !acknowledged.has(one));
      if (underWay !== undefined) store.putIfAbsent(underWay, prng.bytes(30_000)).catch(() => undefined);
      machine.crash(prng.pick(["keep", "drop", "random", "misdirect"] as const));
      disk = machine.boot().platform.disk;
      const after = opened();
      for (const [each, content] of acknowledged) {
        const read = await run(after.read(each, { offset: 0, length: 40_000 }));
        expect(toHex(read ?? new Uint8Array())).toBe(content);
      }
    }
  },
);
