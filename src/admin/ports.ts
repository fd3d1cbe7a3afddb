import type { Role } from "../access/index.ts";
import type { WorkerStatus } from "../background/index.ts";
import type { ScrubStatus } from "../cluster/index.ts";
import type { OperationStatistics } from "../observe/index.ts";
import type { RaftProgress } from "../raft/index.ts";
import type { SegmentStoreStatus } from "../segment/index.ts";

export interface NewKey {
  readonly kind: "s3" | "api";
  readonly role: Role;
  readonly description: string;
  /** Undefined: every bucket. */
  readonly buckets: readonly string[] | undefined;
  /** Scopes on namespaces. */
  readonly namespaces: readonly string[] | undefined;
  /** "": named after the description. */
  readonly ownerDisplayName: string;
  /** Name of the user who owns what it makes; "": nobody in particular, see `ownerDisplayName`. */
  readonly user: string;
  /** 0: the configured number. */
  readonly inflightLimit: number;
}

export interface KeyDescription {
  readonly keyId: string;
  readonly kind: "s3" | "api";
  readonly role: Role;
  readonly description: string;
  /** Undefined: every bucket. */
  readonly buckets: readonly string[] | undefined;
  /** Scopes on namespaces. */
  readonly namespaces: readonly string[] | undefined;
  readonly createdAtMs: number;
  readonly ownerId: string;
  readonly ownerDisplayName: string;
  readonly userName: string;
  readonly inactive: boolean;
  readonly inflightLimit: number;
  /** Until when the secret before the last rotation works, in milliseconds since the Unix epoch; 0: it does not. */
  readonly previousUntilMs: number;
}

/** Rejects with AdminError. */
export interface KeyAdmin {
  create(request: NewKey): Promise<{ readonly key: KeyDescription; readonly secret: string }>;
  list(): Promise<readonly KeyDescription[]>;
  revoke(keyId: string): Promise<void>;
  /** Another secret for an API key; the present one works for the grace period. */
  rotate(
    keyId: string,
    options: { readonly graceSeconds: number },
  ): Promise<{ readonly key: KeyDescription; readonly secret: string }>;
}

export interface EncryptionKeyDescription {
  readonly keyId: string;
  readonly description: string;
  readonly createdAtMs: number;
  /** The version that wraps now. */
  readonly version: number;
  readonly rotatedAtMs: number;
  /** In ascending order; the last one wraps. */
  readonly versions: readonly EncryptionKeyVersionDescription[];
}

export interface EncryptionKeyVersionDescription {
  readonly version: number;
  readonly createdAtMs: number;
  /** Versions of objects and open uploads that need it; undefined: it was made before uses were counted, and cannot be removed. */
  readonly uses: number | undefined;
}

/** Rejects with AdminError. */
export interface EncryptionKeyAdmin {
  /** `keyId` "": one is drawn. */
  create(request: {
    readonly keyId: string;
    readonly description: string;
  }): Promise<EncryptionKeyDescription>;
  list(): Promise<readonly EncryptionKeyDescription[]>;
  rotate(keyId: string): Promise<EncryptionKeyDescription>;
  /** Destroys an old version that nothing needs. */
  removeVersion(keyId: string, version: number): Promise<EncryptionKeyDescription>;
}

export interface NodeDescription {
  readonly nodeId: number;
  readonly name: string;
  readonly zone: string;
  readonly roles: readonly string[];
  readonly state: string;
  readonly health: string;
  readonly peerAddress: string;
  readonly s3Address: string;
  readonly apiAddress: string;
  readonly storageWritable: boolean;
  readonly storageFull: boolean;
  readonly storageUsedBytes: number;
  readonly storageFreeBytes: number;
  readonly appliedIndex: number;
  /** What the metadata has it recorded for. */
  readonly held: Held;
  /** As the node says; 0 and false while it was not heard of. */
  readonly raftTerm: number;
  readonly raftLastIndex: number;
  readonly raftFenced: boolean;
  /** Of a snapshot that is on its way to it; 0: none is. */
  readonly snapshotReceivedBytes: number;
}

/** Chunked blobs of which a node has copies, and the bytes of those copies. */
export interface Held {
  readonly blobs: number;
  readonly bytes: number;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly replicationFactor: number;
  readonly leaderNodeId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /** The voters that a change under way takes leave of. */
  readonly votersOutgoing: readonly number[];
  /** Removed nodes that must go on running: their votes may still be needed. */
  readonly leaving: readonly number[];
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** On the leader only. */
  readonly progress: readonly RaftProgress[];
  readonly fenced: boolean;
  readonly nodes: readonly NodeDescription[];
  readonly underReplicated: Held;
  readonly maxVoters: number;
  /** Background work of the node that answers. */
  readonly workers: readonly WorkerStatus[];
  /** Why the node that answers cannot serve; undefined: it can. */
  readonly notReadyReason: string | undefined;
  readonly maintenance: MaintenanceName;
}

export type MaintenanceName = "off" | "entering" | "quiesced" | "exiting";

export interface MaintenanceDescription {
  readonly state: MaintenanceName;
  /** 0: the mode was never used. */
  readonly sinceMs: number;
  readonly waitingNodeIds: readonly number[];
  /** Writes of clients that are under way on the node that answers. */
  readonly writesUnderWay: number;
}

/** Rejects with AdminError. */
export interface MaintenanceAdmin {
  describe(): Promise<MaintenanceDescription>;
  /** Resolves when that is decided; asking for what is so already changes nothing. With `force` no node is waited for. */
  set(request: { readonly on: boolean; readonly force: boolean }): Promise<MaintenanceDescription>;
}

/** Rejects with AdminError. */
export interface ClusterAdmin {
  /** As this node sees it; it answers without a quorum too. */
  status(): Promise<ClusterDescription>;
  createJoinToken(validForMs: number): Promise<{
    readonly token: string;
    readonly expiresAtMs: number;
    readonly peerAddresses: readonly string[];
  }>;
}

/** Rejects with AdminError. */
export interface MembershipAdmin {
  /** Resolves when that is decided; the bytes are moved after it. */
  drain(
    nodeId: number,
    options: { readonly cancel: boolean },
  ): Promise<{ readonly state: "draining" | "active"; readonly held: Held }>;
  /** Resolves when that is decided, with what the node is still recorded for: nothing but by force. The Raft group changes after it. */
  remove(nodeId: number, options: { readonly force: boolean }): Promise<Held>;
  /** Undefined: to whichever voter is the furthest. Resolves when it leads. */
  transferLeadership(
    nodeId: number | undefined,
  ): Promise<{ readonly leaderNodeId: number; readonly term: number }>;
}

/** Sums over all buckets. */
export interface StoredTotals {
  readonly buckets: number;
  readonly objects: number;
  readonly objectBytes: number;
  /** Noncurrent versions and delete markers. */
  readonly versions: number;
  readonly versionBytes: number;
  readonly uploads: number;
}

/** Since the node started. */
export interface NodeStatistics {
  readonly segments: SegmentStoreStatus;
  readonly scrub: Pick<ScrubStatus, "isRunning" | "startedMs" | "finishedMs" | "checkedBytes" | "badChunks">;
  readonly workers: readonly WorkerStatus[];
  readonly operations: readonly OperationStatistics[];
  readonly requestsInFlight: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly replays: number;
}

export interface Statistics extends NodeStatistics {
  readonly maintenance: MaintenanceDescription;
  readonly nodeId: number;
  readonly stored: StoredTotals;
  readonly underReplicated: Held;
}

/** Rejects with AdminError. */
export interface StatisticsAdmin {
  statistics(): Promise<Statistics>;
}

/** Where index segments of namespaces go. */
export type SearchStorePlace =
  | { readonly kind: "cluster" }
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "bucket";
      readonly endpoint: string;
      readonly region: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly accessKeyId: string;
      /** Empty in descriptions. */
      readonly secretAccessKey: string;
    };

export interface SearchStoreDescription {
  readonly storeId: number;
  readonly place: SearchStorePlace;
  readonly isCurrent: boolean;
  readonly blobs: number;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** Rejects with AdminError. */
export interface SearchStoreAdmin {
  list(): Promise<readonly SearchStoreDescription[]>;
  /** Tries the store out first; "refused" when it does not do what segments rely on. */
  set(place: SearchStorePlace, signal: AbortSignal): Promise<readonly SearchStoreDescription[]>;
}
