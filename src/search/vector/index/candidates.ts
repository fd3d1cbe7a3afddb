import { damaged } from "../format/damaged.ts";
import { SmallestNumbers } from "../smallest.ts";

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

  /** The smallest `k` estimates, ascending. */
  estimates(k: number): Float32Array {
    const found = new SmallestNumbers(k);
    for (let i = 0; i < this.#count; i++) found.offer(this.#keys[i]!);
    return found.toSorted();
  }

  /** The smallest `k` upper bounds, ascending. */
  bounds(k: number): Float32Array {
    const found = new SmallestNumbers(k);
    for (let i = 0; i < this.#count; i++) found.offer(this.#keys[i]! + this.#errors[i]!);
    return found.toSorted();
  }

  /** Whether more than `most` of the estimates from the `first`-th on are not above `estimate`. */
  hasBelow(estimate: number, first: number, most: number): boolean {
    let count = 0;
    for (let i = first; i < this.#count; i++) if (this.#keys[i]! <= estimate && ++count > most) return true;
    return false;
  }

  /** The positions whose lower bound is not above `bound`, ascending. When these are more than `most`, the ones with the best estimates. */
  survivors(bound: number, most: number): Uint32Array {
    const surviving = new Uint32Array(this.#count);
    let count = 0;
    for (let i = 0; i < this.#count; i++)
      if (this.#keys[i]! - this.#errors[i]! <= bound) surviving[count++] = i;
    const kept = count > most ? this.#best(surviving.subarray(0, count), most) : surviving.subarray(0, count);
    return kept.map((i) => this.#positions[i]!).sort();
  }

  /** Of estimates that are equal, the first. */
  #best(places: Uint32Array, most: number): Uint32Array {
    const smallest = new SmallestNumbers(most);
    for (const i of places) smallest.offer(this.#keys[i]!);
    const { threshold } = smallest;
    let room = most - places.reduce((sum, i) => sum + (this.#keys[i]! < threshold ? 1 : 0), 0);
    return places.filter((i) => this.#keys[i]! < threshold || (this.#keys[i]! === threshold && room-- > 0));
  }
}
