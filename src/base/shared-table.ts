import { assert } from "./assert.ts";
import { FINGERPRINT_KEY_BYTES, FINGERPRINT_WORDS, Fingerprinter } from "./shared-fingerprint.ts";
import { SharedLock } from "./shared-lock.ts";

/** Random bytes that a shared table needs. */
export const SHARED_TABLE_SEED_BYTES = FINGERPRINT_KEY_BYTES;
/** Names that a shared table can have room for. */
const MAX_CAPACITY = 2 ** 24;

/** No entry. */
const NONE = 0;

// Words of the header.
const LOCK = 0;
const CAPACITY = 1;
const VALUES = 2;
const TOTALS = 3;
const SIZE = 4;
/** Entries that were ever used are 1 to this one. */
const USED = 5;
/** The first one of the entries that were given back, chained. */
const FREE = 6;
const OLDEST = 7;
const NEWEST = 8;
const SEED = 12;
const HEADER_WORDS = SEED + FINGERPRINT_WORDS;

// Words of an entry, behind its fingerprint.
const CHAINED = FINGERPRINT_WORDS;
const OLDER = CHAINED + 1;
const NEWER = CHAINED + 2;
const LINK_WORDS = 8;

export interface SharedTableShape {
  /** Names that there is room for. */
  readonly capacity: number;
  /** Numbers of each entry. */
  readonly values: number;
  /** Numbers of the whole table. */
  readonly totals: number;
}

/**
 * A table of named entries that several threads of a process read and change, in one piece of shared memory. It is of fixed size. Entries have an order
 * of age: what is added or touched is the newest. Entries are asked for and changed while this thread holds the lock:
 *
 *   table.lockFor(name);
 *   const entry = table.find();
 *   ...
 *   table.unlock();
 *
 * An entry is its number, which it keeps until it is removed. Names are kept as fingerprints with a secret key, so that nobody can make up names that
 * are taken for each other, or that all fall into one chain. Words are of 32 bits; memory of zeros but for shape and seed is an empty table:
 *
 *   header   lock, capacity, values, totals, size, used, free, oldest, newest, -, -, -, seed (4 words)
 *   totals   a float64 each
 *   entries  0 (none) to capacity: fingerprint (4 words), next of the chain, older, newer, -, values (a float64 each)
 *   chains   the first entry of each; a power of two of them, at least as many as entries
 */
export class SharedTable {
  readonly #words: Int32Array<SharedArrayBuffer>;
  /** The same memory. */
  readonly #floats: Float64Array<SharedArrayBuffer>;
  readonly #lock: SharedLock;
  readonly #name: Fingerprinter;
  readonly capacity: number;
  readonly #entriesAt: number;
  readonly #entryWords: number;
  readonly #chainsAt: number;
  readonly #chainMask: number;

  /** Memory of an empty table. `seed`: `SHARED_TABLE_SEED_BYTES` random bytes, known to nobody. */
  static memory(shape: SharedTableShape, seed: Uint8Array): SharedArrayBuffer {
    const { capacity } = shape;
    assert(
      Number.isInteger(capacity) && capacity >= 1 && capacity <= MAX_CAPACITY,
      "a shared table has room for 1 to 2^24 names",
    );
    assert(seed.length === SHARED_TABLE_SEED_BYTES, "the seed of a shared table has 16 bytes");
    const { chainsAt, chains } = layoutOf(shape);
    const memory = new SharedArrayBuffer((chainsAt + chains) * Int32Array.BYTES_PER_ELEMENT);
    const words = new Int32Array(memory);
    words[CAPACITY] = capacity;
    words[VALUES] = shape.values;
    words[TOTALS] = shape.totals;
    new Uint8Array(memory).set(seed, SEED * Int32Array.BYTES_PER_ELEMENT);
    return memory;
  }

  /** `memory`: as `SharedTable.memory` made it, whatever was done in it since. */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#floats = new Float64Array(memory);
    this.#lock = new SharedLock(this.#words, LOCK);
    this.#name = new Fingerprinter(this.#words.subarray(SEED));
    this.capacity = this.#words[CAPACITY]!;
    const values = this.#words[VALUES]!;
    const layout = layoutOf({ capacity: this.capacity, values, totals: this.#words[TOTALS]! });
    this.#entriesAt = layout.entriesAt;
    this.#entryWords = layout.entryWords;
    this.#chainsAt = layout.chainsAt;
    this.#chainMask = layout.chains - 1;
  }

  lock(): void {
    this.#lock.lock();
  }

  /** `find` and `add` are of this name, until the lock is taken for another one. */
  lockFor(name: string): void {
    this.#name.take(name);
    this.#lock.lock();
  }

  unlock(): void {
    this.#lock.unlock();
  }

  /** Without the lock: as it was a moment ago. */
  get size(): number {
    return Atomics.load(this.#words, SIZE);
  }

  get isFull(): boolean {
    return this.size === this.capacity;
  }

  /** 0 when there is none. */
  get oldest(): number {
    return this.#words[OLDEST]!;
  }

  /** 0 when there is none. */
  find(): number {
    const words = this.#words;
    const { words: name } = this.#name;
    let entry = words[this.#chainOf(name[0]!)]!;
    while (entry !== NONE) {
      const at = this.#at(entry);
      if (
        words[at] === name[0] &&
        words[at + 1] === name[1] &&
        words[at + 2] === name[2] &&
        words[at + 3] === name[3]
      ) {
        break;
      }
      entry = words[at + CHAINED]!;
    }
    return entry;
  }

  /** As the newest one, its values 0. The name must not be there yet. 0: there is no room. */
  add(): number {
    const entry = this.#takeFree();
    if (entry === NONE) return NONE;
    const words = this.#words;
    const at = this.#at(entry);
    const { words: name } = this.#name;
    for (let word = 0; word < FINGERPRINT_WORDS; word++) words[at + word] = name[word]!;
    const chain = this.#chainOf(words[at]!);
    words[at + CHAINED] = words[chain]!;
    words[chain] = entry;
    for (let word = LINK_WORDS; word < this.#entryWords; word++) words[at + word] = 0;
    this.#append(entry);
    words[SIZE]!++;
    return entry;
  }

  /** Makes it the newest. */
  touch(entry: number): void {
    if (entry === this.#words[NEWEST]) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  remove(entry: number): void {
    const words = this.#words;
    const at = this.#at(entry);
    let link = this.#chainOf(words[at]!);
    while (words[link] !== entry) link = this.#at(words[link]!) + CHAINED;
    words[link] = words[at + CHAINED]!;
    this.#unlink(entry);
    words[at + CHAINED] = words[FREE]!;
    words[FREE] = entry;
    words[SIZE]!--;
  }

  value(entry: number, index: number): number {
    return this.#floats[this.#valueAt(entry, index)]!;
  }

  setValue(entry: number, index: number, value: number): void {
    this.#floats[this.#valueAt(entry, index)] = value;
  }

  total(index: number): number {
    return this.#floats[HEADER_WORDS / 2 + index]!;
  }

  addToTotal(index: number, more: number): void {
    this.#floats[HEADER_WORDS / 2 + index]! += more;
  }

  #takeFree(): number {
    const words = this.#words;
    const entry = words[FREE]!;
    if (entry !== NONE) {
      words[FREE] = words[this.#at(entry) + CHAINED]!;
      return entry;
    }
    return words[USED]! < this.capacity ? ++words[USED]! : NONE;
  }

  #append(entry: number): void {
    const words = this.#words;
    const newest = words[NEWEST]!;
    const at = this.#at(entry);
    words[at + OLDER] = newest;
    words[at + NEWER] = NONE;
    words[newest === NONE ? OLDEST : this.#at(newest) + NEWER] = entry;
    words[NEWEST] = entry;
  }

  /** Takes it out of the order of age. */
  #unlink(entry: number): void {
    const words = this.#words;
    const at = this.#at(entry);
    const older = words[at + OLDER]!;
    const newer = words[at + NEWER]!;
    words[older === NONE ? OLDEST : this.#at(older) + NEWER] = newer;
    words[newer === NONE ? NEWEST : this.#at(newer) + OLDER] = older;
  }

  /** The word with a chain's first entry. */
  #chainOf(firstWord: number): number {
    return this.#chainsAt + (firstWord & this.#chainMask);
  }

  /** An entry's first word. */
  #at(entry: number): number {
    return this.#entriesAt + entry * this.#entryWords;
  }

  #valueAt(entry: number, index: number): number {
    return (this.#at(entry) + LINK_WORDS) / 2 + index;
  }
}

/** In words. All parts have an even number of them, so that the float64s lie where they must. */
function layoutOf({ capacity, values, totals }: SharedTableShape) {
  const entriesAt = HEADER_WORDS + 2 * totals;
  const entryWords = LINK_WORDS + 2 * values;
  const chainsAt = entriesAt + (capacity + 1) * entryWords;
  return { entriesAt, entryWords, chainsAt, chains: 2 ** Math.max(1, Math.ceil(Math.log2(capacity))) };
}
