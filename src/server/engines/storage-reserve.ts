import { DEFAULT_RAFT_SETTINGS, logGrowthBytes, type RaftSettings } from "../../raft/index.ts";
import type { Config } from "../config/index.ts";

/**
 * Free space that segments leave alone, in bytes: as configured, but never less than the log takes until it is cut, which lies on the same disk. A log without room ends
 * the node, and then nothing can be deleted any more either.
 */
export function storageReserve(
  config: Pick<Config, "storage.reserve" | "raft.wal_segment_size">,
  tuning: Partial<RaftSettings> = {},
): number {
  const walSegmentBytes = config["raft.wal_segment_size"];
  return Math.max(
    config["storage.reserve"],
    logGrowthBytes({ ...DEFAULT_RAFT_SETTINGS, walSegmentBytes, ...tuning }),
  );
}
