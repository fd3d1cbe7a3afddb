import { ClusterError } from "../../cluster/index.ts";
import { StateStoreDirectory, StateStoreError } from "../../meta/index.ts";
import { DiskError } from "../../platform/index.ts";
import type { EnginesOptions } from "./options.ts";

/** Lies in the data directory when a running node found that its state store is damaged. */
const DAMAGE_MARKER = "state-damaged";

type StateOptions = Pick<EnginesOptions, "platform" | "dataDirectory" | "identified" | "logger" | "metrics">;

/**
 * Opens the applied metadata. What is damaged is put aside, and the node begins with an empty state: the log fills it from its beginning, or, where
 * that is gone, the leader sends a snapshot. A node that knows of no other one has nobody to get it from and is refused: throws ClusterError
 * "state-damaged".
 */
export async function openStateStore(options: StateOptions): Promise<StateStoreDirectory> {
  const { platform, dataDirectory, identified, logger, metrics } = options;
  const path = `${dataDirectory}/state`;
  const marker = `${dataDirectory}/${DAMAGE_MARKER}`;
  try {
    if (await platform.disk.exists(marker)) {
      throw new StateStoreError("damaged", "this node stopped because it read damaged metadata");
    }
    return await openReadable(options, path);
  } catch (error) {
    if (!isStateDamage(error)) throw error;
    if (identified.peers.length === 0) throw damagedAlone(path, error);
    // An earlier start may have come this far, and no further.
    const isThere = await platform.disk.exists(path);
    const setAside = isThere ? await StateStoreDirectory.setAside(platform.disk, path) : undefined;
    if (await platform.disk.exists(marker)) await platform.disk.remove(marker);
    await platform.disk.syncDirectory(dataDirectory);
    metrics.stateRebuilds.increment();
    logger.error(
      "the metadata on this disk are damaged: put aside, and built again from the log or the leader",
      {
        setAside,
        error,
      },
    );
    return StateStoreDirectory.open(platform, path);
  }
}

/** What the node stopped for was damage of its metadata: the next start puts them aside instead of meeting it again. */
export async function noteStateDamage(options: StateOptions, error: unknown): Promise<void> {
  if (!isStateDamage(error) && !(error instanceof Error && isStateDamage(error.cause))) return;
  const { disk } = options.platform;
  const marker = `${options.dataDirectory}/${DAMAGE_MARKER}`;
  if (await disk.exists(marker)) return;
  await (await disk.open(marker, "create")).close();
  await disk.syncDirectory(options.dataDirectory);
}

/** Open, and the rows that say where the state stands can be read. */
async function openReadable(options: StateOptions, path: string): Promise<StateStoreDirectory> {
  const directory = await StateStoreDirectory.open(options.platform, path);
  try {
    directory.checkReadable();
    return directory;
  } catch (error) {
    await directory.close();
    throw error;
  }
}

function isStateDamage(error: unknown): boolean {
  return (error instanceof StateStoreError || error instanceof DiskError) && error.code === "damaged";
}

function damagedAlone(path: string, cause: unknown): ClusterError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ClusterError(
    "state-damaged",
    `the metadata in ${path} are damaged (${reason}), and this node knows of no other node that has them`,
    "nothing was changed: restore the whole data directory from a backup, all of it from one moment",
    { cause },
  );
}
