import type { SocketAddress } from "../../platform/index.ts";
import { RaftFatal, RaftUnavailable } from "../errors.ts";
import type { ConfigurationChange, RaftPeer, RaftStatus, StateMachine } from "../ports.ts";
import type { RaftTransport, TransportEvent } from "../transport/index.ts";
import { decodeMessage } from "../transport/index.ts";
import type { ConfChangeType, Message, NodeId } from "../types.ts";
import { resetWal, type Wal, type WalOptions } from "../wal/index.ts";
import { type Fence, FencedMember, type Repaired } from "./fenced-member.ts";
import { LogCache } from "./log-cache.ts";
import { ELECTION_MESSAGES, Member } from "./member.ts";
import type {
  MemberInspection,
  RaftEvent,
  RaftInlineStart,
  RaftSettings,
  StartedInlineRaft,
} from "./options.ts";
import { ProposalQueue } from "./proposal-queue.ts";
import { ReadRounds } from "./read-rounds.ts";
import { fencedStatus, memberStatus, sameStanding } from "./status.ts";
import { Ticker } from "./ticker.ts";

/** How a member begins. */
export type ShellStart =
  | {
      readonly kind: "member";
      readonly wal: Wal;
      readonly log: LogCache;
      readonly fence: LogFence;
      /** The greatest stamp in the state machine. */
      readonly timeMs: number;
    }
  | { readonly kind: "fenced"; readonly fence: Fence };

type LogFence = { readonly term: number; readonly index: number } | undefined;

export interface ShellOptions extends RaftInlineStart {
  readonly merged: RaftSettings;
  readonly walOptions: WalOptions;
}

type Mode =
  | { readonly kind: "member"; readonly member: Member; readonly wal: Wal }
  | { readonly kind: "fenced"; readonly member: FencedMember }
  | { readonly kind: "stopped" };

const CHANGE_TYPES: Readonly<Record<ConfigurationChange["type"], ConfChangeType>> = {
  "add-voter": "AddNode",
  "add-learner": "AddLearnerNode",
  remove: "RemoveNode",
};

/** One member of the group: the core, its storage, its peers and its clients, joined. Everything runs on the calling thread. */
export class RaftShell implements StartedInlineRaft {
  readonly #options: ShellOptions;
  readonly #transport: RaftTransport;
  readonly #reads: ReadRounds;
  readonly #proposals: ProposalQueue;
  readonly #ticker: Ticker;
  readonly #listeners: ((status: RaftStatus) => void)[] = [];
  #mode: Mode = { kind: "stopped" };
  #standing: RaftStatus;
  #closing: Promise<void> | undefined;
  #peers: readonly RaftPeer[];
  #ticks = 0;

  constructor(options: ShellOptions, transport: RaftTransport, start: ShellStart) {
    const { platform, merged } = options;
    this.#options = options;
    this.#transport = transport;
    this.#peers = options.peers;
    this.#reads = new ReadRounds({
      clock: platform.clock,
      random: platform.random,
      maxWaiting: merged.maxWaitingReads,
      retryTicks: merged.readRetryTicks,
      ask: (context) => this.#member?.readIndex(context) === "accepted",
    });
    this.#proposals = new ProposalQueue({
      settings: merged,
      propose: (payloads) => this.#member?.propose(payloads) ?? "dropped",
      onDropped: (count) => this.#emit({ kind: "proposals-dropped", count }),
    });
    this.#begin(start);
    this.#standing = this.#readStatus();
    this.#ticker = new Ticker({
      clock: platform.clock,
      timers: platform.timers,
      tickMs: merged.tickMs,
      maxCatchUpTicks: merged.maxCatchUpTicks,
      onTick: () => this.#tick(),
      onStall: (stallMs) => this.#emit({ kind: "stalled", stallMs }),
    });
  }

  get address(): SocketAddress {
    return this.#transport.address;
  }

  propose(data: Uint8Array): boolean {
    const member = this.#member;
    if (data.length > this.#options.merged.maxProposalBytes) {
      throw new RangeError(`a proposal of ${data.length} bytes is over maxProposalBytes`);
    }
    if (member === undefined || member.node.lead === 0) return false;
    return member.logBytes <= this.#options.merged.maxLogBytes && this.#proposals.add(data);
  }

  readIndex(timeoutMs: number): Promise<number> {
    if (this.#mode.kind === "stopped") {
      return Promise.reject(new RaftUnavailable("stopped", "this node has stopped"));
    }
    if (this.#mode.kind === "fenced") {
      return Promise.reject(new RaftUnavailable("fenced", "this node's log is damaged"));
    }
    const read = this.#reads.read(timeoutMs);
    // Whoever asks in this turn shares the round.
    queueMicrotask(() => this.#reads.start());
    return read;
  }

  readIndexNow(): number | undefined {
    return this.#member?.node.readIndexNow();
  }

  proposeConfigurationChange(changes: readonly ConfigurationChange[]): boolean {
    const singles = changes.map(({ type, nodeId }) => ({ type: CHANGE_TYPES[type], nodeId }));
    const change = { transition: "Auto", changes: singles, context: undefined } as const;
    return changes.length > 0 && this.#member?.proposeConfChange(change) === true;
  }

  transferLeadership(to: NodeId): void {
    this.#member?.transferLeadership(to);
  }

  async receivedSnapshot(bytes: Uint8Array): Promise<boolean> {
    const message = decodeMessage(bytes);
    if (message?.type !== "MsgSnap" || message.to !== this.#options.identity.nodeId) return false;
    if (this.#mode.kind === "member") return this.#mode.member.snapshotArrived(message);
    return this.#mode.kind === "fenced" ? this.#repair(this.#mode.member, message) : false;
  }

  setPeers(peers: readonly RaftPeer[], refused: readonly NodeId[] = []): void {
    this.#peers = peers;
    if (this.#mode.kind === "stopped") return;
    if (this.#mode.kind === "fenced") this.#mode.member.setPeers(peers);
    this.#transport.setPeers(peers, refused);
  }

  status(): RaftStatus {
    if (this.#mode.kind !== "stopped") this.#standing = this.#readStatus();
    return this.#standing;
  }

  onStatus(listener: (status: RaftStatus) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop("the group is closed");
    return this.#closing;
  }

  /** What the transport brings. */
  received(messages: readonly Message[]): void {
    if (this.#mode.kind === "stopped") return;
    this.#mode.member.step(
      this.#mayElect() ? messages : messages.filter(({ type }) => !ELECTION_MESSAGES.has(type)),
    );
  }

  snapshotWanted(from: NodeId): void {
    this.#member?.snapshotWanted(from);
  }

  unreachable(nodeId: NodeId): void {
    // Later, for it may be told from inside the core's own sending.
    queueMicrotask(() => this.#member?.reportUnreachable(nodeId));
  }

  transportEvent(event: TransportEvent): void {
    this.#emit(event);
  }

  /** Stops everything at once and tells the owner, once. Nothing is written, sent or acknowledged after it. */
  fatal(error: RaftFatal): void {
    if (this.#closing !== undefined) return;
    this.#closing = this.#stop(error.message);
    this.#options.onFatal(error);
  }

  inspect(): MemberInspection | undefined {
    const member = this.#member;
    if (member === undefined) return undefined;
    const { node, log } = member;
    return {
      term: node.term,
      isLeader: node.role === "StateLeader",
      commit: node.commit,
      applied: node.applied,
      lastIndex: node.lastIndex,
      termAt: (index) => node.termAt(index),
      durable: log,
    };
  }

  get #member(): Member | undefined {
    return this.#mode.kind === "member" ? this.#mode.member : undefined;
  }

  #begin(start: ShellStart): void {
    const { identity, merged, platform, onFatal: _, ...options } = this.#options;
    if (start.kind === "fenced") {
      this.#emit({ kind: "fenced", reason: start.fence.reason });
      const member = new FencedMember(
        {
          nodeId: identity.nodeId,
          fence: start.fence,
          requestTicks: merged.snapshotRequestTicks,
          stateMachine: options.stateMachine,
          askForSnapshot: (from) => this.#transport.askForSnapshot(from),
          send: (messages) => this.#transport.send(messages),
        },
        this.#peers,
      );
      this.#mode = { kind: "fenced", member };
      return;
    }
    const member = new Member({
      identity,
      settings: merged,
      platform,
      wal: start.wal,
      log: start.log,
      fence: start.fence,
      timeMs: start.timeMs,
      stateMachine: options.stateMachine satisfies StateMachine,
      send: (messages) => this.#transport.send(messages),
      onReady: () => this.#options.onReadIndex?.(this.readIndexNow()),
      onReadState: (context, index) => {
        this.#reads.answered(context, index);
        this.#reads.start();
      },
      onStateChange: () => this.#stateChanged(),
      onFatal: (error) => this.fatal(error),
      onEvent: (event) => this.#emit(event),
    });
    this.#mode = { kind: "member", member, wal: start.wal };
    const { voters, votersOutgoing } = start.log.applied.confState;
    const alone = voters.length === 1 && votersOutgoing.length === 0 && voters[0] === identity.nodeId;
    if (alone) member.campaign();
  }

  async #repair(fenced: FencedMember, message: Message): Promise<boolean> {
    let repaired: Repaired | undefined;
    try {
      repaired = await fenced.install(message);
    } catch (error) {
      this.fatal(new RaftFatal("state-machine", String(error), { cause: error }));
    }
    if (repaired === undefined || this.#closing !== undefined) return false;
    const { metadata, hardState, fence, timeMs } = repaired;
    const { groupId } = this.#options.identity;
    const { index, term, confState } = metadata;
    let wal: Wal;
    try {
      const mark = { term, index, reset: true, bootstrap: false };
      wal = await resetWal(this.#options.walOptions, [
        { groupId, hardState, fence, mark, confState: { index, confState } },
      ]);
    } catch (error) {
      this.fatal(new RaftFatal("wal", String(error), { cause: error }));
      return false;
    }
    if (this.#closing !== undefined) {
      await wal.close();
      return false;
    }
    const log = new LogCache({ hardState, base: { term, index }, entries: [], applied: metadata });
    this.#begin({ kind: "member", wal, log, fence, timeMs });
    this.#emit({ kind: "snapshot-installed", index, term });
    this.#stateChanged();
    return true;
  }

  /**
   * Whether each peer has been asked if it knows of a later start of this node, so that a vote is not given on the strength of an older log. Those that do
   * not answer hold nothing up for longer than an election timeout, before which no node campaigns by itself.
   */
  #mayElect(): boolean {
    return this.#ticks >= this.#options.merged.electionTicks || !this.#transport.isAsking;
  }

  #tick(): void {
    if (this.#mode.kind === "stopped") return;
    this.#ticks++;
    this.#mode.member.tick();
    this.#reads.tick();
    this.#reads.start();
  }

  #stateChanged(): void {
    const before = this.#standing;
    const { node } = this.#member ?? {};
    if (node !== undefined && sameStanding(before, node)) return;
    const status = this.status();
    if (status.leader !== before.leader || status.term !== before.term) {
      this.#reads.leaderChanged();
      this.#reads.start();
    }
    if (node !== undefined) {
      this.#emit({ kind: "role-changed", role: node.role, leader: status.leader, term: status.term });
    }
    for (const listener of this.#listeners) listener(status);
  }

  #readStatus(): RaftStatus {
    const { nodeId } = this.#options.identity;
    if (this.#mode.kind === "member") {
      return memberStatus(this.#mode.member.node.status(), this.#mode.member.fenced);
    }
    if (this.#mode.kind === "fenced") return fencedStatus(nodeId, this.#mode.member);
    return this.#standing;
  }

  #emit(event: RaftEvent): void {
    this.#options.onEvent?.(event);
  }

  async #stop(why: string): Promise<void> {
    const mode = this.#mode;
    this.#standing = this.status();
    this.#mode = { kind: "stopped" };
    this.#options.onReadIndex?.(undefined);
    this.#ticker?.stop();
    this.#reads.fail("stopped", why);
    const closing = this.#transport.close();
    if (mode.kind === "member") {
      await mode.member.stop();
      await mode.wal.close();
    } else if (mode.kind === "fenced") {
      await mode.member.stop();
    }
    await closing;
  }
}
