import type { ConfState, Entry, NodeId, Snapshot, SnapshotMetadata } from "./types.ts";

/** The log and hard state as the core reads them; synchronous, from memory. What is not here any more is in a snapshot. */
export interface LogStorage {
  initialState(): {
    readonly hardState: { term: number; vote: NodeId; commit: number };
    readonly confState: ConfState;
  };
  /** Entries in [lo, hi), at least one, at most `maxBytes` of data in all. Throws LogUnavailable "compacted" | "unavailable". */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[];
  /** Throws LogUnavailable. */
  term(index: number): number;
  firstIndex(): number;
  lastIndex(): number;
  /** The newest snapshot that can be sent. Throws LogUnavailable "snapshot-temporarily-unavailable". */
  snapshot(): Snapshot;
}

/**
 * What Raft asks of the state machine. It lives on the main thread while Raft has a thread of its own; calls are ordered and never
 * overlap, but for `sendSnapshot`.
 */
export interface StateMachine {
  /**
   * Applies committed entries in order and makes them visible to reads. Every index comes exactly once a start, also those of empty
   * entries and of configuration changes, whose data is Raft's own. A throw is a bug and stops the node.
   */
  apply(entries: readonly Entry[]): Promise<void>;
  /**
   * The configuration in force from `index` on. Comes immediately BEFORE the `apply` call whose first entry is the configuration change
   * at `index`, so that both go into one batch: data, applied index and configuration are never out of step after a crash.
   */
  configurationChanged(index: number, confState: ConfState): void;
  /** What the store durably or not durably holds, at start or after `installSnapshot`: where `apply` goes on. Index 0 and empty configuration: nothing yet. */
  restored(): Promise<RestoredState>;
  /** Makes everything applied so far durable; returns the index up to which the log may now be cut. */
  checkpoint(): Promise<number>;
  /**
   * Streams the state to a peer that is too far behind; resolves when the peer has verified and installed it, or rejects. The state may
   * be newer than `metadata`: the SNAP message in the stream's header names what is sent (its own index, term and configuration as
   * `SnapshotMetadata`; from this node, to the peer, with the message term `term`).
   */
  sendSnapshot(to: NodeId, metadata: SnapshotMetadata, term: number): Promise<void>;
  /** Switches durably to the received snapshot that the core has accepted. After it, `apply` goes on at `metadata.index + 1`. */
  installSnapshot(metadata: SnapshotMetadata): Promise<void>;
}

export interface RestoredState extends SnapshotMetadata {
  /** It is a received snapshot and nothing else: the log may not have heard of it before the node stopped. */
  readonly isInstalled: boolean;
  /** The greatest stamp of all entries in it, in milliseconds since the epoch. */
  readonly timeMs: number;
}

/** What the rest of the node sees of its Raft group, on whatever thread that runs. */
export interface RaftGroup {
  /**
   * Puts a command into the log, through the leader wherever that is. Fire and forget: the caller waits for its own apply and
   * proposes again (same session and sequence) when nothing came. False: refused at once, the queue is full or there is no leader.
   */
  propose(data: Uint8Array): boolean;
  /**
   * Resolves with an index: a read is linearizable once the state machine has applied up to it. Concurrent calls share a round.
   * Rejects with RaftUnavailable when no quorum answered within `timeoutMs`.
   */
  readIndex(timeoutMs: number): Promise<number>;
  /**
   * The index that `readIndex` would come to, where it is known without asking: this node leads, and is the only voter. Undefined otherwise. Nothing that
   * is committed later has been acknowledged to anyone yet.
   */
  readIndexNow(): number | undefined;
  /**
   * Several changes at once go through a joint configuration. False: refused at once. True is no promise: what came of it is seen in
   * `status().confState`; the leader drops a change that comes while another is under way.
   */
  proposeConfigurationChange(changes: readonly ConfigurationChange[]): boolean;
  transferLeadership(to: NodeId): void;
  /**
   * A verified snapshot has arrived: `message` is the serialized skerry.raft.v1.Message (type SNAP) of its header. Resolves true when it is
   * installed (`StateMachine.installSnapshot` has run and the log begins after it; where the node stops in between, it will after the next start),
   * false when it is of no use: old, or not for this node. Never while `installSnapshot` runs.
   */
  receivedSnapshot(message: Uint8Array): Promise<boolean>;
  /** Peers may come and go; addresses may change. What comes from the nodes in `refused`, which were removed, is turned away. */
  setPeers(peers: readonly RaftPeer[], refused?: readonly NodeId[]): void;
  status(): RaftStatus;
  /** Called on every change of leader, role or term. */
  onStatus(listener: (status: RaftStatus) => void): void;
  close(): Promise<void>;
}

export interface ConfigurationChange {
  readonly type: "add-voter" | "add-learner" | "remove";
  readonly nodeId: NodeId;
}

export interface RaftPeer {
  readonly nodeId: NodeId;
  readonly host: string;
  readonly port: number;
  readonly incarnation: string;
}

export interface RaftStatus {
  readonly nodeId: NodeId;
  readonly role: "follower" | "candidate" | "pre-candidate" | "leader";
  /** 0: unknown. */
  readonly leader: NodeId;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly confState: ConfState;
  /** Of the leader only: how far each follower is. */
  readonly progress: readonly RaftProgress[];
  /** Set when the WAL is damaged in the middle: no vote, no campaign, no reads. */
  readonly fenced: boolean;
}

export interface RaftProgress {
  readonly nodeId: NodeId;
  readonly match: number;
  readonly state: "probe" | "replicate" | "snapshot";
  /** The leader has heard from it within the last two election timeouts at most. */
  readonly recentlyActive: boolean;
  readonly learner: boolean;
}
