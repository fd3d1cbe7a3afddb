/**
 * The vocabulary of Raft, as in etcd-io/raft. Terms and indexes are numbers: 2^53 entries are 285 years at a million a second.
 */

export type NodeId = number;

/** Local message targets of asynchronous storage writes; never on the wire. */
export const LOCAL_APPEND_THREAD: NodeId = -1;
export const LOCAL_APPLY_THREAD: NodeId = -2;

export type MessageType =
  | "MsgHup"
  | "MsgBeat"
  | "MsgProp"
  | "MsgApp"
  | "MsgAppResp"
  | "MsgVote"
  | "MsgVoteResp"
  | "MsgSnap"
  | "MsgHeartbeat"
  | "MsgHeartbeatResp"
  | "MsgUnreachable"
  | "MsgSnapStatus"
  | "MsgCheckQuorum"
  | "MsgTransferLeader"
  | "MsgTimeoutNow"
  | "MsgReadIndex"
  | "MsgReadIndexResp"
  | "MsgPreVote"
  | "MsgPreVoteResp"
  | "MsgStorageAppend"
  | "MsgStorageAppendResp"
  | "MsgStorageApply"
  | "MsgStorageApplyResp"
  | "MsgForgetLeader";

export type EntryType = "EntryNormal" | "EntryConfChange" | "EntryConfChangeV2";

export interface Entry {
  readonly term: number;
  readonly index: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
  /** Stamped by the leader that appended it, in milliseconds since the epoch: the only clock that an apply ever sees. */
  readonly timeMs: number;
}

export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

export interface HardState {
  readonly term: number;
  /** 0: none. */
  readonly vote: NodeId;
  readonly commit: number;
}

export interface SnapshotMetadata {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** `data` is opaque to the core: in production it names the snapshot, whose bytes travel on a connection of their own. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  readonly data: Uint8Array;
}

export interface Message {
  readonly type: MessageType;
  readonly to: NodeId;
  readonly from: NodeId;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly vote: NodeId;
  readonly snapshot: Snapshot | undefined;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly context: Uint8Array | undefined;
  /** Of MsgStorageAppend and MsgStorageApply: what to step when the work is done. */
  readonly responses: readonly Message[];
}

export type ConfChangeType = "AddNode" | "RemoveNode" | "UpdateNode" | "AddLearnerNode";

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
}

export type ConfChangeTransition = "Auto" | "JointImplicit" | "JointExplicit";

/** The data of an EntryConfChange (v1: exactly one change, simple) or EntryConfChangeV2. No changes: leave the joint configuration. */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array | undefined;
}

export type RaftRole = "StateFollower" | "StateCandidate" | "StatePreCandidate" | "StateLeader";

export interface SoftState {
  readonly lead: NodeId;
  readonly role: RaftRole;
}

/** A linearizable read asked for with `context` may be served once everything up to `index` is applied. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

/** What the core wants done. See the manual in `core/index.ts` for the order that each part obeys. */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  /** To be made durable (synchronous mode only; in asynchronous mode they are inside MsgStorageAppend). */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly mustSync: boolean;
}
