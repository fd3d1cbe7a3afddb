/** Which sets of placed operations have been seen with which state. */

import type { Operation } from "./history.ts";

/**
 * A configuration is written as a short string: the first operation with an answer that is not placed (all before it are), a bit for each
 * one after it that was called before it returned (no other can be placed yet), a bit for each unknown operation, and the state. Histories
 * of thousands of operations so cost a few bytes a configuration.
 */
export class ConfigurationMemory {
  readonly #seen = new Set<string>();
  /** Of operation to its number among the answered ones or, below zero, -1 - its number among the unknown ones. */
  readonly #slot: Int32Array;
  readonly #answered: Uint32Array;
  readonly #unknown: Uint32Array;
  /** For each answered operation how many answered ones were called before it returned. */
  readonly #window: Int32Array;
  #firstOpen = 0;

  /** `operations` in the order of their calls. */
  constructor(operations: readonly Operation<unknown, unknown>[]) {
    const calls: number[] = [];
    const returns: number[] = [];
    let unknown = 0;
    this.#slot = Int32Array.from(operations, ({ call, outcome }) => {
      if (outcome.kind === "unknown") return -1 - unknown++;
      calls.push(call);
      returns.push(outcome.at);
      return calls.length - 1;
    });
    this.#answered = new Uint32Array(Math.ceil((calls.length + 1) / 32));
    this.#unknown = new Uint32Array(Math.ceil(unknown / 32));
    this.#window = Int32Array.from(returns, (at) => countUpTo(calls, at));
  }

  place(operation: number): void {
    this.#flip(operation);
    while (this.#isPlaced(this.#firstOpen)) this.#firstOpen++;
  }

  unplace(operation: number): void {
    this.#flip(operation);
    const slot = this.#slot[operation]!;
    if (slot >= 0 && slot < this.#firstOpen) this.#firstOpen = slot;
  }

  /** Whether what is placed now was not seen before with this state; from now on it was. */
  isNew(state: number): boolean {
    const first = this.#firstOpen;
    const text = [state & 0xffff, state >>> 16, first & 0xffff, first >>> 16];
    const last = (this.#window[first] ?? first) >>> 5;
    for (let word = first >>> 5; word <= last; word++) push(text, this.#answered[word] ?? 0);
    for (const word of this.#unknown) push(text, word);
    const before = this.#seen.size;
    this.#seen.add(String.fromCharCode(...text));
    return this.#seen.size > before;
  }

  #isPlaced(slot: number): boolean {
    return slot < this.#window.length && (this.#answered[slot >>> 5]! & (1 << (slot & 31))) !== 0;
  }

  #flip(operation: number): void {
    const slot = this.#slot[operation]!;
    if (slot >= 0) this.#answered[slot >>> 5]! ^= 1 << (slot & 31);
    else this.#unknown[(-1 - slot) >>> 5]! ^= 1 << ((-1 - slot) & 31);
  }
}

function push(text: number[], word: number): void {
  text.push(word & 0xffff, word >>> 16);
}

/** How many of the ascending numbers are at most `limit`. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
