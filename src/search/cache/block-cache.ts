/**
 * Blocks of blobs in memory, within a budget. A block that is read once stays a while; one that is read again is moved to where only such blocks push
 * each other out. So reading everything once, as an export or a merge does, does not push out what queries need (segmented LRU).
 */

import { LRUCache } from "lru-cache";

/** Of the budget, for blocks that were read once. */
const PROBATION_SHARE = 0.25;

export interface CacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly bytes: number;
}

export class BlockCache {
  readonly #probation: LRUCache<string, Uint8Array>;
  readonly #protected: LRUCache<string, Uint8Array>;
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  constructor(budgetBytes: number) {
    const probationBytes = Math.max(1, Math.floor(budgetBytes * PROBATION_SHARE));
    const protectedBytes = Math.max(1, budgetBytes - probationBytes);
    this.#protected = new LRUCache({
      maxSize: protectedBytes,
      sizeCalculation: ({ length }) => Math.max(1, length),
      // What leaves the protected part gets another chance.
      dispose: (block, key, reason) => {
        if (reason === "evict") this.#probation.set(key, block);
      },
    });
    this.#probation = new LRUCache({
      maxSize: probationBytes,
      sizeCalculation: ({ length }) => Math.max(1, length),
      dispose: (_block, _key, reason) => {
        if (reason === "evict") this.#evictions++;
      },
    });
  }

  get(key: string): Uint8Array | undefined {
    const kept = this.#protected.get(key);
    const block = kept ?? this.#probation.get(key);
    if (block === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    if (kept === undefined) {
      this.#probation.delete(key);
      this.#protected.set(key, block);
    }
    return block;
  }

  set(key: string, block: Uint8Array): void {
    if (!this.#protected.has(key)) this.#probation.set(key, block);
  }

  counters(): CacheCounters {
    const bytes = this.#probation.calculatedSize + this.#protected.calculatedSize;
    return { hits: this.#hits, misses: this.#misses, evictions: this.#evictions, bytes };
  }
}
