import type { Message } from "../types.ts";
import { acceptEntries, acceptHeartbeat, acceptSnapshot } from "./acceptance.ts";
import { stepVoteResponse } from "./election.ts";
import type { Raft } from "./raft.ts";
import { becomeFollower } from "./roles.ts";
import type { StepResult } from "./status.ts";

/** What a candidate or pre-candidate does with a message of its term. Whoever sends entries in this term has won it. */
export function stepCandidate(raft: Raft, received: Message): StepResult {
  switch (received.type) {
    case "MsgProp":
    case "MsgReadIndex":
      return "dropped";
    case "MsgApp":
      becomeFollower(raft, received.term, received.from);
      acceptEntries(raft, received);
      return "accepted";
    case "MsgHeartbeat":
      becomeFollower(raft, received.term, received.from);
      acceptHeartbeat(raft, received);
      return "accepted";
    case "MsgSnap":
      becomeFollower(raft, received.term, received.from);
      acceptSnapshot(raft, received);
      return "accepted";
    case "MsgPreVoteResp":
      if (raft.role === "StatePreCandidate") stepVoteResponse(raft, received);
      return "accepted";
    case "MsgVoteResp":
      if (raft.role === "StateCandidate") stepVoteResponse(raft, received);
      return "accepted";
    default:
      return "accepted";
  }
}
