import { damaged } from "../format/damaged.ts";
import { TopHits } from "../top-hits.ts";

/**
 * Positions with an estimate of their distance to the query. A key is |o - q|² (for the dot product minus |o|², which makes it |q|² - 2 o·q): smaller
 * is better. The truth is within `error` of the estimate but for rare cases.
 */
export class Candidates {
  #positions = new Uint32Array(0);
  #keys = new Float32Array(0);
  #errors = new Float32Array(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Makes room for so many more, which must be done before they are added. */
  reserve(more: number): void {
    const size = this.#count + more;
    if (size <= this.#keys.length) return;
    const [positions, keys, errors] = [new Uint32Array(size), new Float32Array(size), new Float32Array(size)];
    positions.set(this.#positions);
    keys.set(this.#keys);
    errors.set(this.#errors);
    [this.#positions, this.#keys, this.#errors] = [positions, keys, errors];
  }

  add(position: number, key: number, error: number): void {
    if (Number.isNaN(key + error)) throw damaged("has codes that are none");
    this.#positions[this.#count] = position;
    this.#keys[this.#count] = key;
    this.#errors[this.#count] = error;
    this.#count++;
  }

  /** How many of the best `k` by their estimates are among those added from the `first`-th on. */
  bestFrom(first: number, k: number): number {
    const bound = this.#smallest(k, this.#keys);
    let count = 0;
    for (let i = first; i < this.#count; i++) if (this.#keys[i]! <= bound) count++;
    return count;
  }

  /**
   * The positions that may be among the best `k`, ascending: those whose lower bound is not above the k-th smallest upper bound. When these are more
   * than `most`, the ones with the best estimates.
   */
  survivors(k: number, most: number): Uint32Array {
    const uppers = new Float32Array(this.#count);
    for (let i = 0; i < this.#count; i++) uppers[i] = this.#keys[i]! + this.#errors[i]!;
    const bound = this.#smallest(k, uppers);
    const surviving: number[] = [];
    for (let i = 0; i < this.#count; i++) if (this.#keys[i]! - this.#errors[i]! <= bound) surviving.push(i);
    if (surviving.length > most) {
      surviving.sort((a, b) => this.#keys[a]! - this.#keys[b]! || a - b);
      surviving.length = most;
    }
    return Uint32Array.from(surviving, (i) => this.#positions[i]!).sort();
  }

  /** The k-th smallest of the first `count` numbers; infinity when there are fewer. */
  #smallest(k: number, numbers: Float32Array): number {
    const top = new TopHits(k);
    let bound = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#count; i++) {
      if (numbers[i]! > bound) continue;
      top.offer(i, -numbers[i]!);
      bound = -top.threshold;
    }
    return bound;
  }
}
