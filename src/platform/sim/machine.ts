import type { Prng } from "../../base/index.ts";
import { PlainHasher } from "../node/plain-hasher.ts";
import type { Platform } from "../ports.ts";
import { SimClock } from "./clock.ts";
import type { Unsynced } from "./crash-policy.ts";
import { SimDisk } from "./disk.ts";
import { SimProcess } from "./process.ts";
import { SimRandom } from "./random.ts";
import type { Simulation } from "./simulation.ts";
import { SimStores } from "./stores.ts";
import { SimTimers } from "./timers.ts";
import { SimVolume } from "./volume.ts";

/** A process on a simulated machine and what it sees of the world. */
export interface SimBoot {
  readonly process: SimProcess;
  readonly platform: Platform;
}

/** A simulated machine: its clock and its disk stay, its processes come and go. */
export class SimMachine {
  readonly clock: SimClock;
  readonly volume: SimVolume;
  readonly #simulation: Simulation;
  readonly #prng: Prng;
  readonly #processes = new Set<SimProcess>();
  #boots = 0;

  /** `name` must differ between the machines of a simulation: all that the machine draws comes from it and the seed. */
  constructor(simulation: Simulation, name: string) {
    this.#simulation = simulation;
    this.#prng = simulation.prng.fork(`machine:${name}`);
    this.clock = new SimClock(simulation);
    this.volume = new SimVolume(this.#prng.fork("volume"));
  }

  /** Starts a process. */
  boot(): SimBoot {
    const process = new SimProcess(this.#simulation);
    this.#processes.add(process);
    const disk = new SimDisk(this.volume, process);
    const platform: Platform = {
      clock: this.clock,
      timers: new SimTimers(process, this.clock),
      random: new SimRandom(this.#prng.fork(`boot:${++this.#boots}`)),
      disk,
      stores: new SimStores(this.volume, process, disk),
      hasher: new PlainHasher(),
    };
    return { process, platform };
  }

  /** kill -9: the processes die, and what they had written, synced or not, is there for the next one. */
  kill(): void {
    for (const process of this.#processes) process.kill();
    this.#processes.clear();
    this.volume.release();
  }

  /** Power loss: the processes die, and the disk loses what was not synced as `unsynced` says. */
  crash(unsynced: Unsynced = "random"): void {
    for (const process of this.#processes) process.kill();
    this.#processes.clear();
    this.volume.crash(unsynced);
  }
}
