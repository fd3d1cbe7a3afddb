import type { Message, NodeId } from "../types.ts";
import { isSoleVoter } from "./configuration.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { broadcastHeartbeat } from "./replication.ts";
import type { StepResult } from "./status.ts";

/** A request for a linearizable read has reached the leader. */
export function stepReadIndex(raft: Raft, request: Message): StepResult {
  if (request.entries.length !== 1 || raft.readOnly.full) return "dropped";
  // Until an entry of its own term is committed, a leader may not know what its predecessors have committed (thesis 6.4).
  if (committedInOwnTerm(raft)) admit(raft, request);
  else raft.readOnly.postpone(request);
  return "accepted";
}

/** What a read that is asked for now is answered with at once; undefined: somebody else has to be asked, or waited for. */
export function readIndexNow(raft: Raft): number | undefined {
  if (raft.role !== "StateLeader" || !isSoleVoter(raft.tracker.configuration, raft.id)) return undefined;
  return committedInOwnTerm(raft) ? raft.log.committed : undefined;
}

/** The commit index has moved: reads that waited for the first commit of the term go on. */
export function releasePostponedReads(raft: Raft): void {
  if (!committedInOwnTerm(raft)) return;
  for (const request of raft.readOnly.takePostponed()) admit(raft, request);
}

/** A heartbeat was answered: reads that a quorum has now confirmed are answered. */
export function stepReadAcknowledgement(raft: Raft, from: NodeId, context: Uint8Array | undefined): void {
  if (raft.options.readOnly !== "safe" || context === undefined || context.length === 0) return;
  raft.readOnly.acknowledge(from, context);
  answerConfirmedReads(raft);
}

/** Answers the reads that the quorum of the configuration in force has confirmed. */
export function answerConfirmedReads(raft: Raft): void {
  const confirmed = raft.readOnly.takeConfirmed(raft.tracker.configuration.voters);
  for (const { request, index } of confirmed) answer(raft, request, index);
}

function committedInOwnTerm(raft: Raft): boolean {
  return raft.log.term(raft.log.committed) === raft.term;
}

function admit(raft: Raft, request: Message): void {
  const index = raft.log.committed;
  if (raft.options.readOnly === "lease-based" || isSoleVoter(raft.tracker.configuration, raft.id)) {
    answer(raft, request, index);
    return;
  }
  raft.readOnly.add(raft.id, index, request);
  broadcastHeartbeat(raft);
}

function answer(raft: Raft, request: Message, index: number): void {
  if (request.from !== NONE && request.from !== raft.id) {
    raft.send({ type: "MsgReadIndexResp", to: request.from, index, entries: request.entries });
    return;
  }
  raft.readStates.push({ index, context: request.entries[0]!.data });
}
