import { SharedTable } from "../base/index.ts";

// What the table keeps of a signature, and altogether.
const ENDS_MS = 0;
const REPEATED = 0;
const FORGOTTEN_EARLY = 1;

/**
 * Signatures that were accepted, so that the same request is noticed when it comes again. A signature covers one request head, so two requests with the
 * same signature are the same request. Pure: the wall time comes in with every call. Bounded: when it is full the oldest signature is forgotten. It lies in
 * memory that threads share: caches with the same memory, on whatever threads, are one.
 */
export class ReplayCache {
  /** When each signature ends, in the order in which they came. */
  readonly #signatures: SharedTable;

  /** `memory`: of `ReplayCache.memory`. */
  constructor(memory: SharedArrayBuffer) {
    this.#signatures = new SharedTable(memory);
  }

  /** `seed`: `SHARED_TABLE_SEED_BYTES` random bytes. */
  static memory(maxSignatures: number, seed: Uint8Array): SharedArrayBuffer {
    return SharedTable.memory({ capacity: maxSignatures, values: 1, totals: 2 }, seed);
  }

  /** "repeated": it was noted before and has not ended. Else it is noted now. */
  note(signature: string, endsMs: number, nowMs: number): "fresh" | "repeated" {
    const table = this.#signatures;
    table.lockFor(signature);
    const known = table.find();
    const isRepeated = known !== 0 && table.value(known, ENDS_MS) >= nowMs;
    if (isRepeated) table.addToTotal(REPEATED, 1);
    else this.#noteFresh(known, endsMs, nowMs);
    table.unlock();
    return isRepeated ? "repeated" : "fresh";
  }

  /** The request came to nothing: its client may send it again. */
  forget(signature: string): void {
    this.#signatures.lockFor(signature);
    const known = this.#signatures.find();
    if (known !== 0) this.#signatures.remove(known);
    this.#signatures.unlock();
  }

  get size(): number {
    return this.#signatures.size;
  }

  /** How many came again. */
  get repeated(): number {
    return this.#total(REPEATED);
  }

  /** Signatures that could still have been repeated when they had to go: the cache is too small for the traffic. */
  get forgottenEarly(): number {
    return this.#total(FORGOTTEN_EARLY);
  }

  /** `known`: its entry, if it ended before. */
  #noteFresh(known: number, endsMs: number, nowMs: number): void {
    const table = this.#signatures;
    if (known === 0 && table.isFull) this.#makeRoom(nowMs);
    const entry = known === 0 ? table.add() : known;
    table.setValue(entry, ENDS_MS, endsMs);
    table.touch(entry);
  }

  #makeRoom(nowMs: number): void {
    const table = this.#signatures;
    const { oldest } = table;
    if (table.value(oldest, ENDS_MS) >= nowMs) table.addToTotal(FORGOTTEN_EARLY, 1);
    table.remove(oldest);
  }

  #total(index: number): number {
    this.#signatures.lock();
    const total = this.#signatures.total(index);
    this.#signatures.unlock();
    return total;
  }
}
