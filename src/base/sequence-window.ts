import { assert } from "./assert.ts";

const FIRST_LENGTH = 16;

/**
 * Things by numbers that grow, of which nearly all between the least and the greatest are there: a ring. In place of a `Map` for the reason that
 * `TransientSet` gives. It takes room for the whole span from the least number to the greatest.
 */
export class SequenceWindow<T> {
  /** What has the number n is at n modulo the length. */
  #ring: (T | undefined)[] = new Array<T | undefined>(FIRST_LENGTH).fill(undefined);
  /** Nothing is below. */
  #first = 0;
  /** Nothing is at this number or above. */
  #end = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The least number there is; undefined when there is none. */
  get first(): number | undefined {
    return this.#size === 0 ? undefined : this.#first;
  }

  get(sequence: number): T | undefined {
    return sequence >= this.#first && sequence < this.#end ? this.#ring[this.#at(sequence)] : undefined;
  }

  /** `sequence` must be greater than all that were added before. */
  add(sequence: number, item: T): void {
    assert(sequence >= this.#end, "the numbers of a window grow");
    if (this.#size === 0) this.#first = sequence;
    while (sequence - this.#first >= this.#ring.length) this.#grow();
    this.#ring[this.#at(sequence)] = item;
    this.#end = sequence + 1;
    this.#size++;
  }

  delete(sequence: number): void {
    if (this.get(sequence) === undefined) return;
    this.#ring[this.#at(sequence)] = undefined;
    this.#size--;
    while (this.#first < this.#end && this.#ring[this.#at(this.#first)] === undefined) this.#first++;
  }

  /** In the order of their numbers, those that are there now: the window may change meanwhile. */
  values(): T[] {
    const items: T[] = [];
    for (let sequence = this.#first; sequence < this.#end; sequence++) {
      const item = this.#ring[this.#at(sequence)];
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  #at(sequence: number): number {
    return sequence % this.#ring.length;
  }

  #grow(): void {
    const ring = new Array<T | undefined>(2 * this.#ring.length).fill(undefined);
    for (let sequence = this.#first; sequence < this.#end; sequence++)
      ring[sequence % ring.length] = this.#ring[this.#at(sequence)];
    this.#ring = ring;
  }
}
