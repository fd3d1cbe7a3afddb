import type { Message, NodeId } from "../types.ts";
import { advanceCommit } from "./commit.ts";
import { NONE } from "./message.ts";
import type { Progress } from "./progress.ts";
import { stepProposal } from "./proposals.ts";
import type { Raft } from "./raft.ts";
import { stepReadAcknowledgement, stepReadIndex } from "./reads.ts";
import { broadcastAppend, broadcastHeartbeat, sendAllPending, sendAppend } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import type { StepResult } from "./status.ts";

/** What a leader does with a message of its term. */
export function stepLeader(raft: Raft, received: Message): StepResult {
  switch (received.type) {
    case "MsgBeat":
      broadcastHeartbeat(raft);
      return "accepted";
    case "MsgCheckQuorum":
      checkQuorum(raft);
      return "accepted";
    case "MsgProp":
      return stepProposal(raft, received);
    case "MsgReadIndex":
      return stepReadIndex(raft, received);
    default: {
      const progress = raft.tracker.get(received.from);
      if (progress !== undefined) stepMember(raft, received, progress);
      return "accepted";
    }
  }
}

function stepMember(raft: Raft, received: Message, progress: Progress): void {
  switch (received.type) {
    case "MsgAppResp":
      progress.recentActive = true;
      if (received.reject) stepRejection(raft, received, progress);
      else stepAcknowledgement(raft, received, progress);
      return;
    case "MsgHeartbeatResp":
      stepHeartbeatResponse(raft, received, progress);
      return;
    case "MsgSnapStatus":
      stepSnapshotStatus(progress, received.reject);
      return;
    case "MsgUnreachable":
      // What was sent optimistically is most likely lost.
      if (progress.state === "StateReplicate") progress.becomeProbe();
      return;
    case "MsgTransferLeader":
      stepTransfer(raft, received.from, progress);
      return;
    default:
      return;
  }
}

/** Gives up leading when no quorum was heard from since the last check. */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) becomeFollower(raft, raft.term, NONE);
  for (const id of raft.tracker.ids) if (id !== raft.id) raft.tracker.get(id)!.beginActivityInterval();
}

/** Goes back in the follower's log by whole terms, with the hint that it gave (see `refuseEntries`). */
function stepRejection(raft: Raft, rejection: Message, progress: Progress): void {
  // Where this log's term is greater than the hint's the two cannot agree: terms only grow within a log.
  const hint =
    rejection.logTerm > 0
      ? raft.log.findConflictByTerm(rejection.rejectHint, rejection.logTerm).index
      : rejection.rejectHint;
  if (!progress.maybeDecreaseTo(rejection.index, hint)) return;
  if (progress.state === "StateReplicate") progress.becomeProbe();
  sendAppend(raft, rejection.from);
}

/** A member, or this node's own disk, has everything up to `index`. */
function stepAcknowledgement(raft: Raft, { from, index }: Message, progress: Progress): void {
  // Whoever has committed what this log does not hold is of another history (a log was put back from an older copy), and does not count here.
  if (index > raft.log.lastIndex()) return;
  const confirmsProbe = progress.match === index && progress.state === "StateProbe";
  if (!progress.maybeUpdate(index) && !confirmsProbe) return;
  resumeReplication(raft, index, progress);
  if (advanceCommit(raft)) broadcastAppend(raft);
  else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) sendAppend(raft, from);
  // Room in the window may be enough for more than one message.
  if (from !== raft.id) sendAllPending(raft, from);
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, from);
}

function resumeReplication(raft: Raft, index: number, progress: Progress): void {
  switch (progress.state) {
    case "StateProbe":
      progress.becomeReplicate();
      return;
    case "StateSnapshot":
      // Whatever snapshot it took: it is enough when the log goes on from there.
      if (progress.match + 1 < raft.log.firstIndex()) return;
      progress.becomeProbe();
      progress.becomeReplicate();
      return;
    case "StateReplicate":
      progress.inflights.freeUpTo(index);
  }
}

function stepHeartbeatResponse(raft: Raft, response: Message, progress: Progress): void {
  progress.recentActive = true;
  progress.flowPaused = false;
  // Even an empty append helps: it clears a lost window, and lets a probed follower replicate again.
  if (progress.match < raft.log.lastIndex() || progress.state === "StateProbe")
    sendAppend(raft, response.from);
  stepReadAcknowledgement(raft, response.from, response.context);
}

function stepSnapshotStatus(progress: Progress, failed: boolean): void {
  if (progress.state !== "StateSnapshot") return;
  // One that failed is no place to go on from.
  if (failed) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Next it answers the snapshot; or, after a failure, a heartbeat.
  progress.flowPaused = true;
}

/** Hands over to a voter (thesis 3.10): when it has the whole log it is told to campaign; until then nothing is proposed. */
function stepTransfer(raft: Raft, to: NodeId, progress: Progress): void {
  if (progress.isLearner || raft.leadTransferee === to) return;
  // Another transfer is called off, even by a wish to keep leading.
  raft.leadTransferee = NONE;
  if (to === raft.id) return;
  // It has one election timeout: see `tickHeartbeat`.
  raft.electionElapsed = 0;
  raft.leadTransferee = to;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, to);
  else sendAppend(raft, to);
}

function sendTimeoutNow(raft: Raft, to: NodeId): void {
  raft.send({ type: "MsgTimeoutNow", to });
}
