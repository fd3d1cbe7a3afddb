import type { NodeId } from "../types.ts";
import { EMPTY_IDS, type IdSet, union } from "./id-set.ts";

/** Decides by majority: more than half of the ids. Empty, it agrees to everything, so that half a joint configuration may be empty. */
export type MajorityConfig = IdSet;

/** Two majorities that must both agree. Not joint when `outgoing` is empty. */
export interface JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;
}

export const NO_VOTERS: JointConfig = Object.freeze({ incoming: EMPTY_IDS, outgoing: EMPTY_IDS });

export type VoteResult =
  /** Votes to come decide. */
  | "VotePending"
  /** A quorum can no longer be had. */
  | "VoteLost"
  /** A quorum has said yes. */
  | "VoteWon";

/** How far a voter is; undefined: nothing has been heard. */
export type AckedIndex = (id: NodeId) => number | undefined;

/** All that vote in either half. */
export function voterIds(config: JointConfig): IdSet {
  return union(config.incoming, config.outgoing);
}

/** The greatest index that a majority has acknowledged; infinite for an empty configuration. */
export function majorityCommittedIndex(config: MajorityConfig, acked: AckedIndex): number {
  if (config.length === 0) return Number.POSITIVE_INFINITY;
  const indexes: number[] = [];
  for (const id of config) indexes.push(acked(id) ?? 0);
  indexes.sort((a, b) => b - a);
  // Descending: everyone before this position, and it itself, is at this index or beyond: a majority.
  return indexes[config.length >> 1]!;
}

/** What both halves have committed. */
export function jointCommittedIndex(config: JointConfig, acked: AckedIndex): number {
  return Math.min(
    majorityCommittedIndex(config.incoming, acked),
    majorityCommittedIndex(config.outgoing, acked),
  );
}

/** Yes and no votes by voter; whoever is not in `votes` has not voted, and votes of others do not count. */
export function majorityVoteResult(config: MajorityConfig, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (config.length === 0) return "VoteWon";
  let yes = 0;
  let missing = 0;
  for (const id of config) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) yes++;
  }
  const quorum = (config.length >> 1) + 1;
  if (yes >= quorum) return "VoteWon";
  return yes + missing >= quorum ? "VotePending" : "VoteLost";
}

/** Won when both halves are won, lost when either is lost. */
export function jointVoteResult(config: JointConfig, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVoteResult(config.incoming, votes);
  const outgoing = majorityVoteResult(config.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === "VoteLost" || outgoing === "VoteLost" ? "VoteLost" : "VotePending";
}
