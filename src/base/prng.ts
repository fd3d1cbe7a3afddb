/**
 * Random numbers that are drawn from a seed: the same seed gives the same numbers, on every machine. Not for secrets.
 *
 * The generator is xoshiro128** (Blackman and Vigna, 2018). A child made by `fork` depends on the parent's seed and the label only, not on
 * how many numbers the parent has given: adding a draw in one subsystem does not change what another one sees.
 */

import { assert } from "./assert.ts";

export interface Prng {
  /** What `createPrng` needs to make this generator again from its start. */
  readonly seed: string;
  /** A whole number in [0, 2^32). */
  uint32(): number;
  /** A whole number in [0, bound), every one as likely; `bound` from 1 to 2^32. */
  below(bound: number): number;
  /** A whole number in [least, greatest]. */
  between(least: number, greatest: number): number;
  /** A number in [0, 1). */
  unit(): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** One of the items, which must be some. */
  pick<T>(items: readonly T[]): T;
  /** The items in random order, as a new array. */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent generator for the part of the system that `label` names. */
  fork(label: string): Prng;
}

export function createPrng(seed: string | number): Prng {
  return new Xoshiro128(String(seed));
}

class Xoshiro128 implements Prng {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    this.seed = seed;
    const next = mixerOf(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    // All zero is the one state that the generator never leaves.
    this.#d = next() | 1;
  }

  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  below(bound: number): number {
    return drawBelow(bound, () => this.uint32());
  }

  between(least: number, greatest: number): number {
    assert(least <= greatest, "a range of random numbers is not empty");
    return least + this.below(greatest - least + 1);
  }

  unit(): number {
    // 53 bits, as many as a number holds.
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.uint32();
      for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j);
    }
    return bytes;
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "there is something to pick from");
    return items[this.below(items.length)]!;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }

  fork(label: string): Prng {
    return new Xoshiro128(`${this.seed}/${label}`);
  }
}

/**
 * A whole number in [0, bound) from a source of 32-bit numbers, every one as likely: draws from the incomplete last cycle are thrown away.
 */
export function drawBelow(bound: number, uint32: () => number): number {
  assert(Number.isInteger(bound) && bound >= 1 && bound <= 0x100000000, "a random bound is from 1 to 2^32");
  const unbiased = 0x100000000 - (0x100000000 % bound);
  for (;;) {
    const value = uint32();
    if (value < unbiased) return value % bound;
  }
}

function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

/** A stream of 32-bit numbers from a text: FNV-1a takes the text in, splitmix32's finalizer spreads it. */
function mixerOf(text: string): () => number {
  let state = 0x811c9dc5;
  let second = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
    second = Math.imul(second ^ text.charCodeAt(i), 0x85ebca6b) ^ (second >>> 13);
  }
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ second;
    second = Math.imul(second ^ (second >>> 15), 0x2c1b3c6d) + 1;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
