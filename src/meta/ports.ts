import type { Command, CommandResult } from "../gen/skerry/meta/v1/commands_pb.js";
import type {
  BlobRow,
  BucketConfigurationKind,
  BucketConfigurationRow,
  BucketRow,
  ClusterRow,
  CompletedUploadRow,
  CopysetRow,
  EncryptionKeyRow,
  EncryptionUseRow,
  IdentityRow,
  JoinTokenRow,
  KeyRow,
  KeyVersionsRow,
  MaintenanceRow,
  ManifestRow,
  NamespaceLeaseRow,
  NamespaceNameRow,
  NamespaceRow,
  NamespaceWork,
  NodeRow,
  ObjectRow,
  OplogRow,
  PartRow,
  RememberedBatchRow,
  SearchScopeRow,
  SearchStoreRow,
  UploadRow,
  WorkerCursorRow,
  WorkerCursorRow_Worker,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectSummary, PartSummary } from "./summaries.ts";

/** The body of a command, as protobuf-es spells a oneof: `{ case: "createBucket", value: {...} }`. */
export type CommandBody = NonNullable<Command["body"]> & { case: string };

/** The replicated metadata for use cases, on whatever thread of a node they run. */
export interface MetadataClient {
  /**
   * Puts a command through Raft and resolves with what the state machine decided (a refusal is a result, not an error). It is retried
   * under the same session and sequence until the deadline. Rejects with MetaError "unavailable" when it certainly was not applied, and
   * "outcome-unknown" when it may yet be.
   */
  submit(body: CommandBody, options?: { readonly timeoutMs?: number }): Promise<CommandResult>;
  /** After it resolves, `view` shows at least everything that was acknowledged anywhere before the call. Concurrent calls share a round. */
  barrier(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Whether `view` shows at this moment what it would after a barrier: on a cluster of one node, which has nobody to ask. */
  isCurrent(): boolean;
  /** The local state: only as fresh as the last barrier. */
  readonly view: MetadataView;
}

/** The replicated metadata for the rest of a node, on the thread that applies the log. */
export interface Metadata extends MetadataClient {
  submit(
    body: CommandBody,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<CommandResult>;
  /** Called after every applied batch with what changed that others act on. */
  onChange(listener: (change: AppliedChange) => void): () => void;
}

export interface AppliedChange {
  readonly appliedIndex: number;
  /** Membership, addresses or copysets changed. */
  readonly cluster: boolean;
  /** Keys, or the identities that they belong to. */
  readonly keys: boolean;
  readonly maintenance: boolean;
  /** There are new orders for this node, to unlink or to discard. */
  readonly unlinkOrders: boolean;
  /** The index of blobs with too few copies changed. */
  readonly underReplicated: boolean;
  /** Namespaces, or what they are made of. */
  readonly namespaces: boolean;
  readonly oplogSequence: bigint;
}

/** Sequences of the oplog: of the oldest row that is kept, and of the next one there will be. */
export interface OplogBounds {
  readonly first: bigint;
  readonly next: bigint;
}

/** Rows are shared: callers must not change them. */
export interface MetadataView {
  appliedIndex(): number;
  cluster(): ClusterRow | undefined;
  nodes(): Promise<readonly NodeRow[]>;
  /** All that there ever were, closed ones too: as many as a long life with changing nodes leaves behind. */
  copysets(): Promise<readonly CopysetRow[]>;
  /** Those that take new blobs. Without a look at the closed ones. */
  openCopysets(): readonly CopysetRow[];
  copyset(copysetId: bigint): CopysetRow | undefined;
  joinTokens(): Promise<readonly JoinTokenRow[]>;
  key(keyId: string): KeyRow | undefined;
  /** Another number whenever a key or an identity has changed, for whoever keeps what is made of them. */
  keysVersion(): number;
  keys(): Promise<readonly KeyRow[]>;
  identity(name: string): IdentityRow | undefined;
  /** In order of their names; `after` is exclusive. */
  identities(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly IdentityRow[]>;
  /** Undefined: never used, so off. */
  maintenance(): MaintenanceRow | undefined;
  encryptionKey(keyId: string): EncryptionKeyRow | undefined;
  /** How far a worker of the cluster is. */
  workerCursor(worker: WorkerCursorRow_Worker): WorkerCursorRow | undefined;
  encryptionKeys(): Promise<readonly EncryptionKeyRow[]>;
  /** How much each version of a key is needed, in ascending order; without those from before uses were counted. */
  encryptionUses(keyId: string): Promise<readonly EncryptionUseRow[]>;
  bucket(name: string): BucketRow | undefined;
  /** A document of a bucket as it is here now: no I/O but for the first look at it, and none at all for a kind that the bucket does not have. */
  bucketConfiguration(bucket: BucketRow, kind: BucketConfigurationKind): BucketConfigurationRow | undefined;
  buckets(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly BucketRow[]>;
  object(bucketId: bigint, key: string): ObjectRow | undefined;
  /** Objects with `prefix` and after `after` (exclusive) in UTF-8 order, of one moment. */
  objects(bucketId: bigint, options: ListRange): Promise<readonly ObjectSummary[]>;
  /** A noncurrent version or a delete marker, by the id inside (null versions have one too). */
  version(bucketId: bigint, key: string, versionId: Uint8Array): ObjectRow | undefined;
  /** Undefined: the key has nothing beside its current version. */
  keyVersions(bucketId: bigint, key: string): KeyVersionsRow | undefined;
  /** Noncurrent versions and delete markers in order of key, of one key the newest first. */
  versions(bucketId: bigint, options: VersionListRange): Promise<readonly ObjectSummary[]>;
  /**
   * Reads that must fit together: a version is in one of two tables, and moves between them. What is applied while `action` reads is not seen. It holds the
   * rows of that moment on the disk, so it must be bounded.
   */
  still<T>(action: (rows: StillView) => Promise<T>): Promise<T>;
  upload(uploadId: Uint8Array): UploadRow | undefined;
  /** In order of (key, upload id), after (`afterKey`, `afterUploadId`), from one view. Fewer than `limit`: there are no more. */
  uploads(bucketId: bigint, options: UploadListRange): Promise<readonly UploadRow[]>;
  parts(
    uploadId: Uint8Array,
    options: { readonly after: number; readonly limit: number },
  ): Promise<readonly PartSummary[]>;
  part(uploadId: Uint8Array, partNumber: number): PartRow | undefined;
  completedUpload(uploadId: Uint8Array): CompletedUploadRow | undefined;
  /** Completed before `beforeMs`, in order of upload id, at most `limit`; for ForgetCompletedUploads. */
  completedUploads(beforeMs: number, limit: number): Promise<readonly CompletedUploadRow[]>;
  blob(blobId: Uint8Array): BlobRow | undefined;
  /** Blobs without a reference since before `beforeMs`, oldest first. */
  pendingDeletes(beforeMs: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Blobs that this node has been told to unlink and has not acknowledged, in order of their ids; those behind `after`, if it is given. */
  unlinkOrders(nodeId: number, limit: number, after?: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Dropped copies that this node has been told to discard and has not acknowledged. */
  discardOrders(nodeId: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Whether this node has been told to discard its copy of the blob and has not acknowledged. */
  isDiscarding(nodeId: number, blobId: Uint8Array): boolean;
  /** Live blobs with fewer copies than their home has nodes, those with the fewest copies first. */
  underReplicated(options: {
    readonly after?: UnderReplicatedBlob;
    readonly limit: number;
  }): Promise<readonly UnderReplicatedBlob[]>;
  /** How many blobs have too few copies, and how large they are together. */
  underReplicatedTotal(): Holdings;
  /** What a node is recorded for: blobs, and bytes of their chunks. A drained node has none left. */
  holdings(nodeId: number): Holdings;
  /** Blobs that a node is recorded for, in order of their ids. */
  heldBlobs(nodeId: number, options: BlobRange): Promise<readonly Uint8Array[]>;
  /** Rows of blobs; those that do not exist are left out. */
  blobs(blobIds: readonly Uint8Array[]): Promise<readonly BlobRow[]>;
  /** All rows of blobs, in order of their ids. */
  allBlobs(options: BlobRange): Promise<readonly BlobRow[]>;
  oplogBounds(): OplogBounds;
  oplog(afterSequence: bigint, limit: number): Promise<readonly OplogRow[]>;
  namespaceName(org: string, project: string, name: string): NamespaceNameRow | undefined;
  /** Deleted ones too, until the last of their rows is gone. */
  namespace(namespaceId: bigint): NamespaceRow | undefined;
  /** Ids in order of the names that begin with `prefix`, after `after` (exclusive). */
  namespaceNames(options: NamespaceListRange): Promise<readonly NamespaceNameRow[]>;
  /** Live rows of one kind in order of their numbers. */
  manifest(namespaceId: bigint, options: ManifestRange): Promise<readonly ManifestRow[]>;
  /** Rows that were removed after a revision, in the order in which they were. */
  manifestPast(
    namespaceId: bigint,
    options: { readonly afterRevision: bigint; readonly limit: number },
  ): Promise<readonly ManifestRow[]>;
  /** Ids of all namespaces, deleted ones too until the last of their rows is gone. */
  namespaceIds(options: NamespaceIdRange): Promise<readonly bigint[]>;
  /** Ids of namespaces with batches that are in no segment yet. */
  unindexedNamespaces(options: NamespaceIdRange): Promise<readonly bigint[]>;
  /** Ids of namespaces with rows of the past or remembered batches, and of deleted ones. */
  trimmableNamespaces(options: NamespaceIdRange): Promise<readonly bigint[]>;
  /** Hashes of idempotency keys that were committed at or before `untilMs`, at most `limit`. */
  rememberedBatches(namespaceId: bigint, untilMs: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Hashes of idempotency keys, those that were committed first. */
  oldestRememberedBatches(namespaceId: bigint, limit: number): Promise<readonly Uint8Array[]>;
  /** The answer to whoever comes with this key again; undefined: there is none. Those whose time is over stay until they are trimmed. */
  rememberedBatch(namespaceId: bigint, idempotencyHash: Uint8Array): RememberedBatchRow | undefined;
  namespaceLease(namespaceId: bigint, work: NamespaceWork): NamespaceLeaseRow | undefined;
  /** Totals and limits of an organization (`project` "") or a project. */
  searchScope(org: string, project: string): SearchScopeRow | undefined;
  /** A store outside the cluster, by its number; ClusterRow has how many there are, and which one is written to. */
  searchStore(storeId: bigint): SearchStoreRow | undefined;
  /** Sessions that were not used since `beforeMs`, at most `limit`; for CloseSessions. */
  idleSessions(beforeMs: number, limit: number): Promise<readonly bigint[]>;
  /** Greatest leader-stamped time applied, in milliseconds since the epoch. */
  appliedTimeMs(): number;
}

export interface NamespaceListRange {
  readonly org: string;
  readonly project: string;
  readonly prefix: string;
  /** Exclusive; "" begins at the prefix. */
  readonly after: string;
  readonly limit: number;
}

export interface NamespaceIdRange {
  /** Exclusive; 0 begins at the first. */
  readonly after: bigint;
  readonly limit: number;
}

export interface ManifestRange {
  readonly kind: "batch" | "segment" | "deletes";
  /** Exclusive; 0 begins at the first. */
  readonly after: bigint;
  readonly limit: number;
}

export interface UnderReplicatedBlob {
  readonly blobId: Uint8Array;
  /** Of the chunk that has the fewest. */
  readonly copies: number;
}

export interface Holdings {
  readonly blobs: number;
  readonly bytes: number;
}

export interface BlobRange {
  /** Exclusive; undefined begins at the first. */
  readonly after?: Uint8Array | undefined;
  readonly limit: number;
}

export interface ListRange {
  readonly prefix: string;
  /** Exclusive; "" begins at the prefix. */
  readonly after: string;
  /**
   * Inclusive start instead of `after`, for skipping past a common prefix: the caller passes `successorOfPrefix(commonPrefix)`.
   */
  readonly from?: string;
  readonly limit: number;
}

/** The objects of buckets as of one moment. */
export interface StillView
  extends Pick<MetadataView, "bucket" | "object" | "version" | "keyVersions" | "objects" | "versions"> {
  /** How many slices the current version of a key has, or the row of this id in the version table; 0: there is none. Its row is not decoded. */
  sliceCount(bucketId: bigint, key: string, versionId?: Uint8Array): number;
}

export interface VersionListRange {
  readonly prefix: string;
  readonly afterKey: string;
  /** Undefined: all versions of `afterKey` lie before the page ("" as `afterKey`: begin at the prefix). */
  readonly afterVersionId: Uint8Array | undefined;
  /** Inclusive start instead of `afterKey`. */
  readonly fromKey?: string;
  readonly limit: number;
}

export interface UploadListRange {
  readonly prefix: string;
  readonly afterKey: string;
  /** Undefined: all uploads of `afterKey` lie before the page ("" as `afterKey`: begin at the prefix). */
  readonly afterUploadId: Uint8Array | undefined;
  /** Inclusive start instead of `afterKey`. */
  readonly fromKey?: string;
  readonly limit: number;
}

/**
 * What the metadata asks of consensus, on whatever thread that runs. RaftGroup has this shape.
 */
export interface ProposalLog {
  /** Fire and forget: the entry may be lost. False: refused at once, and certainly not in the log because of this call. */
  propose(data: Uint8Array): boolean;
  /** An index that, once applied, shows everything acknowledged before the call. Rejects when no quorum answered in time. */
  readIndex(timeoutMs: number): Promise<number>;
  /** The same where it is known without asking anyone. */
  readIndexNow(): number | undefined;
  /** A verified snapshot has arrived; resolves with whether it was installed. */
  receivedSnapshot(message: Uint8Array): Promise<boolean>;
  onStatus(listener: (status: LeadershipStatus) => void): void;
}

export interface LeadershipStatus {
  /** 0: unknown. */
  readonly leader: number;
  readonly term: number;
}

/** A committed entry, as Raft hands it over. */
export interface CommittedEntry {
  readonly term: number;
  readonly index: number;
  readonly type: "EntryNormal" | "EntryConfChange" | "EntryConfChangeV2";
  readonly data: Uint8Array;
  readonly timeMs: number;
}

/** A Raft configuration. */
export interface ConfigurationState {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly votersOutgoing: readonly number[];
  readonly learnersNext: readonly number[];
  readonly autoLeave: boolean;
}

/** Where a state stands in the log. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfigurationState;
}

/** The running hash at an index; equal on all replicas. */
export interface StateHash {
  readonly index: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}
