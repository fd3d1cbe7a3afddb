import type { NodeId } from "../types.ts";
import { type Configuration, EMPTY_CONFIGURATION } from "./configuration.ts";
import { EMPTY_IDS, type IdSet, union } from "./id-set.ts";
import { Progress } from "./progress.ts";
import { jointCommittedIndex, jointVoteResult, type VoteResult, voterIds } from "./quorum.ts";

export interface TrackerLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** The configuration in force and what is known of each of its members: progress (used by a leader), votes (by a candidate). */
export class Tracker {
  readonly #limits: TrackerLimits;
  #configuration: Configuration = EMPTY_CONFIGURATION;
  #ids: IdSet = EMPTY_IDS;
  #voters: IdSet = EMPTY_IDS;
  #progress: ReadonlyMap<NodeId, Progress> = new Map();
  readonly #votes = new Map<NodeId, boolean>();

  constructor(limits: TrackerLimits) {
    this.#limits = limits;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Voters and learners, ascending: the order in which messages go out. */
  get ids(): IdSet {
    return this.#ids;
  }

  /** Voters of both halves, ascending. */
  get voters(): IdSet {
    return this.#voters;
  }

  get(id: NodeId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Puts `configuration` in force. Who stays keeps its progress; a new member is probed at `lastIndex`. */
  configure(configuration: Configuration, lastIndex: number): void {
    const voters = voterIds(configuration.voters);
    const ids = union(voters, configuration.learners);
    const progress = new Map<NodeId, Progress>();
    for (const id of ids) {
      const isLearner = configuration.learners.includes(id);
      const member = this.#progress.get(id) ?? this.#newMember(lastIndex);
      member.isLearner = isLearner;
      progress.set(id, member);
    }
    this.#configuration = configuration;
    this.#ids = ids;
    this.#voters = voters;
    this.#progress = progress;
  }

  /** Forgets every progress, as at the start of a term: all are to be probed behind `lastIndex`; `self` has all of it. */
  resetProgress(self: NodeId, lastIndex: number): void {
    const progress = new Map<NodeId, Progress>();
    for (const id of this.#ids) {
      progress.set(
        id,
        new Progress({
          match: id === self ? lastIndex : 0,
          next: lastIndex + 1,
          isLearner: this.#configuration.learners.includes(id),
          recentActive: false,
          ...this.#limits,
        }),
      );
    }
    this.#progress = progress;
  }

  /** The greatest index on a quorum of voters' logs. Learners do not count. */
  committedIndex(): number {
    return jointCommittedIndex(this.#configuration.voters, (id) => this.#progress.get(id)?.match);
  }

  /** Whether a quorum has been heard from lately. */
  quorumActive(): boolean {
    const active = new Map<NodeId, boolean>();
    for (const [id, progress] of this.#progress) active.set(id, progress.recentActive);
    return jointVoteResult(this.#configuration.voters, active) === "VoteWon";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first vote of each node counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  voteResult(): VoteResult {
    return jointVoteResult(this.#configuration.voters, this.#votes);
  }

  #newMember(lastIndex: number): Progress {
    return new Progress({
      match: 0,
      next: Math.max(lastIndex, 1),
      isLearner: false,
      // Lest the next check of the quorum fails before it had a chance to answer.
      recentActive: true,
      ...this.#limits,
    });
  }
}
