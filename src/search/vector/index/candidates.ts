import { damaged } from "../format/damaged.ts";
import { TopHits } from "../top-hits.ts";

/** Of candidates one after the other. */
export interface CandidateArrays {
  readonly positions: Uint32Array;
  readonly keys: Float32Array;
  readonly errors: Float32Array;
}

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

  #reserve(more: number): void {
    if (this.#count + more <= this.#keys.length) return;
    const size = Math.max(this.#count + more, 2 * this.#keys.length);
    const [positions, keys, errors] = [new Uint32Array(size), new Float32Array(size), new Float32Array(size)];
    positions.set(this.#positions);
    keys.set(this.#keys);
    errors.set(this.#errors);
    [this.#positions, this.#keys, this.#errors] = [positions, keys, errors];
  }

  /** Adds as many as `fill` writes into the arrays; it gives the sum of all keys and errors, by which one that is no number is noticed. */
  add(count: number, fill: (into: CandidateArrays) => number): void {
    this.#reserve(count);
    const end = this.#count + count;
    const sum = fill({
      positions: this.#positions.subarray(this.#count, end),
      keys: this.#keys.subarray(this.#count, end),
      errors: this.#errors.subarray(this.#count, end),
    });
    if (Number.isNaN(sum)) throw damaged("has codes that are none");
    this.#count = end;
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
