import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type Ready,
  type SoftState,
} from "../types.ts";
import { message } from "./message.ts";
import type { Raft } from "./raft.ts";

/** What the last Ready said of the state: only differences are told. */
export interface ToldState {
  readonly softState: SoftState;
  readonly hardState: HardState;
}

export function softStateOf(raft: Raft): SoftState {
  return { lead: raft.lead, role: raft.role };
}

export function hardStateOf(raft: Raft): HardState {
  return { term: raft.term, vote: raft.vote, commit: raft.log.committed };
}

/** Whether there is anything to do. */
export function hasReady(raft: Raft, told: ToldState): boolean {
  return (
    raft.messages.length > 0 ||
    raft.messagesAfterAppend.length > 0 ||
    raft.readStates.length > 0 ||
    raft.log.unstable.hasNextEntries ||
    raft.log.unstable.nextSnapshot !== undefined ||
    raft.log.hasNextCommitted(!raft.options.asyncStorageWrites) ||
    softStateChanged(raft, told) ||
    hardStateChanged(raft, told)
  );
}

/** Everything that is to be done now. Messages are those that may leave at once; see `storageAppend` and `storageApply` for the rest. */
export function composeReady(raft: Raft, told: ToldState): Ready {
  const entries = raft.log.unstable.nextEntries();
  const hardState = hardStateChanged(raft, told) ? hardStateOf(raft) : undefined;
  const mustSync =
    entries.length > 0 || raft.term !== told.hardState.term || raft.vote !== told.hardState.vote;
  return {
    softState: softStateChanged(raft, told) ? softStateOf(raft) : undefined,
    hardState,
    readStates: raft.readStates,
    entries,
    snapshot: raft.log.unstable.nextSnapshot,
    committedEntries: raft.log.nextCommitted(!raft.options.asyncStorageWrites),
    messages: raft.messages,
    mustSync,
  };
}

/** The write of a Ready as a message to the append thread, with what to step or send when it is durable. Undefined: none is needed. */
export function storageAppend(raft: Raft, ready: Ready): Message | undefined {
  const { entries, hardState, snapshot } = ready;
  const after = raft.messagesAfterAppend;
  if (entries.length === 0 && hardState === undefined && snapshot === undefined && after.length === 0) {
    return undefined;
  }
  const appended = storageAppendResponse(raft, ready);
  return message({
    type: "MsgStorageAppend",
    to: LOCAL_APPEND_THREAD,
    from: raft.id,
    entries,
    snapshot,
    // All zero: the hard state has not changed.
    ...hardState,
    // The node's own acknowledgement comes first: it finds the terms of its entries where it is quick to look.
    responses: appended === undefined ? after : [...after, appended],
  });
}

/**
 * Tells the node that all that is unstable up to now is in storage. It bears the present term, and is ignored, as far as entries go,
 * when that has changed: in between, other entries may have been handed out for the same places, and after them perhaps the same ones
 * again, whose write is still to come (A, B, A). So that ignored ones are made up for, every write of a later term, if only of the
 * hard state, attests the whole log again: not the last entry that it wrote but the last one there is.
 */
export function storageAppendResponse(raft: Raft, { snapshot }: Ready): Message | undefined {
  const unstable = raft.log.unstable.hasEntries;
  if (!unstable && snapshot === undefined) return undefined;
  const last = unstable ? raft.log.lastId() : { term: 0, index: 0 };
  return message({
    type: "MsgStorageAppendResp",
    to: raft.id,
    from: LOCAL_APPEND_THREAD,
    term: raft.term,
    logTerm: last.term,
    index: last.index,
    snapshot,
  });
}

/** The committed entries of a Ready as a message to the apply thread. They are of no term: committed is committed. */
export function storageApply(raft: Raft, entries: readonly Entry[]): Message {
  return message({
    type: "MsgStorageApply",
    to: LOCAL_APPLY_THREAD,
    from: raft.id,
    entries,
    responses: [storageApplyResponse(raft, entries)],
  });
}

/** Tells the node that these entries are applied. */
export function storageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  return message({ type: "MsgStorageApplyResp", to: raft.id, from: LOCAL_APPLY_THREAD, entries });
}

function softStateChanged(raft: Raft, { softState }: ToldState): boolean {
  return softState.lead !== raft.lead || softState.role !== raft.role;
}

function hardStateChanged(raft: Raft, { hardState }: ToldState): boolean {
  return (
    hardState.term !== raft.term || hardState.vote !== raft.vote || hardState.commit !== raft.log.committed
  );
}
