/** One node's metadata on the simulated platform, on top of a fake log. */

import type { DiskError, Platform } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { MetaStateMachine, type SnapshotTarget } from "../machine.ts";
import { ReplicatedMetadata } from "../metadata.ts";
import { createStateMemory, type StateMemory } from "../shared-state.ts";
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
  readonly memory: StateMemory;
}

export class MetaWorld {
  readonly simulation: Simulation;
  readonly #machines = new Map<string, SimMachine>();

  /** In a simulation of its own, or in one that is there. */
  constructor(simulation: string | Simulation) {
    this.simulation = typeof simulation === "string" ? new Simulation(simulation) : simulation;
  }

  /** From now on, this is the machine of this name. */
  adopt(name: string, machine: SimMachine): void {
    this.#machines.set(name, machine);
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
      readonly onUnreadable?: (error: DiskError) => void;
    } = {},
  ): Promise<MetaNode> {
    return await this.simulation.complete(this.begin(name, options));
  }

  /** The same without letting time pass. */
  async begin(name: string, options: Parameters<MetaWorld["start"]>[1] = {}): Promise<MetaNode> {
    const { platform } = this.machine(name).boot();
    const directory = await StateStoreDirectory.open(platform, STATE_PATH);
    const nodeId = options.nodeId ?? 1;
    const snapshots = options.snapshots?.(directory) ?? directory;
    const memory = createStateMemory();
    const machine = new MetaStateMachine({
      nodeId,
      memory,
      store: directory.live,
      hasher: testHasher,
      snapshots,
      ...(options.onUnreadable && { onUnreadable: options.onUnreadable }),
    });
    const log = options.log ?? new FakeLog();
    const metadata = new ReplicatedMetadata({ nodeId, machine, log, ...platform });
    log.drive(machine);
    return { platform, directory, machine, metadata, log, memory };
  }
}
