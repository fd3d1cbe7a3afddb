import type { Message, Snapshot } from "../types.ts";
import { entriesSizeBytes } from "./entry.ts";
import { proposeLeaveJoint } from "./proposals.ts";
import type { Raft } from "./raft.ts";

/**
 * Storage has written everything that was handed out before this response was made. `stale`: the term has changed since, and another
 * write on its way may replace these entries, even by equal ones; they are stable when a write of the present term says so.
 */
export function stepAppended(raft: Raft, response: Message, stale: boolean): void {
  if (response.index !== 0 && !stale) raft.log.unstable.stableTo(response.index, response.logTerm);
  // A snapshot holds what is committed: no term can undo it.
  if (response.snapshot !== undefined) appliedSnapshot(raft, response.snapshot);
}

/** The state machine has applied these entries. */
export function stepApplied(raft: Raft, response: Message): void {
  const last = response.entries.at(-1);
  if (last === undefined) return;
  const sizeBytes = entriesSizeBytes(response.entries);
  appliedTo(raft, last.index, sizeBytes);
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - sizeBytes);
}

function appliedSnapshot(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.metadata.index);
  appliedTo(raft, snapshot.metadata.index, 0);
}

function appliedTo(raft: Raft, index: number, sizeBytes: number): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), sizeBytes);
  // Asked anew whenever something is applied, not only for the entry that made the configuration joint: its leader may have changed,
  // or a transfer may have been under way.
  const { autoLeave } = raft.tracker.configuration;
  if (autoLeave && raft.role === "StateLeader" && raft.log.applied >= raft.pendingConfIndex)
    proposeLeaveJoint(raft);
}
