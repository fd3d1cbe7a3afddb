import { assert } from "../../base/index.ts";
import { RaftLogOutdated, RawNode, type StepResult } from "../core/index.ts";
import { RaftFatal } from "../errors.ts";
import type { StateMachine } from "../ports.ts";
import { confChangeCodec } from "../transport/index.ts";
import {
  type ConfChange,
  type ConfState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type NodeId,
  type Ready,
} from "../types.ts";
import { comparePositions, type LogPosition, type Wal } from "../wal/index.ts";
import { AppendPipeline } from "./append-pipeline.ts";
import { ApplyPipeline } from "./apply-pipeline.ts";
import { Compaction } from "./compaction.ts";
import type { LogCache } from "./log-cache.ts";
import type { RaftEvent, RaftIdentity, RaftPlatform, RaftSettings } from "./options.ts";
import { SnapshotSending } from "./snapshot-sending.ts";

export interface MemberOptions {
  readonly identity: RaftIdentity;
  readonly settings: RaftSettings;
  readonly platform: Pick<RaftPlatform, "clock" | "random">;
  readonly wal: Wal;
  readonly log: LogCache;
  /** No vote before the log is at least here; undefined: not fenced. */
  readonly fence: LogPosition | undefined;
  /** The greatest stamp in the state machine, in milliseconds since the epoch. */
  readonly timeMs: number;
  readonly stateMachine: StateMachine;
  readonly send: (messages: readonly Message[]) => void;
  /** Before anything that follows from it leaves this member. */
  readonly onReady: () => void;
  readonly onReadState: (context: Uint8Array, index: number) => void;
  /** Something that `status` shows has changed: leader, role, term. */
  readonly onStateChange: () => void;
  readonly onFatal: (error: RaftFatal) => void;
  readonly onEvent: (event: RaftEvent) => void;
}

/** Messages that could make a node promise something about its log. */
export const ELECTION_MESSAGES: ReadonlySet<Message["type"]> = new Set([
  "MsgVote",
  "MsgPreVote",
  "MsgTimeoutNow",
]);

/** A verified snapshot that the core cannot look at before what it is applying is applied. */
interface HeldSnapshot {
  readonly message: Message;
  readonly resolve: (installed: boolean) => void;
}

interface AwaitedSnapshot {
  readonly position: LogPosition;
  readonly resolve: (installed: boolean) => void;
}

/**
 * The core with its storage: steps what comes in, and does what every Ready says. In asynchronous mode that needs no order but this: what
 * goes to one target keeps its order, and a response is stepped or sent only when its work is durable.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #node: RawNode;
  readonly #append: AppendPipeline;
  readonly #apply: ApplyPipeline;
  readonly #compaction: Compaction;
  readonly #sending: SnapshotSending;
  #fence: LogPosition | undefined;
  #scheduled = false;
  #stopped = false;
  #snapshotsInAppend: LogPosition[] = [];
  #awaitedSnapshots: AwaitedSnapshot[] = [];
  #heldSnapshot: HeldSnapshot | undefined;

  constructor(options: MemberOptions) {
    const { identity, settings, platform, log, wal, stateMachine } = options;
    this.#options = options;
    this.#fence = options.fence;
    this.#node = new RawNode({
      id: identity.nodeId,
      electionTicks: settings.electionTicks,
      heartbeatTicks: settings.heartbeatTicks,
      storage: log,
      confChangeCodec,
      random: platform.random,
      applied: log.applied.index,
      asyncStorageWrites: true,
      maxMessageBytes: settings.maxMessageBytes,
      maxApplyingBytes: settings.maxApplyingBytes,
      maxUncommittedBytes: settings.maxUncommittedBytes,
      maxInflightMessages: settings.maxInflightMessages,
      maxInflightBytes: settings.maxInflightBytes,
      checkQuorum: true,
      preVote: true,
      commitInVotes: true,
      durableVoteRequests: true,
      stepDownOnRemoval: true,
    });
    this.#apply = new ApplyPipeline({
      stateMachine,
      applyConfChange: (entry) => this.#applyConfChange(this.#node.decodeConfChange(entry), entry.index),
      onFatal: (error) => this.#fatal("state-machine", error),
    });
    this.#append = new AppendPipeline({
      wal,
      groupId: identity.groupId,
      install: (metadata, done) =>
        this.#apply.install(metadata, (timeMs) => this.#guard(() => this.#switched(timeMs, done))),
      onDurable: (message) => this.#guard(() => this.#durable(message)),
    });
    this.#compaction = new Compaction({ ...options, groupId: identity.groupId, apply: this.#apply });
    this.#sending = new SnapshotSending({
      stateMachine,
      onEvent: options.onEvent,
      onDone: (to, ok) => this.#run(() => this.#node.reportSnapshot(to, ok)),
    });
    this.#raiseStamp(options.timeMs);
    this.#liftFence();
    this.#schedule();
  }

  get node(): Pick<
    RawNode,
    "status" | "lead" | "role" | "term" | "commit" | "applied" | "lastIndex" | "termAt" | "readIndexNow"
  > {
    return this.#node;
  }

  /** What is durable of the log. */
  get log(): Pick<LogCache, "firstIndex" | "lastIndex" | "last" | "term" | "entries"> {
    return this.#options.log;
  }

  /** The log in memory. */
  get logBytes(): number {
    return this.#options.log.sizeBytes;
  }

  /** May not vote yet, for its log is not as good as the one that it lost. */
  get fenced(): boolean {
    return this.#fence !== undefined;
  }

  /** Messages from peers. */
  step(messages: readonly Message[]): void {
    let dropped = 0;
    this.#run(() => {
      for (const message of messages) {
        if (this.#fence !== undefined && ELECTION_MESSAGES.has(message.type)) continue;
        if (this.#hasNoRoomFor(message)) {
          dropped++;
          continue;
        }
        this.#observeTime();
        this.#node.step(message);
      }
    });
    if (dropped > 0) this.#options.onEvent({ kind: "appends-dropped", count: dropped });
  }

  /**
   * Whether to lose a leader's entries, as a network might: the log is too large, and is not cut before more of it is applied. The leader hears no
   * acknowledgement, fills its window, and from then on asks with one message after each heartbeat; by its heartbeats it is still heard. What
   * is committed and here can always be applied, so that this ends; a tail that is not committed may have to be replaced, and never keeps
   * anything out.
   */
  #hasNoRoomFor({ type, from, term, entries }: Message): boolean {
    if (type !== "MsgApp" || entries.length === 0) return false;
    if (this.#options.log.sizeBytes <= this.#options.settings.maxLogBytes) return false;
    const { lead, term: ownTerm, commit, applied } = this.#node;
    return from === lead && term === ownTerm && applied < commit;
  }

  tick(): void {
    this.#run(() => {
      this.#observeTime();
      // A fenced node has no election timeout: it must not campaign.
      if (this.#fence === undefined) this.#node.tick();
    });
  }

  /** Campaigns at once: for a group of one. */
  campaign(): void {
    if (this.#fence === undefined) this.#run(() => this.#node.campaign());
  }

  propose(payloads: readonly Uint8Array[]): StepResult {
    return this.#step(() => this.#node.propose(payloads));
  }

  proposeConfChange(change: ConfChange): boolean {
    if (this.#node.role === "StateLeader" && this.#node.checkConfChange(change) !== undefined) return false;
    return this.#step(() => this.#node.proposeConfChange(change)) === "accepted";
  }

  readIndex(context: Uint8Array): StepResult {
    return this.#step(() => this.#node.readIndex(context));
  }

  transferLeadership(to: NodeId): void {
    this.#run(() => this.#node.transferLeader(to));
  }

  reportUnreachable(nodeId: NodeId): void {
    this.#run(() => this.#node.reportUnreachable(nodeId));
  }

  /** A snapshot has arrived and its bytes are verified. Resolves with whether it was installed. */
  snapshotArrived(message: Message): Promise<boolean> {
    const metadata = message.snapshot?.metadata;
    if (metadata === undefined || this.#stopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#guard(() => this.#stepSnapshot({ message, resolve }));
      const isAwaited = this.#awaitedSnapshots.some((awaited) => awaited.resolve === resolve);
      if (this.#stopped && !isAwaited) resolve(false);
    });
  }

  #stepSnapshot(arrived: HeldSnapshot): void {
    const { message, resolve } = arrived;
    const metadata = message.snapshot?.metadata;
    assert(metadata !== undefined, "a snapshot that arrived says what it is");
    const position = { term: metadata.term, index: metadata.index };
    this.#observeTime();
    if (this.#node.step(message) === "applying") {
      this.#heldSnapshot?.resolve(false);
      this.#heldSnapshot = arrived;
      return;
    }
    this.#process();
    const taken = this.#snapshotsInAppend.some((other) => comparePositions(other, position) === 0);
    if (taken) this.#awaitedSnapshots.push({ position, resolve });
    else resolve(false);
  }

  /** Something was applied: what waited for that is looked at again. */
  #retryHeldSnapshot(): void {
    const held = this.#heldSnapshot;
    this.#heldSnapshot = undefined;
    if (held !== undefined) this.#stepSnapshot(held);
  }

  /** A peer whose log is damaged asks for a snapshot. Only what it had acknowledged must be in it. */
  snapshotWanted(from: NodeId): void {
    if (this.#stopped || this.#node.role !== "StateLeader") return;
    const progress = this.#node.status().progress.find(({ id }) => id === from);
    const { applied } = this.#options.log;
    if (progress === undefined || progress.match > applied.index || applied.index === 0) return;
    this.#sending.send(from, applied, this.#node.term);
  }

  /** Does nothing more, whatever comes. Resolves when the state machine is not being called any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#heldSnapshot?.resolve(false);
    this.#heldSnapshot = undefined;
    await this.#apply.stop();
    // Not before: whoever hears no gives up what it has received, which may be what the state machine is switching to.
    const { installed } = this.#apply;
    for (const { position, resolve } of this.#awaitedSnapshots) {
      resolve(installed !== undefined && comparePositions(position, installed) === 0);
    }
    this.#awaitedSnapshots = [];
  }

  #observeTime(): void {
    const { clock } = this.#options.platform;
    this.#node.observeTime(Math.max(0, Math.trunc(clock.wallMs())), clock.monotonicMs());
  }

  /** The state machine has this stamp, and the log may not have the entry that it is of. */
  #raiseStamp(timeMs: number): void {
    this.#observeTime();
    this.#node.raiseStamp(timeMs);
  }

  #step(action: () => StepResult): StepResult {
    let result: StepResult = "dropped";
    this.#run(() => {
      this.#observeTime();
      result = action();
    });
    return result;
  }

  #run(action: () => void): void {
    this.#guard(() => {
      action();
      this.#schedule();
    });
  }

  /** What the core or the bookkeeping around it throws is a bug: the node stops. */
  #guard(action: () => void): void {
    if (this.#stopped) return;
    try {
      action();
    } catch (error) {
      this.#fatal(error instanceof RaftLogOutdated ? "outdated" : "core", error);
    }
  }

  #fatal(kind: RaftFatal["kind"], error: unknown): void {
    if (this.#stopped) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#options.onFatal(new RaftFatal(kind, message, { cause: error }));
  }

  /** Everything that comes in one turn is answered by one Ready. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#guard(() => this.#process());
    });
  }

  #process(): void {
    while (!this.#stopped && this.#node.hasReady()) this.#handle(this.#node.ready());
  }

  #handle(ready: Ready): void {
    this.#options.onReady();
    const outgoing: Message[] = [];
    for (const message of ready.messages) {
      if (message.to === LOCAL_APPEND_THREAD) this.#startAppend(message);
      else if (message.to === LOCAL_APPLY_THREAD) this.#startApply(message);
      else outgoing.push(message);
    }
    this.#sendOut(outgoing);
    for (const { context, index } of ready.readStates) this.#options.onReadState(context, index);
    if (ready.softState !== undefined || ready.hardState !== undefined) this.#options.onStateChange();
  }

  #startAppend(message: Message): void {
    const metadata = message.snapshot?.metadata;
    if (metadata !== undefined) {
      this.#snapshotsInAppend.push({ term: metadata.term, index: metadata.index });
      // A checkpoint that is under way belongs to the log that is about to be replaced.
      this.#compaction.reset();
    }
    this.#append.append(message);
  }

  /** The state machine is that of a snapshot now. */
  #switched(timeMs: number, done: () => void): void {
    this.#raiseStamp(timeMs);
    done();
  }

  #durable(message: Message): void {
    const { log } = this.#options;
    const metadata = message.snapshot?.metadata;
    if (metadata !== undefined) log.restart(metadata);
    log.append(message.entries);
    this.#liftFence();
    this.#respond(message.responses);
    if (metadata !== undefined) this.#snapshotInstalled(metadata);
  }

  #snapshotInstalled(position: LogPosition): void {
    this.#snapshotsInAppend.shift();
    this.#options.onEvent({ kind: "snapshot-installed", index: position.index, term: position.term });
    const same = (other: AwaitedSnapshot) => comparePositions(other.position, position) === 0;
    for (const { resolve } of this.#awaitedSnapshots.filter(same)) resolve(true);
    this.#awaitedSnapshots = this.#awaitedSnapshots.filter((other) => !same(other));
  }

  #startApply(message: Message): void {
    this.#apply.apply(message.entries, (confState) => {
      this.#guard(() => {
        const last = message.entries.at(-1);
        if (last === undefined) return;
        const { log } = this.#options;
        log.appliedTo(last.index, confState ?? log.applied.confState);
        this.#respond(message.responses);
        this.#compaction.applied(message.entries);
        this.#retryHeldSnapshot();
      });
    });
  }

  /** Work is done: what it promised may go out, or in. */
  #respond(responses: readonly Message[]): void {
    const { nodeId } = this.#options.identity;
    this.#sendOut(responses.filter(({ to }) => to !== nodeId));
    for (const response of responses) {
      if (response.to === nodeId) this.#node.step(response);
    }
    this.#schedule();
  }

  /** The bytes of a snapshot travel by themselves, and its message with them. */
  #sendOut(messages: readonly Message[]): void {
    const onStream = messages.filter(({ type }) => type !== "MsgSnap");
    if (onStream.length > 0) this.#options.send(onStream);
    for (const { type, to, term, snapshot } of messages) {
      if (type === "MsgSnap" && snapshot !== undefined) this.#sending.send(to, snapshot.metadata, term);
    }
  }

  #applyConfChange(change: ConfChange, index: number): ConfState {
    const confState = this.#node.applyConfChange(change);
    const { voters, learners } = confState;
    this.#options.onEvent({ kind: "configuration-changed", index, voters, learners });
    this.#schedule();
    return confState;
  }

  #liftFence(): void {
    const { log, wal, identity, onEvent, onStateChange } = this.#options;
    if (this.#fence === undefined || comparePositions(log.last(), this.#fence) < 0) return;
    this.#fence = undefined;
    wal.append({ groupId: identity.groupId, fence: { term: 0, index: 0 }, urgent: false });
    onEvent({ kind: "fence-lifted" });
    onStateChange();
  }
}
