import { equalBytes } from "../../base/index.ts";
import type { Message } from "../types.ts";
import { NONE, voteResponseType } from "./message.ts";
import type { Raft } from "./raft.ts";
import { broadcastAppend } from "./replication.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./roles.ts";

export type CampaignKind =
  /** Asks first whether it would win. */
  | "pre-election"
  | "election"
  /** At the leader's wish: voters need not have lost it. */
  | "transfer";

/** The context of a vote request that overrides the lease of the leader that wishes it. */
const TRANSFER_CONTEXT = new TextEncoder().encode("CampaignTransfer");

/** Campaigns if it may. */
export function hup(raft: Raft, kind: CampaignKind): void {
  if (raft.role === "StateLeader" || !raft.promotable) return;
  // Its configuration is not the one that was committed: a quorum of it may be none (two leaders in one term).
  if (raft.log.hasUnappliedConfChange()) return;
  campaign(raft, kind);
}

/** Asks all voters, of both halves if joint, for their votes; its own waits for its disk like theirs. */
export function campaign(raft: Raft, kind: CampaignKind): void {
  const pre = kind === "pre-election";
  if (pre) becomePreCandidate(raft);
  else becomeCandidate(raft);
  // A pre-vote is about the term that would follow.
  const term = pre ? raft.term + 1 : raft.term;
  const type = pre ? "MsgPreVote" : "MsgVote";
  const last = raft.log.lastId();
  const context = kind === "transfer" ? TRANSFER_CONTEXT : undefined;
  for (const to of raft.tracker.voters) {
    if (to === raft.id) raft.send({ type: voteResponseType(type), to, term });
    else
      raft.send({ type, to, term, index: last.index, logTerm: last.term, context, ...committedNews(raft) });
  }
}

/** A vote of this campaign has come. */
export function stepVoteResponse(raft: Raft, response: Message): void {
  learnCommitted(raft, response);
  if (raft.role === "StateFollower") return;
  raft.tracker.recordVote(response.from, !response.reject);
  switch (raft.tracker.voteResult()) {
    case "VotePending":
      return;
    case "VoteLost":
      // Its own term: a granted pre-vote's is the one to come.
      becomeFollower(raft, raft.term, NONE);
      return;
    case "VoteWon":
      if (raft.role === "StatePreCandidate") {
        campaign(raft, "election");
      } else {
        becomeLeader(raft);
        broadcastAppend(raft);
      }
  }
}

/** Whether a vote request is to be ignored because this node hears a leader: lest it is disturbed (thesis 4.2.3). */
export function inLease(raft: Raft, request: Message): boolean {
  if (isTransfer(request.context)) return false;
  return raft.options.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.options.electionTicks;
}

/**
 * Votes. The asker's log decides, and who was voted for in this term; not the configuration that this node knows, which may be older
 * than the asker's: a learner may be a voter by now.
 */
export function stepVoteRequest(raft: Raft, request: Message): void {
  const { from: to, term } = request;
  const type = voteResponseType(request.type);
  const mayVote =
    raft.vote === request.from ||
    (raft.vote === NONE && raft.lead === NONE) ||
    (request.type === "MsgPreVote" && request.term > raft.term);
  learnCommitted(raft, request);
  if (!mayVote || !raft.log.isUpToDate({ term: request.logTerm, index: request.index })) {
    refuseVote(raft, request);
    return;
  }
  // With the request's term: a pre-vote's is ahead of ours, and the asker ignores what is behind its own.
  raft.send({ type, to, term });
  if (request.type === "MsgVote") {
    raft.electionElapsed = 0;
    raft.vote = request.from;
  }
}

/** With this node's own term, which the asker adopts if it is greater, and with what this node knows to be committed. */
export function refuseVote(raft: Raft, { type, from: to }: Message): void {
  raft.send({ type: voteResponseType(type), to, term: raft.term, reject: true, ...committedNews(raft) });
}

/** The last committed entry, in the fields that messages about votes have no other use for: its term in `rejectHint`. */
function committedNews(raft: Raft): { commit?: number; rejectHint?: number } {
  if (!raft.options.commitInVotes) return {};
  const commit = raft.log.committed;
  return { commit, rejectHint: raft.log.term(commit) ?? 0 };
}

/** Whoever has the same entry as one that is committed has the same log up to there (log matching), all of it committed. */
function learnCommitted(raft: Raft, { commit: index, rejectHint: term }: Message): void {
  if (!raft.options.commitInVotes || raft.role === "StateLeader" || !raft.log.maybeCommit({ term, index }))
    return;
  // A configuration that was not known to be committed: it has to be applied before its voters can be asked.
  if (raft.role !== "StateFollower" && raft.log.hasUnappliedConfChange())
    becomeFollower(raft, raft.term, NONE);
}

function isTransfer(context: Uint8Array | undefined): boolean {
  return context !== undefined && equalBytes(context, TRANSFER_CONTEXT);
}
