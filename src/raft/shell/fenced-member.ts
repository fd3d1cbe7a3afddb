import { message } from "../core/index.ts";
import type { RaftPeer, RestoredState, StateMachine } from "../ports.ts";
import type { HardState, Message, NodeId, SnapshotMetadata } from "../types.ts";
import type { LogPosition } from "../wal/index.ts";

/** What is still known of a log that cannot be used any more. */
export interface Fence {
  readonly reason: string;
  /** What the node had promised; the commit index is that of its state machine. */
  readonly hardState: HardState;
  /** The end of the lost log: what the node may have acknowledged. */
  readonly last: LogPosition;
  readonly restored: SnapshotMetadata;
}

/** What a repaired node starts from. */
export interface Repaired {
  readonly metadata: SnapshotMetadata;
  readonly hardState: HardState;
  /** No vote before the log is here again. */
  readonly fence: LogPosition;
  /** The greatest stamp in the snapshot. */
  readonly timeMs: number;
}

export interface FencedMemberOptions {
  readonly nodeId: NodeId;
  readonly fence: Fence;
  readonly requestTicks: number;
  readonly stateMachine: Pick<StateMachine, "installSnapshot" | "restored">;
  readonly askForSnapshot: (from: NodeId) => void;
  readonly send: (messages: readonly Message[]) => void;
}

/**
 * A node whose log is damaged, or whose state machine has lost what the log no longer holds. It has no core: it answers nobody, so that
 * nobody counts on a log that it does not have, and asks its peers for a snapshot. Of those only the leader heeds that. To a leader of an earlier
 * term than its own, whose snapshots it cannot take, it tells its term.
 */
export class FencedMember {
  readonly #options: FencedMemberOptions;
  #peers: readonly NodeId[];
  #leader: NodeId = 0;
  #ticks = 0;
  #installing: Promise<RestoredState> | undefined;

  constructor(options: FencedMemberOptions, peers: readonly RaftPeer[]) {
    this.#options = options;
    this.#peers = peers.map(({ nodeId }) => nodeId);
  }

  get fence(): Fence {
    return this.#options.fence;
  }

  /** 0: not heard of. */
  get leader(): NodeId {
    return this.#leader;
  }

  setPeers(peers: readonly RaftPeer[]): void {
    this.#peers = peers.map(({ nodeId }) => nodeId);
  }

  step(messages: readonly Message[]): void {
    const { term: ownTerm } = this.#options.fence.hardState;
    const behind = new Set<NodeId>();
    for (const { type, from, term } of messages) {
      if (type !== "MsgHeartbeat" && type !== "MsgApp") continue;
      this.#leader = from;
      if (term < ownTerm) behind.add(from);
    }
    if (behind.size > 0) this.#options.send([...behind].map((to) => this.#refusal(to)));
  }

  tick(): void {
    if (this.#installing !== undefined || this.#ticks++ % this.#options.requestTicks !== 0) return;
    // The leader may be one that the rows of this node, which are behind, do not name.
    const asked = new Set(this.#leader === 0 ? this.#peers : [...this.#peers, this.#leader]);
    for (const peer of asked) this.#options.askForSnapshot(peer);
  }

  /**
   * Installs a verified snapshot in the state machine. Undefined: it is older than what is there, or of a leader of an earlier term than this node
   * knows. Rejects as the state machine does.
   */
  async install({ term: leaderTerm, snapshot }: Message): Promise<Repaired | undefined> {
    const metadata = snapshot?.metadata;
    const { hardState, last, restored } = this.#options.fence;
    if (metadata === undefined || metadata.index < restored.index) return undefined;
    // The leader of its own term may have been told that more is here, and counts on it: that leader sends what is enough.
    if (leaderTerm < hardState.term || this.#installing !== undefined) return undefined;
    this.#installing = this.#switchTo(metadata);
    const { timeMs } = await this.#installing.finally(() => {
      this.#installing = undefined;
    });
    const term = Math.max(leaderTerm, metadata.term);
    const vote = term === hardState.term ? hardState.vote : 0;
    return { metadata, hardState: { term, vote, commit: metadata.index }, fence: last, timeMs };
  }

  async #switchTo(metadata: SnapshotMetadata): Promise<RestoredState> {
    const { stateMachine } = this.#options;
    await stateMachine.installSnapshot(metadata);
    return stateMachine.restored();
  }

  /** Tells a term and promises nothing: a leader of an earlier one steps down, and whoever is elected then can send a snapshot. */
  #refusal(to: NodeId): Message {
    const { nodeId: from, fence } = this.#options;
    return message({ type: "MsgPreVoteResp", from, to, term: fence.hardState.term, reject: true });
  }

  /** Resolves when the state machine is not being called any more. Whoever called `install` hears how that ended. */
  async stop(): Promise<void> {
    await this.#installing?.catch(() => undefined);
  }
}
