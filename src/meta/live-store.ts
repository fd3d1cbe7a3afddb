import { assert, Deferred } from "../base/index.ts";
import type { OrderedStore, StoreChange, StoreSnapshot } from "../platform/index.ts";

interface Generation {
  readonly store: OrderedStore;
  users: number;
  retired: (() => Promise<void>) | undefined;
}

/**
 * The store that holds the state now. An installed snapshot puts another one in its place; reads that are under way finish on the old one,
 * which is given up when the last of them is done.
 */
export class LiveStore {
  #current: Generation;
  /** Retired stores whose readers are not done, or which are being given up. */
  readonly #retiring = new Set<Promise<void>>();

  constructor(store: OrderedStore) {
    this.#current = { store, users: 0, retired: undefined };
  }

  get(key: string): Uint8Array | undefined {
    return this.#current.store.get(key);
  }

  write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void> {
    return this.#current.store.write(changes, options);
  }

  /** Runs `action` on the store of now, which stays open until it is done. */
  async use<T>(action: (store: OrderedStore) => Promise<T>): Promise<T> {
    const generation = this.#current;
    generation.users++;
    try {
      return await action(generation.store);
    } finally {
      this.#release(generation);
    }
  }

  /** A view of the store of now. It must be closed, also for the store's sake. */
  snapshot(): StoreSnapshot {
    const generation = this.#current;
    const snapshot = generation.store.snapshot();
    generation.users++;
    let closed = false;
    return {
      get: (key) => snapshot.get(key),
      getMany: (keys) => snapshot.getMany(keys),
      scan: (range) => snapshot.scan(range),
      page: (range) => snapshot.page(range),
      close: async () => {
        if (closed) return;
        closed = true;
        await snapshot.close();
        this.#release(generation);
      },
    };
  }

  /** From now on, everything goes to `store`. `retire` closes the old one and removes what it leaves, once nobody reads it. */
  replace(store: OrderedStore, retire: (old: OrderedStore) => Promise<void>): void {
    const old = this.#current;
    this.#current = { store, users: 0, retired: undefined };
    const retired = new Deferred<void>();
    old.retired = () => retire(old.store).then(retired.resolve.bind(retired), retired.reject.bind(retired));
    this.#retiring.add(retired.promise);
    const forget = (): void => {
      this.#retiring.delete(retired.promise);
    };
    retired.promise.then(forget, forget);
    if (old.users === 0) void old.retired();
  }

  #release(generation: Generation): void {
    generation.users--;
    assert(generation.users >= 0, "a store is released as often as it was taken");
    if (generation.users === 0) void generation.retired?.();
  }

  /** Waits for retired stores that are being given up, then closes the store of now. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#retiring]);
    await this.#current.store.close();
  }
}
