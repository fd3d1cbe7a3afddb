import { invariant } from "./invariant.ts";

const INITIAL_SLOTS = 8;

/**
 * The window of MsgApps sent to a follower and not yet acknowledged, limited in messages and in bytes: a ring of (last index, bytes)
 * that grows on demand. The byte limit is soft: the message that crosses it is still taken.
 */
export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #indexes: number[] = new Array<number>(INITIAL_SLOTS).fill(0);
  #sizes: number[] = new Array<number>(INITIAL_SLOTS).fill(0);
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** No further message may be sent. */
  get full(): boolean {
    return this.#count >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  /** Takes a message whose last entry is `index`. Not when full; indexes never go down. */
  add(index: number, sizeBytes: number): void {
    invariant(!this.full, "no message is added to a full window");
    if (this.#count === this.#indexes.length) this.#grow();
    const slot = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[slot] = index;
    this.#sizes[slot] = sizeBytes;
    this.#count++;
    this.#bytes += sizeBytes;
  }

  /** Frees every message whose last entry is at or before `index`. */
  freeUpTo(index: number): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const slots = this.#indexes.length;
    const indexes = new Array<number>(slots * 2).fill(0);
    const sizes = new Array<number>(slots * 2).fill(0);
    for (let at = 0; at < this.#count; at++) {
      const slot = (this.#start + at) % slots;
      indexes[at] = this.#indexes[slot]!;
      sizes[at] = this.#sizes[slot]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
