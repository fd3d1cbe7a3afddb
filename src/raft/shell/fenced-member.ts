import type { RaftPeer, StateMachine } from "../ports.ts";
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
}

export interface FencedMemberOptions {
  readonly fence: Fence;
  readonly requestTicks: number;
  readonly stateMachine: Pick<StateMachine, "installSnapshot">;
  readonly askForSnapshot: (from: NodeId) => void;
}

/**
 * A node whose log is damaged, or whose state machine has lost what the log no longer holds. It has no core: it answers nobody, so that
 * nobody counts on a log that it does not have, and asks its peers for a snapshot. Of those only the leader heeds that.
 */
export class FencedMember {
  readonly #options: FencedMemberOptions;
  #peers: readonly NodeId[];
  #leader: NodeId = 0;
  #ticks = 0;
  #installing = false;

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
    for (const { type, from } of messages) {
      if (type === "MsgHeartbeat" || type === "MsgApp") this.#leader = from;
    }
  }

  tick(): void {
    if (this.#installing || this.#ticks++ % this.#options.requestTicks !== 0) return;
    // The leader may be one that the rows of this node, which are behind, do not name.
    const asked = new Set(this.#leader === 0 ? this.#peers : [...this.#peers, this.#leader]);
    for (const peer of asked) this.#options.askForSnapshot(peer);
  }

  /** Installs a verified snapshot in the state machine. Undefined: it is older than what is there. Rejects as the state machine does. */
  async install(message: Message): Promise<Repaired | undefined> {
    const metadata = message.snapshot?.metadata;
    const { hardState, last, restored } = this.#options.fence;
    if (metadata === undefined || metadata.index < restored.index || this.#installing) return undefined;
    this.#installing = true;
    try {
      await this.#options.stateMachine.installSnapshot(metadata);
    } finally {
      this.#installing = false;
    }
    const term = Math.max(hardState.term, message.term, metadata.term);
    const vote = term === hardState.term ? hardState.vote : 0;
    return { metadata, hardState: { term, vote, commit: metadata.index }, fence: last };
  }
}
