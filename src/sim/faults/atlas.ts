import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import type { Fault } from "./plan.ts";

/**
 * What may be damaged for good, so that every datum can be repaired and a failure is always a bug.
 *
 * A crash, a failed or full disk and a cut network cost nothing that was acknowledged, on any number of nodes at once. Bit rot, misdirected
 * writes and an empty disk do: they may take every copy on their node. So they strike one node only, the victim, and none where a write quorum
 * is a single copy. An empty disk, or an older one, besides takes a vote away until another node has joined: once is enough.
 *
 * A planned change of the members may leave two voters, which both are needed. So a run has such a change or damage that costs a vote (of the log, of the state
 * when the log has been cut since, or of the whole disk), not both.
 */
export class DamageBudget {
  readonly #victim: number | undefined;
  #hasWiped = false;
  #hasLostVote = false;
  #hasAdded = false;
  #hasReplaced = false;

  constructor(prng: Prng, { nodes, replicationFactor }: ScenarioSettings) {
    this.#victim = nodes >= 3 && replicationFactor >= 2 ? prng.below(nodes) : undefined;
  }

  allows(fault: Fault): boolean {
    switch (fault.kind) {
      case "bit-rot":
        if (fault.area === "log" || fault.area === "state") return this.#allowsLostVote(fault.node);
        return fault.node === this.#victim && !this.#hasWiped;
      case "misdirect":
        return this.#allowsLostVote(fault.node);
      case "wipe":
      case "restore": {
        const isAllowed = this.#allowsLostVote(fault.node);
        this.#hasWiped ||= isAllowed;
        return isAllowed;
      }
      case "add": {
        const isAllowed = !this.#hasAdded && !this.#hasLostVote;
        this.#hasAdded ||= isAllowed;
        return isAllowed;
      }
      case "replace": {
        const isAllowed = !this.#hasReplaced && !this.#hasLostVote;
        this.#hasReplaced ||= isAllowed;
        return isAllowed;
      }
      default:
        return true;
    }
  }

  #allowsLostVote(node: number): boolean {
    const isAllowed = node === this.#victim && !this.#hasWiped && !this.#hasAdded && !this.#hasReplaced;
    this.#hasLostVote ||= isAllowed;
    return isAllowed;
  }
}
