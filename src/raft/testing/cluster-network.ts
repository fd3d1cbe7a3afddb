import type { Network } from "../../platform/index.ts";
import { SimNetworkWorld, type SimProcess, type Simulation } from "../../platform/sim/index.ts";

/** The simulated network of a cluster, in the terms of its tests: nodes by their numbers. */
export class ClusterNetwork {
  readonly #world: SimNetworkWorld;
  readonly #nodes = new Set<number>();
  readonly #cut = new Set<string>();

  constructor(simulation: Simulation) {
    this.#world = new SimNetworkWorld(simulation);
  }

  /** The network as one process sees it. */
  join(process: SimProcess, clusterId: string, nodeId: number): Network {
    this.#nodes.add(nodeId);
    return this.#world.join({ host: hostOf(nodeId), process, identity: { clusterId, nodeId } });
  }

  /** Nothing gets through between this node and the others. */
  isolate(nodeId: number, others: readonly number[]): void {
    for (const other of others) {
      this.#cut.add(`${nodeId}-${other}`).add(`${other}-${nodeId}`);
      this.#world.cut(hostOf(nodeId), hostOf(other));
      this.#world.cut(hostOf(other), hostOf(nodeId));
    }
  }

  heal(): void {
    this.#cut.clear();
    this.#world.healAll();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}-${to}`);
  }

  /** How often something that is sent breaks its connection. */
  set breakChance(resetProbability: number) {
    for (const from of this.#nodes) {
      for (const to of this.#nodes) this.#world.setLink(hostOf(from), hostOf(to), { resetProbability });
    }
  }
}

export function hostOf(nodeId: number): string {
  return `node-${nodeId}`;
}
