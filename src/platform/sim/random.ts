import type { Prng } from "../../base/index.ts";
import type { Random } from "../ports.ts";

/** Chance drawn from a seed. */
export class SimRandom implements Random {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  bytes(length: number): Uint8Array {
    return this.#prng.bytes(length);
  }

  below(bound: number): number {
    return this.#prng.below(bound);
  }
}
