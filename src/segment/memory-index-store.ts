import { compareKeys } from "../base/index.ts";
import type { ScanRange, StoreChange, StoreRow } from "../platform/index.ts";
import type { IndexStore } from "./chunk-index.ts";

/** Holds the chunk index of a disk on which no store can be opened because it takes no writes: made again with every start. */
export class MemoryIndexStore implements IndexStore {
  readonly #rows = new Map<string, Uint8Array>();
  #sortedKeys: string[] | undefined;

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => this.#rows.get(key));
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    for (const change of changes) {
      const known = this.#rows.has(change.key);
      if (change.kind === "put") this.#rows.set(change.key, change.value);
      else this.#rows.delete(change.key);
      if (known !== (change.kind === "put")) this.#sortedKeys = undefined;
    }
  }

  async page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    this.#sortedKeys ??= [...this.#rows.keys()].sort(compareKeys);
    const keys = this.#sortedKeys;
    const rows: StoreRow[] = [];
    for (let i = this.#firstIn(keys, range); i < keys.length && rows.length < range.limit; i++) {
      const key = keys[i]!;
      if (range.lt !== undefined && compareKeys(key, range.lt) >= 0) break;
      rows.push({ key, value: this.#rows.get(key)! });
    }
    return rows;
  }

  async clear(range: ScanRange): Promise<void> {
    for (const { key } of await this.page({ ...range, limit: this.#rows.size })) this.#rows.delete(key);
    this.#sortedKeys = undefined;
  }

  async close(): Promise<void> {}

  #firstIn(keys: readonly string[], range: ScanRange): number {
    let low = 0;
    let high = keys.length;
    const before = (key: string): boolean =>
      range.gt !== undefined ? compareKeys(key, range.gt) <= 0 : compareKeys(key, range.gte ?? "") < 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(keys[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
