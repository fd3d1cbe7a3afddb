import { DiskError, type OrderedStore, type StoreSnapshot } from "../platform/index.ts";
import { MetaError } from "./errors.ts";

/** The store that holds the state now, to be read from. */
export interface StateRows {
  get(key: string): Uint8Array | undefined;
  /** Runs `action` on the store of now, which stays open until it is done. */
  use<T>(action: (store: OrderedStore) => Promise<T>): Promise<T>;
  /** A view of the store of now. It must be closed, also for the store's sake. */
  snapshot(): StoreSnapshot;
}

/**
 * The state store for those who answer requests from it. A row that the disk does not give says nothing about what is in the row: the read is refused, and
 * another node has the same rows. What is to become of this node, `onUnreadable` decides.
 */
export class ReadableStore {
  readonly #store: StateRows;
  readonly #onUnreadable: (error: DiskError) => void;

  constructor(store: StateRows, onUnreadable: (error: DiskError) => void) {
    this.#store = store;
    this.#onUnreadable = onUnreadable;
  }

  /** Throws MetaError "unavailable" when the disk does not give it. */
  get(key: string): Uint8Array | undefined {
    try {
      return this.#store.get(key);
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  /** Runs `action` on the store of now; rejects with MetaError "unavailable" for what the disk refuses. */
  async use<T>(action: (store: OrderedStore) => Promise<T>): Promise<T> {
    try {
      return await this.#store.use(action);
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  /** Reads through a view of the store of now, which is closed afterwards. */
  async useSnapshot<T>(action: (snapshot: StoreSnapshot) => Promise<T>): Promise<T> {
    try {
      const snapshot = this.#store.snapshot();
      try {
        return await action(snapshot);
      } finally {
        await snapshot.close();
      }
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #refusal(error: unknown): unknown {
    if (!(error instanceof DiskError)) return error;
    this.#onUnreadable(error);
    return new MetaError("unavailable", "this node cannot read its metadata now", { cause: error });
  }
}
