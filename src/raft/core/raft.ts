import { SlewedTime } from "../../base/index.ts";
import type { ConfState, Message, NodeId, RaftRole, ReadState } from "../types.ts";
import { restoreConfiguration } from "./conf-change.ts";
import { equivalentConfStates, toConfState } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import { carriesOwnTerm, type MessageFields, message, NONE, waitsForStorage } from "./message.ts";
import type { ResolvedOptions } from "./options.ts";
import { RaftLog } from "./raft-log.ts";
import { ReadOnly } from "./read-only.ts";
import { Tracker } from "./tracker.ts";

/**
 * The state of one member of the group, and what every role does with it: sending, and starting over in a role. What a role does with
 * a message is in the files of the roles.
 */
export class Raft {
  readonly options: ResolvedOptions;
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly readOnly = new ReadOnly();

  term = 0;
  vote: NodeId = NONE;
  role: RaftRole = "StateFollower";
  lead: NodeId = NONE;

  /** Ticks since the election timeout began: for a follower, since it heard from its leader. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** In [electionTicks, 2 * electionTicks): drawn anew with every change of role. */
  randomizedElectionTimeout = 0;

  /** Of a leader: to whom it is handing over; NONE: to nobody. */
  leadTransferee: NodeId = NONE;
  /** Of a leader: no configuration change enters the log before this index is applied. */
  pendingConfIndex = 0;
  /** Of a leader: an estimate, never too great, of its entries that are not applied. */
  uncommittedBytes = 0;

  /** To other nodes, at any time. */
  messages: Message[] = [];
  /** To other nodes or this one, when everything that is unstable now is durable. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  /** What a leader stamps entries with: by its clocks as they were observed last, and never behind the last stamp in its log. */
  readonly stamps = new SlewedTime();

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.id = options.id;
    this.log = new RaftLog(options.storage, options.maxApplyingBytes);
    this.tracker = new Tracker(options);
    const { hardState, confState } = options.storage.initialState();
    this.restoreMembership(confState);
    this.log.startAt(hardState.commit, options.applied);
    const last = this.log.lastId();
    invariant(
      hardState.term >= last.term || hardState.term === 0,
      () => `the term ${hardState.term} on disk is not older than the last entry's ${last.term}`,
    );
    this.term = hardState.term;
    this.vote = hardState.vote;
    const lastEntry = this.log.entriesFrom(last.index, Number.POSITIVE_INFINITY)?.[0];
    this.stamps.raise(lastEntry?.timeMs ?? 0);
    this.reset(this.term);
  }

  /** Puts the configuration of a snapshot, or the one at the applied index, in force. */
  restoreMembership(confState: ConfState): void {
    const restored = restoreConfiguration(confState);
    invariant(restored.ok, () => `the configuration can be restored: ${restored.ok ? "" : restored.reason}`);
    this.tracker.configure(restored.configuration, this.log.lastIndex());
    invariant(
      equivalentConfStates(confState, toConfState(restored.configuration)),
      "a configuration is restored as it was",
    );
  }

  /** Whether this node is a learner in the configuration in force. */
  get isLearner(): boolean {
    return this.tracker.get(this.id)?.isLearner ?? false;
  }

  /** Whether it may campaign: a voter, and no snapshot waits to be applied. */
  get promotable(): boolean {
    const self = this.tracker.get(this.id);
    return self !== undefined && !self.isLearner && this.log.unstable.snapshot === undefined;
  }

  /** Queues a message: at once, or behind the next write when it promises something durable. */
  send(fields: MessageFields): void {
    const term = this.#termOf(fields);
    const sent = message({ ...fields, from: fields.from || this.id, term });
    if (waitsForStorage(sent.type, this.options.durableVoteRequests)) {
      this.messagesAfterAppend.push(sent);
      return;
    }
    invariant(sent.to !== this.id, () => `${sent.type} is not for the node itself`);
    this.messages.push(sent);
  }

  /** Starts over in `term`: no leader, no vote unless it was cast in this very term, timers and progress from the beginning. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTimeout =
      this.options.electionTicks + this.options.random.below(this.options.electionTicks);
    this.leadTransferee = NONE;
    this.tracker.resetVotes();
    this.tracker.resetProgress(this.id, this.log.lastIndex());
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly.reset();
  }

  /** Proposals and reads carry no term: they are for whoever leads. */
  #termOf(fields: MessageFields): number {
    if (carriesOwnTerm(fields.type)) {
      invariant((fields.term ?? 0) > 0, () => `${fields.type} says which term it is about`);
      return fields.term!;
    }
    return fields.type === "MsgProp" || fields.type === "MsgReadIndex" ? 0 : this.term;
  }
}
