import { Mutex } from "../../base/index.ts";
import { StateStoreDirectory } from "../../meta/index.ts";
import { DiskError, type OrderedStore, type ScanRange, type StoreChange } from "../../platform/index.ts";
import type { EnginesOptions } from "./options.ts";

type UpkeepStoreOptions = Pick<EnginesOptions, "platform" | "dataDirectory" | "logger">;

/**
 * What the node remembers of its upkeep. Losing it costs time only: what is damaged is put aside as `upkeep.damaged-<n>`, and the node begins with an empty one. A store
 * of which a write has failed takes no more; it is closed then, and opened again by the next who writes.
 */
export class ReopeningUpkeepStore implements Pick<OrderedStore, "get" | "page" | "write" | "close"> {
  readonly #options: UpkeepStoreOptions;
  readonly #calls = new Mutex();
  /** Undefined while it could not be opened again. */
  #store: OrderedStore | undefined;
  #hasFailed = false;
  #isClosed = false;

  private constructor(options: UpkeepStoreOptions, store: OrderedStore) {
    this.#options = options;
    this.#store = store;
  }

  /** Reads it once. Rejects with DiskError for everything but damage. */
  static async open(options: UpkeepStoreOptions): Promise<ReopeningUpkeepStore> {
    return new ReopeningUpkeepStore(options, await openOrBegin(options));
  }

  /** As `OrderedStore.get`. Throws DiskError "io" also while the store could not be opened again. */
  get(key: string): Uint8Array | undefined {
    if (this.#store === undefined) throw this.#refusal();
    return this.#store.get(key);
  }

  page(range: ScanRange & { readonly limit: number }) {
    return this.#calls.run(async () => (await this.#current()).page(range));
  }

  /** As `OrderedStore.write`, but a failed write does not stand in the way of the next one. */
  write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void> {
    return this.#calls.run(async () => {
      if (this.#hasFailed) await this.#letGo();
      const store = await this.#current();
      try {
        await store.write(changes, options);
      } catch (error) {
        this.#hasFailed = true;
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#calls.run(async () => {
      this.#isClosed = true;
      await this.#letGo();
    });
  }

  async #letGo(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    this.#hasFailed = false;
    await store?.close();
  }

  async #current(): Promise<OrderedStore> {
    if (this.#isClosed) throw this.#refusal();
    this.#store ??= await openOrBegin(this.#options);
    return this.#store;
  }

  #refusal(): DiskError {
    return new DiskError("io", pathOf(this.#options), "the store is closed");
  }
}

function pathOf({ dataDirectory }: UpkeepStoreOptions): string {
  return `${dataDirectory}/upkeep`;
}

async function openOrBegin(options: UpkeepStoreOptions): Promise<OrderedStore> {
  const { platform, logger } = options;
  const path = pathOf(options);
  try {
    return await openReadable(options, path);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === "damaged")) throw error;
    const setAside = await StateStoreDirectory.setAside(platform.disk, path);
    logger.warn("what this node remembered of scrub and inventory is damaged: put aside, both begin anew", {
      setAside,
      error,
    });
    return platform.stores.open(path);
  }
}

/** Damage of a row would else stop scrub or inventory whenever they come to it. There are few rows, all of them small. */
async function openReadable({ platform }: Pick<EnginesOptions, "platform">, path: string) {
  const store = await platform.stores.open(path);
  try {
    for await (const _ of store.scan({}));
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
