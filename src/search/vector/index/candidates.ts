import { damaged } from "../format/damaged.ts";
import { TopHits } from "../top-hits.ts";

/**
 * Positions with an estimate of their distance to the query. A key is |o - q|² (for the dot product minus |o|², which makes it |q|² - 2 o·q): smaller
 * is better. The truth is within `error` of the estimate but for rare cases.
 */
export class Candidates {
  readonly #positions: Uint32Array;
  readonly #keys: Float32Array;
  readonly #errors: Float32Array;
  #count = 0;

  constructor(capacity: number) {
    this.#positions = new Uint32Array(capacity);
    this.#keys = new Float32Array(capacity);
    this.#errors = new Float32Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  add(position: number, key: number, error: number): void {
    if (Number.isNaN(key + error)) throw damaged("has codes that are none");
    this.#positions[this.#count] = position;
    this.#keys[this.#count] = key;
    this.#errors[this.#count] = error;
    this.#count++;
  }

  /**
   * The positions that may be among the best `k`, ascending: those whose lower bound is not above the k-th smallest upper bound. When these are more
   * than `most`, the ones with the best estimates.
   */
  survivors(k: number, most: number): Uint32Array {
    const uppers = new TopHits(k);
    for (let i = 0; i < this.#count; i++) uppers.offer(i, -(this.#keys[i]! + this.#errors[i]!));
    const bound = -uppers.threshold;
    const surviving: number[] = [];
    for (let i = 0; i < this.#count; i++) if (this.#keys[i]! - this.#errors[i]! <= bound) surviving.push(i);
    if (surviving.length > most) {
      surviving.sort((a, b) => this.#keys[a]! - this.#keys[b]! || a - b);
      surviving.length = most;
    }
    return Uint32Array.from(surviving, (i) => this.#positions[i]!).sort();
  }
}
