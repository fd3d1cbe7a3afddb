import type { Clock, Disk, Hasher, Network, Random, SocketAddress, Timers } from "../../platform/index.ts";
import type { RaftFatal } from "../errors.ts";
import type { RaftGroup, RaftPeer, StateMachine } from "../ports.ts";
import type { Entry, NodeId, RaftRole } from "../types.ts";

/** Who this member is. Never changes during the life of a data directory. */
export interface RaftIdentity {
  readonly clusterId: string;
  readonly groupId: number;
  readonly nodeId: NodeId;
  readonly incarnation: string;
}

/** What Raft needs of the platform when it runs on the calling thread. */
export interface RaftPlatform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly disk: Disk;
  readonly hasher: Pick<Hasher, "crc32c">;
  readonly network: Network;
}

/** Times are in ticks, sizes in bytes of entry data and overhead. */
export interface RaftSettings {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  /** A follower campaigns after this many ticks without a leader, randomized up to twice as many. */
  readonly electionTicks: number;
  /** After a stall at most this many ticks are made up for at once, so that what arrived meanwhile is heard first. */
  readonly maxCatchUpTicks: number;
  readonly maxMessageBytes: number;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  readonly maxUncommittedBytes: number;
  readonly maxApplyingBytes: number;
  /** Proposals that wait for their turn on this node; more are refused. */
  readonly maxPendingProposals: number;
  readonly maxPendingProposalBytes: number;
  /** One proposal; a larger one is refused. */
  readonly maxProposalBytes: number;
  readonly maxWaitingReads: number;
  /** A round of ReadIndex that nobody answered is asked again, under a new context, after this many ticks. */
  readonly readRetryTicks: number;
  /** After so much has been applied since the last checkpoint the state is made durable and the log is cut. */
  readonly checkpointEntries: number;
  readonly checkpointBytes: number;
  /** What stays in the log behind the checkpoint, so that a follower that was away for a moment needs no snapshot. */
  readonly trailingEntries: number;
  readonly trailingBytes: number;
  /**
   * Log in memory; while there is more, because the state machine does not keep up, this node refuses proposals, and takes no entries from its
   * leader as long as some that it knows to be committed are not applied. Uncommitted entries and those in flight come on top.
   */
  readonly maxLogBytes: number;
  readonly walSegmentBytes: number;
  readonly walMaxBatchBytes: number;
  /** What waits to be sent to one peer; more is dropped and reported as unreachable. */
  readonly maxSendQueueMessages: number;
  readonly maxSendQueueBytes: number;
  /** A fenced node asks the leader for a snapshot again after this many ticks. */
  readonly snapshotRequestTicks: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_RAFT_SETTINGS: RaftSettings = Object.freeze({
  tickMs: 100,
  heartbeatTicks: 1,
  electionTicks: 10,
  maxCatchUpTicks: 2,
  maxMessageBytes: 1 * MIB,
  maxInflightMessages: 256,
  maxInflightBytes: 16 * MIB,
  maxUncommittedBytes: 64 * MIB,
  maxApplyingBytes: 8 * MIB,
  maxPendingProposals: 16_384,
  maxPendingProposalBytes: 32 * MIB,
  maxProposalBytes: 4 * MIB,
  maxWaitingReads: 65_536,
  readRetryTicks: 5,
  checkpointEntries: 50_000,
  checkpointBytes: 64 * MIB,
  trailingEntries: 10_000,
  trailingBytes: 32 * MIB,
  maxLogBytes: 256 * MIB,
  walSegmentBytes: 64 * MIB,
  walMaxBatchBytes: 8 * MIB,
  maxSendQueueMessages: 4_096,
  maxSendQueueBytes: 32 * MIB,
  snapshotRequestTicks: 10,
});

/**
 * Room on the disk that a log which is applied as it comes may take beside the segment that it writes and the spare one, before it is cut, in bytes: what is behind the
 * last cut lies in that many segments, and there must be room for the next spare one. Without that room the log stops.
 */
export function logGrowthBytes(
  settings: Pick<RaftSettings, "checkpointBytes" | "trailingBytes" | "walSegmentBytes">,
): number {
  const { checkpointBytes, trailingBytes, walSegmentBytes } = settings;
  return (Math.ceil((checkpointBytes + trailingBytes) / walSegmentBytes) + 1) * walSegmentBytes;
}

/** How the very first start of a group makes its log. Ignored where a log exists. */
export interface RaftBootstrap {
  readonly voters: readonly NodeId[];
  /**
   * The state machine already holds a restored backup: the log begins after it. Without it a state machine that holds something while the
   * log is missing is refused, for then the log was lost.
   */
  readonly restoredState?: boolean;
}

/** What both ways of starting have in common. */
export interface RaftStart {
  readonly identity: RaftIdentity;
  /** Of the WAL; made when it is not there. */
  readonly directory: string;
  /** Where the Raft streams of peers arrive. */
  readonly listen: SocketAddress;
  /** The host by which peers reach this node: said to each of them. */
  readonly advertiseHost: string;
  readonly peers: readonly RaftPeer[];
  /** Only for the first node of a new group. A joining node starts empty and waits for the leader. */
  readonly bootstrap?: RaftBootstrap;
  /** Refuse to start when the log is missing: true on every start but the first of a node. */
  readonly requireExisting?: boolean;
  /**
   * How often this directory was started, with this start: peers that have heard of a later start refuse this one, and it ends as "outdated".
   * Undefined: that is not looked at.
   */
  readonly startNumber?: number | undefined;
  readonly settings?: Partial<RaftSettings>;
  readonly stateMachine: StateMachine;
  /** Called once; everything has stopped by then. The process must exit. */
  readonly onFatal: (error: RaftFatal) => void;
  /** For logs and metrics. */
  readonly onEvent?: (event: RaftEvent) => void;
}

export interface RaftInlineStart extends RaftStart {
  readonly platform: RaftPlatform;
  /** What `readIndexNow` gives, told before anything that follows from it leaves this member, its own state machine included. */
  readonly onReadIndex?: (index: number | undefined) => void;
}

/** A running member. */
export interface StartedRaft extends RaftGroup {
  /** Where it listens, with the port that was chosen when 0 was asked for. */
  readonly address: SocketAddress;
}

/** What a member on the calling thread lets the simulator's checkers see. */
export interface MemberInspection {
  readonly term: number;
  readonly isLeader: boolean;
  readonly commit: number;
  readonly applied: number;
  /** The end of the log, with what is not durable yet. */
  readonly lastIndex: number;
  /** Undefined: cut from the log, or not there. Sees what is not durable yet. */
  termAt(index: number): number | undefined;
  /** What is durable of the log. */
  readonly durable: {
    firstIndex(): number;
    lastIndex(): number;
    last(): { readonly term: number; readonly index: number };
    term(index: number): number;
    entries(lo: number, hi: number, maxBytes: number): readonly Entry[];
  };
}

/** A running member on the calling thread. */
export interface StartedInlineRaft extends StartedRaft {
  /** Undefined while it is fenced, and after its end. */
  inspect(): MemberInspection | undefined;
}

/** What happened, for those who watch. */
export type RaftEvent =
  | { readonly kind: "role-changed"; readonly role: RaftRole; readonly leader: NodeId; readonly term: number }
  | { readonly kind: "fenced"; readonly reason: string }
  | { readonly kind: "fence-lifted" }
  | { readonly kind: "log-torn-tail-cut"; readonly segment: number; readonly cutBytes: number }
  | { readonly kind: "log-restarted"; readonly index: number; readonly term: number }
  | { readonly kind: "log-compacted"; readonly firstIndex: number; readonly removedSegments: number }
  | {
      readonly kind: "configuration-changed";
      readonly index: number;
      readonly voters: readonly NodeId[];
      readonly learners: readonly NodeId[];
    }
  | {
      readonly kind: "snapshot-sent";
      readonly to: NodeId;
      readonly index: number;
      readonly succeeded: boolean;
      readonly message: string;
    }
  | { readonly kind: "snapshot-installed"; readonly index: number; readonly term: number }
  | { readonly kind: "peer-connected"; readonly peer: NodeId }
  | {
      readonly kind: "peer-disconnected";
      readonly peer: NodeId;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "peer-refused"; readonly peer: NodeId; readonly code: string; readonly message: string }
  | { readonly kind: "messages-dropped"; readonly peer: NodeId; readonly count: number }
  | { readonly kind: "proposals-dropped"; readonly count: number }
  /** The log in memory is over `maxLogBytes` and waits to be applied: so many messages with entries were not taken. They come again. */
  | { readonly kind: "appends-dropped"; readonly count: number }
  | { readonly kind: "stalled"; readonly stallMs: number };
