import type { NodeId } from "../types.ts";
import { entriesSizeBytes } from "./entry.ts";
import type { Progress } from "./progress.ts";
import type { Raft } from "./raft.ts";

/** Sends a member what it lacks, or at least the commit index; nothing when it is paused. */
export function sendAppend(raft: Raft, to: NodeId): void {
  maybeSendAppend(raft, to, true);
}

/**
 * Sends a member the next entries, in one message. `evenIfEmpty`: without entries too, to tell the commit index. False: there was
 * nothing to send, or it is paused.
 */
export function maybeSendAppend(raft: Raft, to: NodeId, evenIfEmpty: boolean): boolean {
  const progress = raft.tracker.get(to)!;
  if (progress.paused) return false;
  const previous = progress.next - 1;
  const logTerm = raft.log.term(previous);
  // What it lacks was cut from the log.
  if (logTerm === undefined) return maybeSendSnapshot(raft, to, progress);
  // A full window still lets an empty message through, once per heartbeat: its answer clears a window that was lost on the way.
  const windowFull = progress.state === "StateReplicate" && progress.inflights.full;
  const entries = windowFull ? [] : raft.log.entriesFrom(progress.next, raft.options.maxMessageBytes);
  if (entries === undefined) return maybeSendSnapshot(raft, to, progress);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const commit = raft.log.committed;
  raft.send({ type: "MsgApp", to, index: previous, logTerm, entries, commit });
  progress.sentEntries(entries.length, entriesSizeBytes(entries));
  progress.sentCommit(commit);
  return true;
}

/** Sends every other member what it lacks, or the commit index. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.ids) if (id !== raft.id) sendAppend(raft, id);
}

/** Sends what is new to members that have nothing to wait for, without empty messages. */
export function probeAll(raft: Raft): void {
  for (const id of raft.tracker.ids) if (id !== raft.id) maybeSendAppend(raft, id, false);
}

/** Sends as many messages as there are entries and window for. */
export function sendAllPending(raft: Raft, to: NodeId): void {
  while (maybeSendAppend(raft, to, false));
}

/** Heartbeats say that this leader leads, ask to confirm the reads that wait, and tell what is committed. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext();
  for (const id of raft.tracker.ids) if (id !== raft.id) sendHeartbeat(raft, id, context);
}

function sendHeartbeat(raft: Raft, to: NodeId, context: Uint8Array | undefined): void {
  const progress = raft.tracker.get(to)!;
  // Never beyond what is known to agree: the follower takes it unseen.
  const commit = Math.min(progress.match, raft.log.committed);
  raft.send({ type: "MsgHeartbeat", to, commit, context });
  progress.sentCommit(commit);
}

function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  // Snapshots are not made for the dead.
  if (!progress.recentActive) return false;
  const snapshot = raft.log.snapshot();
  if (snapshot === undefined || snapshot.metadata.index === 0) return false;
  progress.becomeSnapshot(snapshot.metadata.index);
  raft.send({ type: "MsgSnap", to, snapshot });
  return true;
}
