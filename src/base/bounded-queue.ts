import { assert } from "./assert.ts";

/** First in, first out, never longer than its limit. */
export class BoundedQueue<T> {
  readonly limit: number;
  /** A ring: the items are at #head, #head + 1, ... modulo its length, which grows up to the limit. */
  #ring: (T | undefined)[] = new Array<T | undefined>(0);
  #head = 0;
  #size = 0;

  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit > 0, "a queue's limit is a positive whole number");
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.limit;
  }

  /** False, and nothing happens, when the queue is full. */
  push(item: T): boolean {
    if (this.isFull) return false;
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) % this.#ring.length] = item;
    this.#size++;
    return true;
  }

  /** The oldest item, or undefined. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#size--;
    return item;
  }

  /** The oldest item, which stays, or undefined. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head];
  }

  /** All items, oldest first; the queue is empty afterwards. */
  drain(): T[] {
    const items: T[] = [];
    while (this.#size > 0) items.push(this.shift() as T);
    return items;
  }

  #grow(): void {
    const length = Math.min(this.limit, Math.max(16, this.#ring.length * 2));
    const ring = new Array<T | undefined>(length);
    for (let i = 0; i < this.#size; i++) ring[i] = this.#ring[(this.#head + i) % this.#ring.length];
    this.#ring = ring;
    this.#head = 0;
  }
}
