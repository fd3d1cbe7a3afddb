import { StateStoreDirectory } from "../../meta/index.ts";
import { DiskError, type OrderedStore } from "../../platform/index.ts";
import type { EnginesOptions } from "./options.ts";

/**
 * Opens what the node remembers of its upkeep, and reads it once. Losing it costs time only: what is damaged is put aside as `upkeep.damaged-<n>`, and the node begins
 * with an empty one. Throws DiskError for everything else.
 */
export async function openUpkeepStore(
  options: Pick<EnginesOptions, "platform" | "dataDirectory" | "logger">,
): Promise<OrderedStore> {
  const { platform, dataDirectory, logger } = options;
  const path = `${dataDirectory}/upkeep`;
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
