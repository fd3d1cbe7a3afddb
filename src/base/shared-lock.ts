import { assert } from "./assert.ts";

const FREE = 0;
const HELD = 1;
/** Held, and a thread may be asleep until it is free. */
const AWAITED = 2;

/** How often a thread looks again before it sleeps: about as long as a holder needs that is running. */
const MAX_SPINS = 100;
/** The longest sleep before a thread looks again, in milliseconds. */
const SLEEP_MS = 10;
/** After so many sleeps, ten seconds, the holder will not come back: its thread was killed half way. */
const MAX_SLEEPS = 1_000;

/**
 * A lock among threads: one word of shared memory, 0 while it is free (Drepper, "Futexes Are Tricky", 2011, mutex 2). It is held for less than a
 * microsecond at a time, by code that cannot throw and does not take it again, so whoever must wait may wait without letting others of its thread go on.
 */
export class SharedLock {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #maxSleeps: number;

  constructor(words: Int32Array<SharedArrayBuffer>, at: number, maxSleeps: number = MAX_SLEEPS) {
    this.#words = words;
    this.#at = at;
    this.#maxSleeps = maxSleeps;
  }

  lock(): void {
    if (Atomics.compareExchange(this.#words, this.#at, FREE, HELD) !== FREE) this.#wait();
  }

  unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, FREE) === AWAITED) Atomics.notify(this.#words, this.#at, 1);
  }

  #wait(): void {
    for (let spins = 0; spins < MAX_SPINS; spins++) {
      if (Atomics.compareExchange(this.#words, this.#at, FREE, HELD) === FREE) return;
    }
    // Whoever has slept cannot know that it was the last one asleep, so it wakes one too many rather than one too few.
    for (let sleeps = 0; Atomics.exchange(this.#words, this.#at, AWAITED) !== FREE; sleeps++) {
      assert(sleeps < this.#maxSleeps, "who holds a lock of several threads lets go of it");
      Atomics.wait(this.#words, this.#at, AWAITED, SLEEP_MS);
    }
  }
}
