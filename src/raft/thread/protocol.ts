import type { PackedBytes, SharedIndex } from "../../base/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import type { RaftFatalKind, RaftUnavailableReason, WalErrorCode } from "../errors.ts";
import type { ConfigurationChange, RaftPeer, RaftStatus, RestoredState } from "../ports.ts";
import type { RaftBootstrap, RaftEvent, RaftIdentity, RaftSettings } from "../shell/index.ts";
import type { ConfState, NodeId, SnapshotMetadata } from "../types.ts";
import type { EntryBatch } from "./entry-batch.ts";

/**
 * What the main thread and the Raft thread say to each other. Order is kept each way. Calls of the state machine go from the Raft thread
 * to the main thread, everything else that asks for something goes the other way.
 */

/** How the Raft thread begins, cloned into it. */
export interface ThreadStart {
  readonly identity: RaftIdentity;
  readonly directory: string;
  readonly listen: SocketAddress;
  readonly advertiseHost: string;
  readonly peers: readonly RaftPeer[];
  readonly bootstrap?: RaftBootstrap;
  readonly requireExisting?: boolean;
  readonly startNumber?: number | undefined;
  readonly settings?: Partial<RaftSettings>;
  /** What `readIndexNow` gives there: written before anything that follows from it leaves the Raft thread, so that whoever was told of a commit finds it. */
  readonly readIndex: SharedIndex;
}

export type ToRaft =
  | { readonly kind: "propose"; readonly payloads: PackedBytes }
  | { readonly kind: "read"; readonly id: number; readonly timeoutMs: number }
  | { readonly kind: "change-configuration"; readonly changes: readonly ConfigurationChange[] }
  | { readonly kind: "transfer-leadership"; readonly to: NodeId }
  | { readonly kind: "received-snapshot"; readonly id: number; readonly message: Uint8Array }
  | { readonly kind: "set-peers"; readonly peers: readonly RaftPeer[]; readonly refused: readonly NodeId[] }
  | { readonly kind: "update-credentials"; readonly tls: RaftTls }
  | { readonly kind: "close" }
  /** The end of a call of the state machine. */
  | { readonly kind: "returned"; readonly id: number; readonly result: CallResult }
  | { readonly kind: "threw"; readonly id: number; readonly message: string };

export type CallResult = RestoredState | number | undefined;

export type FromRaft =
  | { readonly kind: "started"; readonly address: SocketAddress; readonly status: RaftStatus }
  | { readonly kind: "not-started"; readonly error: StartError }
  | { readonly kind: "status"; readonly status: RaftStatus; readonly changed: boolean }
  | { readonly kind: "event"; readonly event: RaftEvent }
  /** So many proposals, so many bytes, have left the queue between the threads. */
  | { readonly kind: "proposals-taken"; readonly count: number; readonly bytes: number }
  | { readonly kind: "read-index"; readonly id: number; readonly index: number }
  | {
      readonly kind: "read-refused";
      readonly id: number;
      readonly reason: RaftUnavailableReason;
      readonly message: string;
    }
  | { readonly kind: "snapshot-decided"; readonly id: number; readonly installed: boolean }
  | {
      readonly kind: "fatal";
      readonly fatalKind: RaftFatalKind;
      readonly message: string;
      readonly stack: string;
    }
  | { readonly kind: "closed" }
  | { readonly kind: "call"; readonly id: number; readonly call: StateMachineCall }
  | { readonly kind: "configuration-changed"; readonly index: number; readonly confState: ConfState };

export type StateMachineCall =
  | { readonly kind: "apply"; readonly entries: EntryBatch }
  | { readonly kind: "restored" }
  | { readonly kind: "checkpoint" }
  | {
      readonly kind: "send-snapshot";
      readonly to: NodeId;
      readonly metadata: SnapshotMetadata;
      readonly term: number;
    }
  | { readonly kind: "install-snapshot"; readonly metadata: SnapshotMetadata };

/** An error of the start, so that its class and code are the same on the other side. */
export type StartError =
  | { readonly kind: "wal"; readonly code: WalErrorCode; readonly message: string }
  | { readonly kind: "other"; readonly message: string };

/** Certificates as PEM: the Raft thread has a listener and connections of its own. */
export interface RaftTls {
  readonly caCertificatePem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}
