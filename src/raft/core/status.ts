import type { ConfState, HardState, NodeId, RaftRole } from "../types.ts";
import type { Configuration } from "./configuration.ts";

/** What a step came to. Only "accepted" says that the message was taken. */
export type StepResult =
  | "accepted"
  /**
   * A proposal or a read was not taken: no leader, a transfer under way, forwarding off, the uncommitted tail or the queue of reads is
   * full, or this leader is no member any more. Try again later.
   */
  | "dropped"
  /** A snapshot, while committed entries are on their way to the state machine: step it again when they are applied. Nothing was done. */
  | "applying"
  /** A message that only this node may send to itself came from a peer. */
  | "local-message"
  /** A response from a node that is not in the configuration. */
  | "unknown-peer";

/** What a leader knows of one member. A copy. */
export interface ProgressStatus {
  readonly id: NodeId;
  readonly match: number;
  readonly next: number;
  readonly state: "StateProbe" | "StateReplicate" | "StateSnapshot";
  readonly isLearner: boolean;
  /** Heard from since the last check of the quorum. */
  readonly recentActive: boolean;
  /** Heard from since the check before that one: for who looks at any time. */
  readonly activeLately: boolean;
  readonly paused: boolean;
  /** Index of the snapshot being sent; 0: none. */
  readonly pendingSnapshot: number;
  readonly inflightMessages: number;
  readonly inflightFull: boolean;
}

/** A copy of the node's state. `progress` is empty unless this node leads; sorted by id. */
export interface RawNodeStatus {
  readonly id: NodeId;
  readonly role: RaftRole;
  /** 0: unknown. */
  readonly lead: NodeId;
  readonly hardState: HardState;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** 0: no transfer under way. */
  readonly leadTransferee: NodeId;
  readonly isLearner: boolean;
  readonly configuration: Configuration;
  readonly confState: ConfState;
  readonly progress: readonly ProgressStatus[];
}
