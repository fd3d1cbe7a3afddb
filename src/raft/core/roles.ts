import type { NodeId } from "../types.ts";
import { invariant } from "./invariant.ts";
import { NONE } from "./message.ts";
import { appendFirstOfTerm } from "./proposals.ts";
import type { Raft } from "./raft.ts";

/** Follows `lead`, or nobody yet, in `term`. */
export function becomeFollower(raft: Raft, term: number, lead: NodeId): void {
  invariant(term >= raft.term, "the term never goes back");
  raft.reset(term);
  raft.lead = lead;
  raft.role = "StateFollower";
}

/** Begins a new term with a vote for itself. */
export function becomeCandidate(raft: Raft): void {
  invariant(raft.role !== "StateLeader", "a leader does not campaign");
  raft.reset(raft.term + 1);
  raft.vote = raft.id;
  raft.role = "StateCandidate";
}

/** Asks whether it would be elected: term and vote stay, but it knows no leader any more (thesis 9.6). */
export function becomePreCandidate(raft: Raft): void {
  invariant(raft.role !== "StateLeader", "a leader does not campaign");
  raft.tracker.resetVotes();
  raft.lead = NONE;
  raft.role = "StatePreCandidate";
}

/** Leads, from an entry of its own on. */
export function becomeLeader(raft: Raft): void {
  invariant(raft.role === "StateCandidate", "only a candidate becomes leader");
  raft.reset(raft.term);
  raft.lead = raft.id;
  raft.role = "StateLeader";
  const self = raft.tracker.get(raft.id);
  invariant(self !== undefined, "a leader is a member");
  self.becomeReplicate();
  self.recentActive = true;
  // There may be a configuration change somewhere in the log that is not applied; wait for all of it rather than look.
  raft.pendingConfIndex = raft.log.lastIndex();
  appendFirstOfTerm(raft);
}
