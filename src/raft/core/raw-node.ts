import { EMPTY_BYTES } from "../../base/index.ts";
import type { ConfChange, ConfState, Entry, EntryType, Message, NodeId, RaftRole, Ready } from "../types.ts";
import { leavesJoint } from "./conf-change.ts";
import { toConfState } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import { applyConfChange } from "./membership.ts";
import { isLocalMessage, isLocalTarget, isResponseMessage, message } from "./message.ts";
import { type RawNodeOptions, resolveOptions } from "./options.ts";
import { confChangeRefusal, decodeConfChange, proposal, proposedEntry } from "./proposals.ts";
import { Raft } from "./raft.ts";
import { readIndexNow } from "./reads.ts";
import {
  composeReady,
  hardStateOf,
  hasReady,
  softStateOf,
  storageAppend,
  storageAppendResponse,
  storageApply,
  storageApplyResponse,
  type ToldState,
} from "./ready.ts";
import type { ProgressStatus, RawNodeStatus, StepResult } from "./status.ts";
import { step } from "./step.ts";
import { tick } from "./tick.ts";

/**
 * One member of a Raft group: messages and ticks go in, `Ready` comes out. Synchronous and deterministic; not reentrant. The manual in
 * `index.ts` says what to do with a Ready, and in which order.
 */
export class RawNode {
  readonly #raft: Raft;
  #told: ToldState;
  /** Synchronous mode: what `advance` steps; undefined: no Ready is out. */
  #stepsOnAdvance: readonly Message[] | undefined;

  /** Throws when the options contradict themselves, or when storage has lost what it must hold. */
  constructor(options: RawNodeOptions) {
    this.#raft = new Raft(resolveOptions(options));
    this.#told = { softState: softStateOf(this.#raft), hardState: hardStateOf(this.#raft) };
  }

  get id(): NodeId {
    return this.#raft.id;
  }

  get term(): number {
    return this.#raft.term;
  }

  get role(): RaftRole {
    return this.#raft.role;
  }

  /** The leader as far as is known; 0: unknown. */
  get lead(): NodeId {
    return this.#raft.lead;
  }

  get commit(): number {
    return this.#raft.log.committed;
  }

  get applied(): number {
    return this.#raft.log.applied;
  }

  get lastIndex(): number {
    return this.#raft.log.lastIndex();
  }

  /** The term of the entry at `index`; undefined: it was cut from the log, or is not there. */
  termAt(index: number): number | undefined {
    return this.#raft.log.term(index);
  }

  /** One tick of the logical clock: heartbeats and elections are counted in them. */
  tick(): void {
    tick(this.#raft);
  }

  /**
   * The wall clock, in milliseconds since the epoch, and the monotonic clock. A leader stamps what it appends with the wall clock. Where that is behind the last stamp in
   * its log, stamps go on from there by the monotonic clock, at half its speed: along the log time never goes back, nor does it stand still.
   */
  observeTime(wallMs: number, monotonicMs: number): void {
    invariant(Number.isFinite(wallMs) && Number.isFinite(monotonicMs), "a time is a number");
    this.#raft.stamps.observe(wallMs, monotonicMs);
  }

  /**
   * The newest stamp that the state machine holds: to be told at start and after a snapshot was installed, when the log may not have
   * that entry any more. What is appended from now on is not stamped earlier.
   */
  raiseStamp(timeMs: number): void {
    invariant(Number.isFinite(timeMs), "a time is a number");
    this.#raft.stamps.raise(timeMs);
  }

  /** Takes a message from a peer or from a storage thread. It must not be changed afterwards. */
  step(received: Message): StepResult {
    const fromStorage = isLocalTarget(received.from);
    if (isLocalMessage(received.type) && !fromStorage) return "local-message";
    if (
      isResponseMessage(received.type) &&
      !fromStorage &&
      this.#raft.tracker.get(received.from) === undefined
    ) {
      return "unknown-peer";
    }
    // A configuration change still on its way would be applied to the snapshot's configuration, which has it already.
    if (received.type === "MsgSnap" && this.#raft.log.isApplying) return "applying";
    return step(this.#raft, received);
  }

  /** Proposes one entry for each payload, all or none. "accepted" is no promise: only a committed entry is. */
  propose(payloads: readonly Uint8Array[]): StepResult {
    const entries = payloads.map((data) => proposedEntry("EntryNormal", data));
    return step(this.#raft, proposal(this.#raft, entries));
  }

  /**
   * Proposes a configuration change. The leader turns one that is not possible into an empty entry: see `checkConfChange`. The type
   * "EntryConfChange" is the old form, of a single change.
   */
  proposeConfChange(
    change: ConfChange,
    type: Exclude<EntryType, "EntryNormal"> = "EntryConfChangeV2",
  ): StepResult {
    invariant(
      type === "EntryConfChangeV2" || change.changes.length === 1,
      "the old form has a single change",
    );
    // Leaving a joint configuration has no data and no size: it is never refused for lack of room.
    const empty = leavesJoint(change) && change.context === undefined;
    const data = empty ? EMPTY_BYTES : this.#raft.options.confChangeCodec.encode(change);
    return step(this.#raft, proposal(this.#raft, [proposedEntry(type, data)]));
  }

  /** Why this node, if it leads, would not let the change into the log now; undefined: it would. */
  checkConfChange(change: ConfChange): string | undefined {
    return confChangeRefusal(this.#raft, change);
  }

  /** The change in a committed entry of a configuration type. */
  decodeConfChange(entry: Entry): ConfChange {
    const change = decodeConfChange(this.#raft, entry);
    invariant(change !== undefined, () => `the configuration change at ${entry.index} can be read`);
    return change;
  }

  /** To be called for every committed configuration change, when it is applied and before that is acknowledged. */
  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.#raft, change);
  }

  /**
   * Asks for a linearizable read; the answer comes as a ReadState with this context, or never: ask again then, with another context,
   * which must be unique among all that this node, under all its lives, has asked.
   */
  readIndex(context: Uint8Array): StepResult {
    const entries = [proposedEntry("EntryNormal", context)];
    return step(this.#raft, message({ type: "MsgReadIndex", entries }));
  }

  /** What `readIndex` would come to, where nobody else has to be asked: this node leads, and is the only voter. Undefined otherwise. */
  readIndexNow(): number | undefined {
    return readIndexNow(this.#raft);
  }

  /** Asks the leader to hand over to `to`. A wish: the soft state tells what has come of it. */
  transferLeader(to: NodeId): void {
    step(this.#raft, message({ type: "MsgTransferLeader", from: to }));
  }

  /** A follower forgets its leader, known from elsewhere to be dead: it may vote for another at once. */
  forgetLeader(): void {
    step(this.#raft, message({ type: "MsgForgetLeader" }));
  }

  /** The last message to `id` was not delivered. */
  reportUnreachable(id: NodeId): void {
    step(this.#raft, message({ type: "MsgUnreachable", from: id }));
  }

  /** The snapshot that MsgSnap to `id` named has arrived, or has failed. Must be called for each, or `id` waits for ever. */
  reportSnapshot(id: NodeId, succeeded: boolean): void {
    step(this.#raft, message({ type: "MsgSnapStatus", from: id, reject: !succeeded }));
  }

  /** Campaigns now, if it may. */
  campaign(): void {
    step(this.#raft, message({ type: "MsgHup" }));
  }

  hasReady(): boolean {
    return hasReady(this.#raft, this.#told);
  }

  /** What is to be done now; all of it, in the order that the manual gives. In synchronous mode `advance` must follow. */
  ready(): Ready {
    const composed = composeReady(this.#raft, this.#told);
    const ready = this.#raft.options.asyncStorageWrites
      ? { ...composed, messages: this.#withStorageMessages(composed) }
      : { ...composed, messages: this.#withMessagesAfterAppend(composed) };
    this.#accept(ready);
    return ready;
  }

  /** Synchronous mode: the last Ready is written, sent and applied. */
  advance(): void {
    const steps = this.#stepsOnAdvance;
    invariant(steps !== undefined, "advance follows ready, in synchronous mode only");
    this.#stepsOnAdvance = undefined;
    for (const received of steps) step(this.#raft, received);
  }

  status(): RawNodeStatus {
    const { log, tracker } = this.#raft;
    return {
      id: this.#raft.id,
      role: this.#raft.role,
      lead: this.#raft.lead,
      hardState: hardStateOf(this.#raft),
      applied: log.applied,
      firstIndex: log.firstIndex(),
      lastIndex: log.lastIndex(),
      leadTransferee: this.#raft.leadTransferee,
      isLearner: this.#raft.isLearner,
      configuration: tracker.configuration,
      confState: toConfState(tracker.configuration),
      progress: this.#raft.role === "StateLeader" ? tracker.ids.map((id) => this.#progressOf(id)) : [],
    };
  }

  /** For scenarios and tests: the election timeout until the next change of role, in ticks. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.randomizedElectionTimeout = ticks;
  }

  #progressOf(id: NodeId): ProgressStatus {
    const progress = this.#raft.tracker.get(id)!;
    const { match, next, state, isLearner, recentActive, activeLately, paused, pendingSnapshot, inflights } =
      progress;
    return {
      id,
      match,
      next,
      state,
      isLearner,
      recentActive,
      activeLately,
      paused,
      pendingSnapshot,
      inflightMessages: inflights.count,
      inflightFull: inflights.full,
    };
  }

  #withStorageMessages(ready: Ready): readonly Message[] {
    const messages = ready.messages.slice();
    const append = storageAppend(this.#raft, ready);
    if (append !== undefined) messages.push(append);
    if (ready.committedEntries.length > 0) messages.push(storageApply(this.#raft, ready.committedEntries));
    return messages;
  }

  /** What goes out after the write goes out with the rest; what is for the node itself is stepped in `advance`. */
  #withMessagesAfterAppend(ready: Ready): readonly Message[] {
    invariant(this.#stepsOnAdvance === undefined, "advance follows every ready");
    const after = this.#raft.messagesAfterAppend;
    const steps = after.filter(({ to }) => to === this.#raft.id);
    const appended = storageAppendResponse(this.#raft, ready);
    if (appended !== undefined) steps.push(appended);
    if (ready.committedEntries.length > 0)
      steps.push(storageApplyResponse(this.#raft, ready.committedEntries));
    this.#stepsOnAdvance = steps;
    return [...ready.messages, ...after.filter(({ to }) => to !== this.#raft.id)];
  }

  /** From now on what the Ready holds is on its way. */
  #accept(ready: Ready): void {
    const raft = this.#raft;
    if (ready.softState !== undefined || ready.hardState !== undefined) {
      this.#told = { softState: softStateOf(raft), hardState: hardStateOf(raft) };
    }
    raft.messages = [];
    raft.messagesAfterAppend = [];
    if (raft.readStates.length > 0) raft.readStates = [];
    raft.log.unstable.acceptInProgress();
    if (ready.committedEntries.length > 0) {
      raft.log.acceptApplying(ready.committedEntries, !raft.options.asyncStorageWrites);
    }
  }
}
