import type { Message, Snapshot } from "../types.ts";
import { RaftLogOutdated } from "./invariant.ts";
import type { Raft } from "./raft.ts";

/** A follower takes its leader's entries, or says where the logs may agree (paper 5.3). */
export function acceptEntries(raft: Raft, { from: to, ...append }: Message): void {
  if (append.index < raft.log.committed) {
    // Old news: what is committed agrees anyway.
    raft.send({ type: "MsgAppResp", to, index: raft.log.committed });
    return;
  }
  const last = raft.log.maybeAppend({ term: append.logTerm, index: append.index }, append.entries);
  if (last === undefined) {
    refuseEntries(raft, to, append.index, append.logTerm);
    return;
  }
  for (const entry of append.entries) raft.stamps.raise(entry.timeMs);
  raft.log.commitTo(Math.min(append.commit, last));
  raft.send({ type: "MsgAppResp", to, index: last });
}

/** A follower hears that its leader leads, and how much is committed of what is known to agree. */
export function acceptHeartbeat(raft: Raft, heartbeat: Message): void {
  const lastIndex = raft.log.lastIndex();
  // A leader tells no more than this node has acknowledged to it.
  if (heartbeat.commit > lastIndex) {
    throw new RaftLogOutdated(
      `the leader knows that this log went up to ${heartbeat.commit}, and it ends at ${lastIndex}`,
    );
  }
  raft.log.commitTo(heartbeat.commit);
  raft.send({ type: "MsgHeartbeatResp", to: heartbeat.from, context: heartbeat.context });
}

/** A follower takes a snapshot if it brings it forward; in any case it says how far it is. */
export function acceptSnapshot(raft: Raft, { from: to, snapshot }: Message): void {
  const restored = snapshot !== undefined && restore(raft, snapshot);
  const index = restored ? raft.log.lastIndex() : raft.log.committed;
  raft.send({ type: "MsgAppResp", to, index });
}

/**
 * The hint is the last entry whose term is not greater than the leader's at the refused place: all later ones are of terms that the
 * leader does not have there. The leader does the same with the hint's term, so that a probe skips whole terms on both sides.
 */
function refuseEntries(raft: Raft, to: number, index: number, logTerm: number): void {
  const hint = raft.log.findConflictByTerm(Math.min(index, raft.log.lastIndex()), logTerm);
  raft.send({ type: "MsgAppResp", to, index, reject: true, rejectHint: hint.index, logTerm: hint.term });
}

function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= raft.log.committed || raft.role !== "StateFollower") return false;
  // `learnersNext` are outgoing voters.
  const members = [...confState.voters, ...confState.learners, ...confState.votersOutgoing];
  if (!members.includes(raft.id)) return false;
  if (raft.log.matches({ term, index })) {
    // The log has it all: keep what it has beyond, only the commit index moves.
    raft.log.commitTo(index);
    return false;
  }
  raft.log.restore(snapshot);
  raft.restoreMembership(confState);
  return true;
}
