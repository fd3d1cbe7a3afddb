import type { Message } from "../types.ts";
import { stepCandidate } from "./candidate.ts";
import { hup, inLease, refuseVote, stepVoteRequest } from "./election.ts";
import { stepFollower } from "./follower.ts";
import { stepLeader } from "./leader.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { becomeFollower } from "./roles.ts";
import type { StepResult } from "./status.ts";
import { stepAppended, stepApplied } from "./storage-responses.ts";

/** Takes a message, a peer's or the node's own: first its term decides, then its type, then the role. */
export function step(raft: Raft, received: Message): StepResult {
  // Term 0: the message is of no term.
  if (received.term > raft.term) {
    if (isVoteRequest(received) && inLease(raft, received)) return "accepted";
    adoptTerm(raft, received);
  } else if (received.term !== 0 && received.term < raft.term) {
    stepOlderTerm(raft, received);
    return "accepted";
  }
  switch (received.type) {
    case "MsgHup":
      hup(raft, raft.options.preVote ? "pre-election" : "election");
      return "accepted";
    case "MsgStorageAppendResp":
      stepAppended(raft, received, false);
      return "accepted";
    case "MsgStorageApplyResp":
      stepApplied(raft, received);
      return "accepted";
    case "MsgVote":
    case "MsgPreVote":
      stepVoteRequest(raft, received);
      return "accepted";
    default:
      return stepRole(raft, received);
  }
}

function stepRole(raft: Raft, received: Message): StepResult {
  switch (raft.role) {
    case "StateLeader":
      return stepLeader(raft, received);
    case "StateCandidate":
    case "StatePreCandidate":
      return stepCandidate(raft, received);
    case "StateFollower":
      return stepFollower(raft, received);
  }
}

function isVoteRequest({ type }: Message): boolean {
  return type === "MsgVote" || type === "MsgPreVote";
}

function adoptTerm(raft: Raft, received: Message): void {
  switch (received.type) {
    case "MsgPreVote":
      // Only a question: nothing changes here.
      return;
    case "MsgPreVoteResp":
      // A granted one bears the term that we asked about; a refused one the refuser's, which we have to adopt.
      if (received.reject) becomeFollower(raft, received.term, NONE);
      return;
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
      becomeFollower(raft, received.term, received.from);
      return;
    default:
      becomeFollower(raft, received.term, NONE);
  }
}

/** Most of what comes from an older term is ignored, but nobody is left in the dark for ever. */
function stepOlderTerm(raft: Raft, received: Message): void {
  const { checkQuorum, preVote } = raft.options;
  switch (received.type) {
    case "MsgHeartbeat":
    case "MsgApp":
      // With leases or pre-votes this node's greater term reaches nobody by campaigns alone: so tell the leader, which then steps down
      // and is elected anew in a term in which it can lead this node too.
      if (checkQuorum || preVote) raft.send({ type: "MsgAppResp", to: received.from });
      return;
    case "MsgPreVote":
      // Else a group in which the longest log has an older term would ask for ever.
      refuseVote(raft, received);
      return;
    case "MsgStorageAppendResp":
      stepAppended(raft, received, true);
      return;
    default:
      return;
  }
}
