import { assert } from "../../base/index.ts";
import type { OrderedStore, StoreSnapshot } from "../../platform/index.ts";
import { LiveStore } from "../live-store.ts";
import type { StateRows } from "../readable-store.ts";

export interface FollowingStoreOptions {
  /** Of ReaderStart. */
  readonly generation: SharedArrayBuffer;
  /** The live one. */
  readonly store: OrderedStore;
  readonly open: (directory: string) => Promise<OrderedStore>;
  /** A store that was live is not read any more. */
  readonly onReleased: () => void;
}

/**
 * The store that holds the state now, on a thread that did not put it there. The number of the live one lies in shared memory and is looked at before every read:
 * what is read after an index was published is of the store that the index belongs to.
 */
export class FollowingStore implements StateRows {
  readonly #options: FollowingStoreOptions;
  readonly #generation: Int32Array;
  readonly #live: LiveStore;
  #present: number;
  #next: OrderedStore | undefined;

  constructor(options: FollowingStoreOptions) {
    this.#options = options;
    this.#generation = new Int32Array(options.generation);
    this.#present = Atomics.load(this.#generation, 0);
    this.#live = new LiveStore(options.store);
  }

  /** Opens what may become the live store. What was opened before, and did not, is closed. */
  async prepare(directory: string): Promise<void> {
    const before = this.#next;
    this.#next = undefined;
    await before?.close();
    this.#next = await this.#options.open(directory);
  }

  /** Goes with the others at once, also when nobody reads. */
  follow(): void {
    const generation = Atomics.load(this.#generation, 0);
    if (generation === this.#present) return;
    const next = this.#next;
    assert(next !== undefined, "a store is opened by all who read it before it becomes the live one");
    this.#next = undefined;
    this.#present = generation;
    this.#live.replace(next, async (old) => {
      await old.close();
      this.#options.onReleased();
    });
  }

  get(key: string): Uint8Array | undefined {
    this.follow();
    return this.#live.get(key);
  }

  use<T>(action: (store: OrderedStore) => Promise<T>): Promise<T> {
    this.follow();
    return this.#live.use(action);
  }

  snapshot(): StoreSnapshot {
    this.follow();
    return this.#live.snapshot();
  }

  async close(): Promise<void> {
    await this.#next?.close();
    await this.#live.close();
  }
}
