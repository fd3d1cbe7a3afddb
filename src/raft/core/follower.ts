import type { Message } from "../types.ts";
import { acceptEntries, acceptHeartbeat, acceptSnapshot } from "./acceptance.ts";
import { hup } from "./election.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import type { StepResult } from "./status.ts";

/** What a follower does with a message of its term: serves its leader, passes on what is for the leader. */
export function stepFollower(raft: Raft, received: Message): StepResult {
  switch (received.type) {
    case "MsgProp":
      return raft.options.disableProposalForwarding ? "dropped" : passToLeader(raft, received);
    case "MsgReadIndex":
    case "MsgTransferLeader":
      return passToLeader(raft, received);
    case "MsgApp":
      hearLeader(raft, received);
      acceptEntries(raft, received);
      return "accepted";
    case "MsgHeartbeat":
      hearLeader(raft, received);
      acceptHeartbeat(raft, received);
      return "accepted";
    case "MsgSnap":
      hearLeader(raft, received);
      acceptSnapshot(raft, received);
      return "accepted";
    case "MsgForgetLeader":
      // Under leases a leader may still answer reads on the strength of this follower's word.
      if (raft.options.readOnly === "safe") raft.lead = NONE;
      return "accepted";
    case "MsgTimeoutNow":
      // The leader wishes it: no need to ask whether it would be elected.
      hup(raft, "transfer");
      return "accepted";
    case "MsgReadIndexResp":
      return stepReadIndexResponse(raft, received);
    default:
      return "accepted";
  }
}

function hearLeader(raft: Raft, received: Message): void {
  raft.electionElapsed = 0;
  raft.lead = received.from;
}

function passToLeader(raft: Raft, received: Message): StepResult {
  if (raft.lead === NONE) return "dropped";
  raft.send({ ...received, to: raft.lead });
  return "accepted";
}

function stepReadIndexResponse(raft: Raft, received: Message): StepResult {
  const request = received.entries[0];
  if (received.entries.length !== 1 || request === undefined) return "dropped";
  raft.readStates.push({ index: received.index, context: request.data });
  return "accepted";
}
