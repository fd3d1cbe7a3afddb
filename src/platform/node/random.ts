import { randomFillSync, randomInt } from "node:crypto";
import { assert } from "../../base/index.ts";
import type { Random } from "../ports.ts";

/** A call of the system's generator costs more than the bytes: small requests are cut from a larger draw. */
const POOL_BYTES = 4096;
const POOLED_BYTES = 64;

/** The operating system's entropy, as Node's cryptography draws it. */
export class NodeRandom implements Random {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  bytes(length: number): Uint8Array {
    if (length > POOLED_BYTES) return randomFillSync(new Uint8Array(length));
    if (this.#used + length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const bytes = this.#pool.slice(this.#used, this.#used + length);
    // What was handed out does not stay behind.
    this.#pool.fill(0, this.#used, this.#used + length);
    this.#used += length;
    return bytes;
  }

  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, "a random bound is from 1 to 2^32");
    return randomInt(bound);
  }
}
