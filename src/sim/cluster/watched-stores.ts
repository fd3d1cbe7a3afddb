import type { OrderedStore, StoreChange, StoreOpener } from "../../platform/index.ts";

/** Ordered stores whose writes are shown, once they have been carried out, to whoever watches. */
export function watchedStores(
  stores: StoreOpener,
  onWritten: (directory: string, changes: readonly StoreChange[]) => void,
): StoreOpener {
  return {
    open: async (directory, options) =>
      watched(await stores.open(directory, options), (changes) => onWritten(directory, changes)),
  };
}

function watched(store: OrderedStore, onWritten: (changes: readonly StoreChange[]) => void): OrderedStore {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    write: async (changes, options) => {
      await store.write(changes, options);
      onWritten(changes);
    },
    scan: (range) => store.scan(range),
    page: (range) => store.page(range),
    snapshot: () => store.snapshot(),
    clear: (range) => store.clear(range),
    close: () => store.close(),
  };
}
