import { message, NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { step } from "./step.ts";

/** One tick of the logical clock. */
export function tick(raft: Raft): void {
  if (raft.role === "StateLeader") tickHeartbeat(raft);
  else tickElection(raft);
}

function tickElection(raft: Raft): void {
  raft.electionElapsed++;
  if (!raft.promotable || raft.electionElapsed < raft.randomizedElectionTimeout) return;
  raft.electionElapsed = 0;
  step(raft, message({ type: "MsgHup", from: raft.id }));
}

function tickHeartbeat(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.options.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.options.checkQuorum) step(raft, message({ type: "MsgCheckQuorum", from: raft.id }));
    // Whoever was to take over has not: lead on.
    raft.leadTransferee = NONE;
  }
  if (raft.role !== "StateLeader" || raft.heartbeatElapsed < raft.options.heartbeatTicks) return;
  raft.heartbeatElapsed = 0;
  step(raft, message({ type: "MsgBeat", from: raft.id }));
}
