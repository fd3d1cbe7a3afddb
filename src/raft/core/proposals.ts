import { EMPTY_BYTES } from "../../base/index.ts";
import type { ConfChange, Entry, Message } from "../types.ts";
import { changeConfiguration, LEAVE_JOINT } from "./conf-change.ts";
import { isJoint } from "./configuration.ts";
import { entriesSizeBytes, isConfChange } from "./entry.ts";
import { message, NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { broadcastAppend } from "./replication.ts";
import type { StepResult } from "./status.ts";

/** An entry as it is proposed: the leader gives it its place in the log. */
export function proposedEntry(type: Entry["type"], data: Uint8Array): Entry {
  return { term: 0, index: 0, type, data, timeMs: 0 };
}

/**
 * Puts entries at the end of a leader's log, stamped with its term and time. False: its uncommitted tail is full. Entries of the
 * leader's own (`ownBusiness`: the first of a term, the end of a joint configuration) are never refused.
 */
export function appendEntries(raft: Raft, proposed: readonly Entry[], ownBusiness = false): boolean {
  const sizeBytes = ownBusiness ? 0 : entriesSizeBytes(proposed);
  if (!ownBusiness) {
    // An empty tail takes an entry of any size: else it could never be proposed.
    const after = raft.uncommittedBytes + sizeBytes;
    if (raft.uncommittedBytes > 0 && after > raft.options.maxUncommittedBytes) return false;
  }
  raft.uncommittedBytes += sizeBytes;
  const timeMs = raft.stamps.takeMs();
  let index = raft.log.lastIndex();
  const entries = proposed.map(({ type, data }) => ({ term: raft.term, index: ++index, type, data, timeMs }));
  raft.log.append(entries);
  // The leader's own acknowledgement waits for its own disk, like everybody's (thesis 10.2.1).
  raft.send({ type: "MsgAppResp", to: raft.id, index });
  return true;
}

/** The first entry of a term, without which nothing of earlier terms could be committed. */
export function appendFirstOfTerm(raft: Raft): void {
  appendEntries(raft, [proposedEntry("EntryNormal", EMPTY_BYTES)], true);
}

/** A proposal has reached the leader. */
export function stepProposal(raft: Raft, proposal: Message): StepResult {
  if (proposal.entries.length === 0) return "dropped";
  // Removed, and not stepped down; or on the way to hand over.
  if (raft.tracker.get(raft.id) === undefined || raft.leadTransferee !== NONE) return "dropped";
  const pendingBefore = raft.pendingConfIndex;
  const entries = admitConfChanges(raft, proposal.entries);
  if (entries === undefined || !appendEntries(raft, entries)) {
    raft.pendingConfIndex = pendingBefore;
    return "dropped";
  }
  broadcastAppend(raft);
  return "accepted";
}

/** Proposes to leave the joint configuration: called whenever something is applied, until it happens. */
export function proposeLeaveJoint(raft: Raft): void {
  const leave = proposedEntry("EntryConfChangeV2", EMPTY_BYTES);
  if (raft.tracker.get(raft.id) === undefined || raft.leadTransferee !== NONE) return;
  if (confChangeRefusal(raft, LEAVE_JOINT) !== undefined && !raft.options.disableConfChangeValidation) return;
  raft.pendingConfIndex = raft.log.lastIndex() + 1;
  appendEntries(raft, [leave], true);
  broadcastAppend(raft);
}

/** The change in an entry; undefined: its data is none. */
export function decodeConfChange(raft: Raft, entry: Entry): ConfChange | undefined {
  return entry.data.length === 0 ? LEAVE_JOINT : raft.options.confChangeCodec.decode(entry.data);
}

/**
 * Why a configuration change may not enter this leader's log now; undefined: it may. With the guard on `pendingConfIndex` the
 * configuration in force is the one that the change will meet, so what could not be applied then is refused already here.
 */
export function confChangeRefusal(raft: Raft, change: ConfChange): string | undefined {
  if (raft.pendingConfIndex > raft.log.applied) {
    return `possible unapplied conf change at index ${raft.pendingConfIndex} (applied to ${raft.log.applied})`;
  }
  const { configuration } = raft.tracker;
  const leaves = change.changes.length === 0;
  if (isJoint(configuration) && !leaves) return "must transition out of joint config first";
  if (!isJoint(configuration) && leaves) return "not in joint state; refusing empty conf change";
  const next = changeConfiguration(configuration, change);
  return next.ok ? undefined : next.reason;
}

/** The proposed entries, with an empty one for each configuration change that is refused. Undefined: one cannot be read. */
function admitConfChanges(raft: Raft, entries: readonly Entry[]): readonly Entry[] | undefined {
  if (!entries.some(isConfChange)) return entries;
  const admitted = [...entries];
  for (const [at, entry] of entries.entries()) {
    if (!isConfChange(entry)) continue;
    const change = decodeConfChange(raft, entry);
    if (change === undefined) return undefined;
    const refusal = confChangeRefusal(raft, change);
    if (refusal !== undefined && !raft.options.disableConfChangeValidation) {
      admitted[at] = proposedEntry("EntryNormal", EMPTY_BYTES);
    } else {
      raft.pendingConfIndex = raft.log.lastIndex() + at + 1;
    }
  }
  return admitted;
}

/** A proposal that this node makes: forwarded if need be. */
export function proposal(raft: Raft, entries: readonly Entry[]): Message {
  return message({ type: "MsgProp", from: raft.id, entries });
}
