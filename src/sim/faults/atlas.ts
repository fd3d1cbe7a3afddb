import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import type { Fault } from "./plan.ts";

/**
 * What may be damaged for good, so that every datum can be repaired and a failure is always a bug.
 *
 * A crash, a failed or full disk and a cut network cost nothing that was acknowledged, on any number of nodes at once. Bit rot, misdirected
 * writes and an empty disk do: they may take every copy on their node. So they strike one node only, the victim, and none where a write quorum
 * is a single copy. An empty disk besides takes a vote away until another node has joined: once is enough.
 */
export class DamageBudget {
  readonly #victim: number | undefined;
  #hasWiped = false;

  constructor(prng: Prng, { nodes, replicationFactor }: ScenarioSettings) {
    this.#victim = nodes >= 3 && replicationFactor >= 2 ? prng.below(nodes) : undefined;
  }

  allows(fault: Fault): boolean {
    switch (fault.kind) {
      case "bit-rot":
      case "misdirect":
        return fault.node === this.#victim && !this.#hasWiped;
      case "wipe": {
        const isAllowed = fault.node === this.#victim && !this.#hasWiped;
        this.#hasWiped ||= isAllowed;
        return isAllowed;
      }
      default:
        return true;
    }
  }
}
