/** One node's metadata on the simulated platform, on top of a fake log. */

import type { Platform } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { MetaStateMachine, type SnapshotTarget } from "../machine.ts";
import { ReplicatedMetadata } from "../metadata.ts";
import { StateStoreDirectory } from "../snapshot/directory.ts";
import { FakeLog } from "./fake-log.ts";
import { testHasher } from "./harness.ts";

export const STATE_PATH = "/data/state";

export interface MetaNode {
  readonly platform: Platform;
  readonly directory: StateStoreDirectory;
  readonly machine: MetaStateMachine;
  readonly metadata: ReplicatedMetadata;
  readonly log: FakeLog;
}

export class MetaWorld {
  readonly simulation: Simulation;
  readonly #machines = new Map<string, SimMachine>();

  constructor(seed: string) {
    this.simulation = new Simulation(seed);
  }

  machine(name: string): SimMachine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = new SimMachine(this.simulation, name);
      this.#machines.set(name, machine);
    }
    return machine;
  }

  /** Boots a process on the machine of this name; its disk is what earlier processes left. */
  async start(
    name: string,
    options: {
      readonly nodeId?: number;
      readonly log?: FakeLog;
      /** Instead of the directory. */
      readonly snapshots?: (directory: StateStoreDirectory) => SnapshotTarget;
    } = {},
  ): Promise<MetaNode> {
    const { platform } = this.machine(name).boot();
    const directory = await this.simulation.complete(StateStoreDirectory.open(platform, STATE_PATH));
    const nodeId = options.nodeId ?? 1;
    const snapshots = options.snapshots?.(directory) ?? directory;
    const machine = new MetaStateMachine({ nodeId, store: directory.live, hasher: testHasher, snapshots });
    const log = options.log ?? new FakeLog();
    const metadata = new ReplicatedMetadata({ nodeId, machine, log, ...platform });
    log.drive(machine);
    return { platform, directory, machine, metadata, log };
  }
}
