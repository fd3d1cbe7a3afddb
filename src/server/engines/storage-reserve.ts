import { DEFAULT_RAFT_SETTINGS, logGrowthBytes, type RaftSettings } from "../../raft/index.ts";
import type { SegmentStoreSettings } from "../../segment/index.ts";
import type { Config } from "../config/index.ts";

/** Least part of the reserve beside what is for the log, in bytes. */
const LEAST_BESIDE_LOG = 64 * 1024 * 1024;
/** So much of what is not for the log may be used to get space back; the rest is left to the stores of rows. */
const RECLAIM_PART = 0.75;

/**
 * Free space that segments leave alone, in bytes: as configured, but never less than the log takes until it is cut, which lies on the same disk. A log without room ends
 * the node, and then nothing can be deleted any more either. Beside that there is a part in which space is given back: without it a disk that was filled with chunks
 * that are deleted one here and one there would stay full.
 */
export function storageReserve(
  config: Pick<Config, "storage.reserve" | "raft.wal_segment_size">,
  tuning: Partial<RaftSettings> = {},
): Pick<SegmentStoreSettings, "reserveBytes" | "reclaimBytes"> {
  const walSegmentBytes = config["raft.wal_segment_size"];
  const logBytes = logGrowthBytes({ ...DEFAULT_RAFT_SETTINGS, walSegmentBytes, ...tuning });
  const reserveBytes = Math.max(config["storage.reserve"], logBytes + LEAST_BESIDE_LOG);
  return { reserveBytes, reclaimBytes: (reserveBytes - logBytes) * RECLAIM_PART };
}
