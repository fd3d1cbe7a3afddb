import type { ConfState, Entry, HardState } from "../types.ts";
import {
  aligned,
  BATCH_END_PREFIX_BYTES,
  ENTRY_PREFIX_BYTES,
  GROUP_SUMMARY_BYTES,
  RECORD_HEADER_BYTES,
  RUN_BYTES,
  recordBytes,
} from "./format.ts";
import { CONF_STATE_PREFIX_BYTES, type LogPosition, type SnapshotMark } from "./record.ts";

/** One piece of work for the log, all of it in one batch. Its parts take effect in the order in which they stand here. */
export interface WalJob {
  readonly groupId: number;
  readonly hardState?: HardState | undefined;
  readonly fence?: LogPosition | undefined;
  readonly mark?: SnapshotMark | undefined;
  readonly confState?: { readonly index: number; readonly confState: ConfState } | undefined;
  /** Consecutive. When the first is not behind the end of the log, the log is cut back first. */
  readonly entries?: readonly Entry[] | undefined;
  /** False: nobody waits for it; it is written with the next job that somebody waits for. Default true. */
  readonly urgent?: boolean | undefined;
  /** Everything up to here is durable. Called in the order of the jobs, never after a failure. */
  readonly onDurable?: (() => void) | undefined;
}

/** What a group has in the log so far. */
export interface GroupTail {
  hardState: HardState;
  last: LogPosition;
  mark: SnapshotMark;
  confState: { readonly index: number; readonly confState: ConfState } | undefined;
  fence: LogPosition | undefined;
}

/** What a group takes in the head of a segment. */
export function groupHeadBytes(tail: GroupTail): number {
  return recordBytes(8) + confStateBytes(tail.confState?.confState) + recordBytes(0) + recordBytes(8);
}

function confStateBytes(confState: ConfState | undefined): number {
  if (confState === undefined) return 0;
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  const ids = voters.length + learners.length + votersOutgoing.length + learnersNext.length;
  return recordBytes(CONF_STATE_PREFIX_BYTES + ids * 8);
}

/** An upper bound of what a job takes in a batch. */
export function jobBytes(job: WalJob): number {
  let bytes = job.hardState === undefined ? 0 : recordBytes(8);
  if (job.fence !== undefined) bytes += recordBytes(0);
  if (job.mark !== undefined) bytes += recordBytes(8);
  bytes += confStateBytes(job.confState?.confState);
  const entries = job.entries ?? [];
  if (entries.length > 0) bytes += recordBytes(0);
  let term = -1;
  for (const entry of entries) {
    bytes += recordBytes(ENTRY_PREFIX_BYTES + entry.data.length);
    if (entry.term !== term) bytes += RUN_BYTES;
    term = entry.term;
  }
  return bytes;
}

/** An upper bound of a BatchEnd without its runs. */
export function batchEndBytes(groupCount: number): number {
  return aligned(RECORD_HEADER_BYTES + BATCH_END_PREFIX_BYTES + groupCount * GROUP_SUMMARY_BYTES);
}
