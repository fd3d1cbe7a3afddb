/** What the engine asks of others. `server` joins it to the metadata and to the stores of blobs. */

import type {
  BranchNamespace,
  CommandResult,
  CommitBatch,
  CommitIndex,
  CreateNamespace,
  DeleteNamespace,
  LeaseNamespaceWork,
  NewBlob,
  SetSearchQuota,
  TrimNamespace,
  UpdateNamespace,
} from "../gen/skerry/meta/v1/commands_pb.js";
import type {
  ManifestRow,
  NamespaceLeaseRow,
  NamespaceNameRow,
  NamespaceRow,
  NamespaceWork,
  RememberedBatchRow,
  SearchScopeRow,
} from "../gen/skerry/meta/v1/rows_pb.js";

/** Reads parts of one immutable file. What it returns is verified. */
export interface RangeReader {
  readonly sizeBytes: number;
  /** Rejects with SearchError "data-damaged" when the bytes are not what was written. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Several parts in one wave: none waits for another. In the order that was asked for. */
  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]>;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A store of immutable blobs. Rejects with SearchError "unavailable" and "data-damaged". */
export interface BlobDriver {
  /**
   * Resolves when the bytes, one part after another, are durable. What it gives goes into the command that refers to the blob; without it the bytes are
   * garbage. At least one byte.
   */
  write(parts: readonly Uint8Array[], signal: AbortSignal): Promise<NewBlob>;
  /** The same for an index segment or its deletes, which may go to a store outside the cluster. */
  writeIndex(parts: readonly Uint8Array[], signal: AbortSignal): Promise<NewBlob>;
  /** Verified bytes of [offset, offset + length) of a blob that metadata refers to. */
  read(blob: BlobName, range: ByteRange, signal: AbortSignal): Promise<Uint8Array>;
  /** Whether it is read from this node's own disk, so that another copy there would help nobody. */
  isNear(blob: BlobName): boolean;
}

export interface BlobName {
  /** 16 bytes. */
  readonly blobId: Uint8Array;
  readonly sizeBytes: number;
}

/** The commands of namespaces, as protobuf-es spells a oneof. */
export type NamespaceCommand =
  | { readonly case: "createNamespace"; readonly value: CreateNamespace }
  | { readonly case: "updateNamespace"; readonly value: UpdateNamespace }
  | { readonly case: "deleteNamespace"; readonly value: DeleteNamespace }
  | { readonly case: "commitBatch"; readonly value: CommitBatch }
  | { readonly case: "commitIndex"; readonly value: CommitIndex }
  | { readonly case: "branchNamespace"; readonly value: BranchNamespace }
  | { readonly case: "leaseNamespaceWork"; readonly value: LeaseNamespaceWork }
  | { readonly case: "trimNamespace"; readonly value: TrimNamespace }
  | { readonly case: "setSearchQuota"; readonly value: SetSearchQuota };

/** The rows of namespaces in the replicated metadata. */
export interface NamespaceStore {
  /**
   * What the state machine decided. Rejects with SearchError: "unavailable" and "overloaded" when the command was not applied and will not be,
   * "deadline-exceeded" when it may have been, or may yet be.
   */
  submit(command: NamespaceCommand, signal?: AbortSignal): Promise<CommandResult>;
  /** After it resolves, `view` shows at least everything that was acknowledged anywhere before the call. */
  barrier(): Promise<void>;
  readonly view: NamespaceView;
}

/** The local rows. They are shared: nobody changes them. */
export interface NamespaceView {
  /** Greatest time of a leader that was applied, in milliseconds since the Unix epoch. */
  appliedTimeMs(): number;
  namespaceName(org: string, project: string, name: string): NamespaceNameRow | undefined;
  /** Deleted ones too, until the last of their rows is gone. */
  namespace(namespaceId: bigint): NamespaceRow | undefined;
  namespaceNames(options: {
    readonly org: string;
    readonly project: string;
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly NamespaceNameRow[]>;
  /** Live rows of one kind in order of their numbers. */
  manifest(
    namespaceId: bigint,
    options: {
      readonly kind: "batch" | "segment" | "deletes";
      readonly after: bigint;
      readonly limit: number;
    },
  ): Promise<readonly ManifestRow[]>;
  /** Rows that were removed after a revision, in the order in which they were. */
  manifestPast(
    namespaceId: bigint,
    options: { readonly afterRevision: bigint; readonly limit: number },
  ): Promise<readonly ManifestRow[]>;
  /** Of all namespaces, in order. */
  namespaceIds(options: { readonly after: bigint; readonly limit: number }): Promise<readonly bigint[]>;
  unindexedNamespaces(options: {
    readonly after: bigint;
    readonly limit: number;
  }): Promise<readonly bigint[]>;
  trimmableNamespaces(options: {
    readonly after: bigint;
    readonly limit: number;
  }): Promise<readonly bigint[]>;
  rememberedBatches(namespaceId: bigint, untilMs: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Hashes of idempotency keys, those that were committed first. */
  oldestRememberedBatches(namespaceId: bigint, limit: number): Promise<readonly Uint8Array[]>;
  /** The answer to whoever comes with this key again; undefined: there is none. Those whose time is over stay until they are trimmed. */
  rememberedBatch(namespaceId: bigint, idempotencyHash: Uint8Array): RememberedBatchRow | undefined;
  /** Totals and limits of an organization (`project` "") or a project; undefined: nothing is there and nothing is limited. */
  searchScope(org: string, project: string): SearchScopeRow | undefined;
  namespaceLease(namespaceId: bigint, work: NamespaceWork): NamespaceLeaseRow | undefined;
}
