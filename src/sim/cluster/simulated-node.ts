import { SimMachine, type Simulation } from "../../platform/sim/index.ts";
import type { Life } from "./life.ts";

/** A machine of the simulated cluster, with the node that lives on its disk and the process that runs there now, if any. */
export class SimulatedNode {
  /** Also its host. A replaced disk gets another name: that is what an operator does. */
  readonly name: string;
  readonly machine: SimMachine;
  nodeId = 0;
  life: Life | undefined;
  /** Whether it is to run: what has died is started again. */
  isWanted = true;
  /** Its disk is gone; another node took its place. */
  isRetired = false;
  /** It is being taken out, and stops by itself once it was removed. */
  isLeaving = false;
  /** Bytes of segments on this disk were damaged: copies may be missing. */
  hasDamagedSegments = false;
  hasDamagedLog = false;
  isWiped = false;
  /** It has an older disk than other nodes know of: it must not take part. */
  isRestored = false;
  #lives = 0;

  constructor(simulation: Simulation, name: string) {
    this.name = name;
    this.machine = new SimMachine(simulation, name);
  }

  nextLifeNumber(): number {
    return this.#lives++;
  }

  get isServing(): boolean {
    return this.life?.isServing === true;
  }
}
