import { createPrng } from "../../../base/index.ts";
import type { ConfState, Entry, HardState, Message, NodeId, ReadState, Snapshot } from "../../types.ts";
import { isConfChange } from "../entry.ts";
import { RaftInvariantViolation } from "../invariant.ts";
import { MemoryStorage } from "../memory-storage.ts";
import { isLocalTarget } from "../message.ts";
import type { RawNodeOptions } from "../options.ts";
import { RawNode } from "../raw-node.ts";
import { testConfChangeCodec } from "./test-codec.ts";

/** Writes of a Ready that its node has not finished: what a crash loses. */
interface PendingWork {
  readonly append: Message[];
  readonly apply: Message[];
}

/** A node with its disk: `storage` and the state machine survive a crash, `raw` and `pending` do not. */
export interface Member {
  readonly id: NodeId;
  readonly storage: MemoryStorage;
  raw: RawNode;
  /** The state machine: what was applied, in order; undefined where a snapshot has brought it. */
  applied: (Entry | undefined)[];
  confState: ConfState;
  /** The configurations so far, each from the index at which it came in force. */
  readonly confStates: { readonly index: number; readonly confState: ConfState }[];
  /** The commit index as of the last write that had to be durable: later ones alone may be lost. */
  syncedCommit: number;
  readonly readStates: ReadState[];
  pending: PendingWork;
  alive: boolean;
}

export type NodeSettings = Partial<Omit<RawNodeOptions, "id" | "storage" | "applied">>;

export interface ClusterOptions {
  readonly voters: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  readonly settings?: NodeSettings;
  /** Nodes with empty disks, to be added later. Members begin with a snapshot at index 1. */
  readonly spares?: readonly NodeId[];
}

const DEFAULT_SETTINGS = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  asyncStorageWrites: true,
  confChangeCodec: testConfChangeCodec,
} as const;

/** A group that has nothing to do comes to rest in fewer rounds than this. */
const MOST_ROUNDS = 5_000;

/** The message that an observer sees go by may be dropped by returning false. */
export type Filter = (sent: Message) => boolean;

/**
 * Nodes in one process, each with a disk, and a network between them that a test may cut. Nothing happens by itself: `settle` lets
 * everything happen that can, in a fixed order; finer steps are there for tests that care about the order.
 */
export class Cluster {
  readonly #settings: NodeSettings;
  readonly #members = new Map<NodeId, Member>();
  readonly #cut = new Set<string>();
  /** On its way; a test may look, and take away. */
  network: Message[] = [];
  filter: Filter = () => true;
  /** Called with every entry that a node applies. */
  onApply: (id: NodeId, entry: Entry) => void = () => {};
  /** Called with every message that leaves a node, whether it arrives or not. */
  onSend: (sent: Message) => void = () => {};

  constructor(options: ClusterOptions) {
    this.#settings = options.settings ?? {};
    const { voters, learners = [], spares = [] } = options;
    const confState: ConfState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
    for (const id of [...voters, ...learners]) this.#add(id, confState);
    const nobody: ConfState = { ...confState, voters: [], learners: [] };
    for (const id of spares) this.#add(id, nobody);
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  member(id: NodeId): Member {
    return this.#members.get(id)!;
  }

  raw(id: NodeId): RawNode {
    return this.member(id).raw;
  }

  /** The leader of the greatest term; 0: there is none. */
  leader(): NodeId {
    const leaders = this.members.filter(({ raw, alive }) => alive && raw.role === "StateLeader");
    return leaders.sort((a, b) => b.raw.term - a.raw.term)[0]?.id ?? 0;
  }

  /** The data of the normal entries that a node has applied. */
  appliedTexts(id: NodeId): string[] {
    const entries = this.member(id).applied.filter((entry) => entry !== undefined);
    return entries.filter(({ type, data }) => type === "EntryNormal" && data.length > 0).map(textOf);
  }

  /** Makes `id` campaign and settles. */
  elect(id: NodeId): void {
    this.raw(id).campaign();
    this.settle();
  }

  propose(id: NodeId, ...texts: string[]): string {
    return this.raw(id).propose(texts.map((text) => new TextEncoder().encode(text)));
  }

  /** Nothing gets through between the two, in either direction. */
  cut(one: NodeId, other: NodeId): void {
    this.#cut.add(`${one}>${other}`).add(`${other}>${one}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.#members.keys()) if (other !== id) this.cut(id, other);
  }

  heal(): void {
    this.#cut.clear();
    this.filter = () => true;
  }

  tick(id: NodeId, count = 1): void {
    for (let tick = 0; tick < count; tick++) this.raw(id).tick();
  }

  /** Ticks everybody, settling after each tick. */
  tickAll(count: number): void {
    for (let tick = 0; tick < count; tick++) {
      for (const { raw, alive } of this.members) if (alive) raw.tick();
      this.settle();
    }
  }

  /** Lets everything happen that can. Throws when it does not end. */
  settle(): void {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      if (!this.settleRound()) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  settleRound(): boolean {
    let busy = false;
    for (const member of this.members) busy = this.work(member) || busy;
    const sent = this.network;
    this.network = [];
    for (const message of sent) this.deliver(message);
    return busy || sent.length > 0;
  }

  /** Does everything that one node has to do, its disk included. False: it had nothing to do. */
  work(member: Member): boolean {
    let steps = 0;
    while (this.takeReady(member) || this.append(member) || this.apply(member)) {
      if (steps++ === MOST_ROUNDS) throw new Error(`node ${member.id} does not come to rest`);
    }
    return steps > 0;
  }

  /** Handles one Ready, without its writes in asynchronous mode. */
  takeReady(member: Member): boolean {
    if (!member.alive || !member.raw.hasReady()) return false;
    const ready = member.raw.ready();
    member.readStates.push(...ready.readStates);
    if (this.#options(member.id).asyncStorageWrites !== true) {
      this.#write(member, ready.hardState, ready.entries, ready.snapshot);
      this.#applyEntries(member, ready.committedEntries);
    }
    for (const sent of ready.messages) {
      if (sent.type === "MsgStorageAppend") member.pending.append.push(sent);
      else if (sent.type === "MsgStorageApply") member.pending.apply.push(sent);
      else this.send(sent);
    }
    if (this.#options(member.id).asyncStorageWrites !== true) member.raw.advance();
    return true;
  }

  /** Finishes the oldest write. */
  append(member: Member): boolean {
    const work = member.pending.append.shift();
    if (work === undefined) return false;
    const { term, vote, commit, entries, snapshot } = work;
    this.#write(member, term === 0 ? undefined : { term, vote, commit }, entries, snapshot);
    this.#respond(member, work);
    return true;
  }

  /** Finishes the oldest application. */
  apply(member: Member): boolean {
    const work = member.pending.apply.shift();
    if (work === undefined) return false;
    this.#applyEntries(member, work.entries);
    this.#respond(member, work);
    return true;
  }

  send(sent: Message): void {
    if (isLocalTarget(sent.to)) throw new RaftInvariantViolation("storage messages stay here");
    this.onSend(sent);
    if (!this.#cut.has(`${sent.from}>${sent.to}`) && this.filter(sent)) this.network.push(sent);
  }

  deliver(sent: Message): void {
    const member = this.#members.get(sent.to);
    if (member?.alive !== true || this.#cut.has(`${sent.from}>${sent.to}`)) return;
    if (member.raw.step(sent) === "applying") this.network.push(sent);
  }

  /** Cuts the log behind a snapshot of what is applied. */
  compact(id: NodeId): void {
    const { storage, applied, confState } = this.member(id);
    if (applied.length < storage.firstIndex()) return;
    storage.createSnapshot(applied.length, confState, new Uint8Array(0));
    storage.compact(applied.length);
  }

  /** The node loses everything but its disk, and unfinished writes. */
  crash(id: NodeId): void {
    const member = this.member(id);
    member.alive = false;
    member.pending = { append: [], apply: [] };
  }

  /** Of a crashed node: the commit index that was not written with anything that had to be durable is lost. */
  loseCommit(id: NodeId): void {
    const { storage, syncedCommit } = this.member(id);
    storage.setHardState({ ...storage.initialState().hardState, commit: syncedCommit });
  }

  /** Of a crashed node: what its state machine had not made durable is lost, but never what the log does not have any more. */
  loseApplied(id: NodeId, index: number): void {
    const member = this.member(id);
    const kept = Math.max(index, member.storage.firstIndex() - 1);
    if (kept >= member.applied.length) return;
    member.applied.length = kept;
    while (member.confStates.at(-1)!.index > kept) member.confStates.pop();
    member.confState = member.confStates.at(-1)!.confState;
  }

  restart(id: NodeId): void {
    const member = this.member(id);
    member.storage.setConfState(member.confState);
    member.raw = new RawNode({ ...this.#options(id), applied: member.applied.length });
    member.raw.raiseStamp(member.applied.at(-1)?.timeMs ?? 0);
    member.alive = true;
  }

  #options(id: NodeId): RawNodeOptions {
    return this.#optionsWith(id, this.member(id).storage);
  }

  #optionsWith(id: NodeId, storage: MemoryStorage): RawNodeOptions {
    const random = createPrng(`election of ${id}`);
    return { ...DEFAULT_SETTINGS, random, ...this.#settings, id, storage };
  }

  #add(id: NodeId, confState: ConfState): void {
    const storage = new MemoryStorage();
    const founding = confState.voters.length > 0;
    if (founding)
      storage.applySnapshot({ metadata: { index: 1, term: 1, confState }, data: new Uint8Array(0) });
    const applied = founding ? [undefined] : [];
    this.#members.set(id, {
      id,
      storage,
      raw: new RawNode({ ...this.#optionsWith(id, storage), applied: applied.length }),
      applied,
      confState,
      confStates: [{ index: 0, confState }],
      syncedCommit: 0,
      readStates: [],
      pending: { append: [], apply: [] },
      alive: true,
    });
  }

  #write(
    member: Member,
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: Snapshot | undefined,
  ): void {
    const before = member.storage.initialState().hardState;
    if (hardState !== undefined) member.storage.setHardState(hardState);
    const after = hardState ?? before;
    const mustSync = entries.length > 0 || after.term !== before.term || after.vote !== before.vote;
    if (mustSync || snapshot !== undefined) member.syncedCommit = after.commit;
    if (snapshot !== undefined && member.storage.applySnapshot(snapshot)) {
      member.applied = this.#snapshotContent(snapshot);
      this.#configured(member, snapshot.metadata.index, snapshot.metadata.confState);
      member.raw.raiseStamp(member.applied.at(-1)?.timeMs ?? 0);
    }
    member.storage.append(entries);
  }

  /** Whoever has applied up to there has what the snapshot stands for. */
  #snapshotContent({ metadata }: Snapshot): (Entry | undefined)[] {
    const source = this.members.find(({ applied }) => applied.length >= metadata.index);
    if (source === undefined) throw new RaftInvariantViolation("a snapshot was once a state");
    return source.applied.slice(0, metadata.index);
  }

  #applyEntries(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index !== member.applied.length + 1)
        throw new RaftInvariantViolation("entries are applied in order");
      if (isConfChange(entry)) {
        const change = member.raw.decodeConfChange(entry);
        this.#configured(member, entry.index, member.raw.applyConfChange(change));
      }
      member.applied.push(entry);
      this.onApply(member.id, entry);
    }
  }

  #configured(member: Member, index: number, confState: ConfState): void {
    member.confState = confState;
    member.confStates.push({ index, confState });
  }

  #respond(member: Member, work: Message): void {
    for (const response of work.responses) {
      if (response.to === member.id) member.raw.step(response);
      else this.send(response);
    }
  }
}

export function textOf(entry: Entry): string {
  return new TextDecoder().decode(entry.data);
}
