import type { Worker } from "../background/index.ts";
import type { NodeHealth } from "../gen/skerry/cluster/v1/cluster_pb.js";
import type { Metadata, MetadataView } from "../meta/ports.ts";
import type { PeerConnection, SocketAddress } from "../platform/ports.ts";
import type { RaftGroup, RaftStatus } from "../raft/ports.ts";

/** Who this node is: lives in its data directory, is lost with it, and is never made up again. */
export interface NodeIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly name: string;
  readonly incarnation: string;
  /** The leaf alone; `certificateChainPem` is what a TLS server sends. */
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  readonly caCertificatePem: string;
  /** 32 bytes: seals secrets at rest in the metadata. */
  readonly keyEncryptionKey: Uint8Array;
}

/** What placement needs to know about a node. */
export interface PlacementNode {
  readonly nodeId: number;
  readonly zone: string;
  /** Relative; a node of weight 0 gets nothing. */
  readonly weight: number;
}

/** How this node sees another. */
export interface PeerHealth {
  readonly nodeId: number;
  readonly state: "alive" | "suspect" | "dead" | "unknown";
  /** On this node's monotonic clock. */
  readonly lastSeenMs: number | undefined;
  /** When it last said something about itself, on the stream of either end; on this node's monotonic clock. It may be heard without being alive here: it cannot be dialled. */
  readonly heardMs: number | undefined;
  readonly health: NodeHealth | undefined;
}

export interface HealthView {
  /** A node that nobody told of is "unknown". This node itself is always "alive". */
  peer(nodeId: number): PeerHealth;
  all(): readonly PeerHealth[];
  /** Called when a peer's state has changed; what it returns ends that. */
  onChange(listener: (peer: PeerHealth) => void): () => void;
}

/** The replicated metadata, as far as the cluster engine uses it. */
export type ClusterMetadata = Pick<Metadata, "submit" | "barrier" | "onChange"> & {
  readonly view: ClusterView;
};

export type ClusterView = Pick<
  MetadataView,
  | "appliedIndex"
  | "appliedTimeMs"
  | "cluster"
  | "nodes"
  | "copysets"
  | "openCopysets"
  | "joinTokens"
  | "pendingDeletes"
  | "unlinkOrders"
  | "discardOrders"
  | "isDiscarding"
  | "heldBlobs"
  | "oplog"
  | "completedUploads"
  | "idleSessions"
  | "maintenance"
>;

/** The Raft group, as far as the membership workers use it. */
export type RaftControl = Pick<RaftGroup, "proposeConfigurationChange" | "transferLeadership"> & {
  status(): Pick<RaftStatus, "nodeId" | "role" | "term" | "commit" | "confState" | "progress">;
};

/** This node's segments, as far as unlinking needs them. */
export interface SegmentUnlinker {
  /** Durable when it resolves; ids that are not here are fine. `isFinal`: what is still under way of them is refused from now on. */
  unlink(blobIds: readonly Uint8Array[], options?: { readonly isFinal: boolean }): Promise<void>;
}

/** Seals small secrets under the key-encryption key; `context` must be the same when opening. Opening throws when it was tampered with. */
export interface SecretSealer {
  seal(plaintext: Uint8Array, context: string): Uint8Array;
  open(sealed: Uint8Array, context: string): Uint8Array;
}

/**
 * Dials without a client certificate a node whose chain contains the CA certificate with this SHA-256 fingerprint (64 lower-case
 * hexadecimal digits) and whose leaf that CA has signed. Anything else ends the stream with an error.
 */
export type PinnedConnect = (address: SocketAddress, caFingerprint: string) => PeerConnection;

/** What this node says about itself in heartbeats beside who it is. */
export type LocalHealth = Pick<
  NodeHealth,
  | "appliedIndex"
  | "hashIndex"
  | "stateHash"
  | "storageWritable"
  | "storageFull"
  | "storageFreeBytes"
  | "storageUsedBytes"
  | "raftTerm"
  | "raftLastIndex"
  | "raftFenced"
  | "snapshotReceivedBytes"
>;

/** A worker of this module, for the runtime of `background`. */
export type ClusterWorker = Worker;
