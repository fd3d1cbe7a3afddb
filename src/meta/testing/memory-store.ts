import { compareKeys } from "../../base/index.ts";
import type { OrderedStore, ScanRange, StoreChange, StoreRow, StoreSnapshot } from "../../platform/index.ts";

/** An ordered store in memory, without faults and without waiting: for tests of what lies on top of it. */
export class MemoryStore implements OrderedStore {
  readonly #rows: Map<string, Uint8Array>;
  /** How many batches were written. */
  writes = 0;
  /** The keys in order, until one comes or goes. */
  #sorted: string[] | undefined;

  constructor(rows: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#rows = new Map(rows);
  }

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => this.#rows.get(key));
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    this.writes++;
    this.applyNow(changes);
  }

  applyNow(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if (this.#rows.has(change.key) !== (change.kind === "put")) this.#sorted = undefined;
      if (change.kind === "put") this.#rows.set(change.key, change.value);
      else this.#rows.delete(change.key);
    }
  }

  /** All rows in key order. */
  all(): StoreRow[] {
    return this.#keys().map((key) => ({ key, value: this.#rows.get(key)! }));
  }

  #keys(): readonly string[] {
    this.#sorted ??= [...this.#rows.keys()].sort(compareKeys);
    return this.#sorted;
  }

  copy(): MemoryStore {
    return new MemoryStore(this.#rows);
  }

  async *scan(range: ScanRange): AsyncGenerator<StoreRow> {
    yield* this.#select(range);
  }

  async page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    return this.#select(range);
  }

  #select({ gt, gte, lt, lte, reverse, limit }: ScanRange): StoreRow[] {
    const begin = Math.max(this.#position(gte, false, 0), this.#position(gt, true, 0));
    const all = this.#keys().length;
    const end = Math.min(this.#position(lt, false, all), this.#position(lte, true, all));
    const keys = this.#keys().slice(begin, Math.max(begin, end));
    const ordered = reverse === true ? keys.reverse() : keys;
    return ordered.slice(0, limit).map((key) => ({ key, value: this.#rows.get(key)! }));
  }

  /** How many keys lie before the bound, or at it where `behind` says so. */
  #position(bound: string | undefined, behind: boolean, otherwise: number): number {
    if (bound === undefined) return otherwise;
    const keys = this.#keys();
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = compareKeys(keys[middle]!, bound);
      if (order < 0 || (behind && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  snapshot(): StoreSnapshot {
    const copy = this.copy();
    return {
      get: (key) => copy.get(key),
      getMany: (keys) => copy.getMany(keys),
      scan: (range) => copy.scan(range),
      page: (range) => copy.page(range),
      close: async () => {},
    };
  }

  async clear(range: ScanRange): Promise<void> {
    this.applyNow(this.#select(range).map(({ key }) => ({ kind: "delete", key })));
  }

  async close(): Promise<void> {}
}
