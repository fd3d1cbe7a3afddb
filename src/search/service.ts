/**
 * What the surfaces (REST, Connect, the command line) ask of namespaces. Inputs are values of the model that have been checked for their shape;
 * who may call was decided before. Every method rejects with `SearchError` and nothing else that the world is to blame for.
 */

import type { Document, DocumentId } from "./model/document.ts";
import type { Schema } from "./model/schema.ts";
import type { WriteBatch } from "./model/write-batch.ts";
import type { Query } from "./query/query.ts";
import type { QueryResult } from "./query/result.ts";

/** `org/project/name`, each `[a-z0-9][a-z0-9-_]{0,62}`. */
export interface NamespaceName {
  readonly org: string;
  readonly project: string;
  readonly name: string;
}

/**
 * "strong": everything that was acknowledged anywhere before the call. "eventual": what this node knows now, without asking anybody; the answer says
 * as of when.
 */
export type Consistency = "strong" | "eventual";

/** A state of the past, within the retention. Undefined: the newest. */
export type PointInTime =
  | { readonly kind: "version"; readonly version: bigint }
  /** Milliseconds since the Unix epoch, by the time of the leader. */
  | { readonly kind: "time"; readonly timeMs: number };

export interface NamespaceSettings {
  /** Documents that name no time of their own expire so many seconds after they were written; 0: never. */
  readonly defaultTtlSeconds: number;
  /** How long a state can be read after it was replaced, in seconds. */
  readonly retentionSeconds: number;
  /** Kept in the caches of the nodes that serve it, in a budget of its own. */
  readonly pinned: boolean;
}

export interface NamespaceInfo {
  readonly name: NamespaceName;
  /** Never used again, also when a namespace of the same name is made. */
  readonly id: bigint;
  readonly schema: Schema;
  readonly settings: NamespaceSettings;
  /** Of the newest batch; 0: none yet. */
  readonly version: bigint;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly parent?: NamespaceParent;
  readonly statistics: NamespaceStatistics;
}

export interface NamespaceParent {
  readonly id: bigint;
  /** As it was called when the branch was made. */
  readonly name: NamespaceName;
  readonly version: bigint;
}

export interface NamespaceStatistics {
  /** Without documents that were written and not indexed yet; those of them that replace or remove one are counted until then. */
  readonly indexedDocuments: bigint;
  /** Upserts that no index segment has yet. */
  readonly unindexedDocuments: bigint;
  readonly unindexedBatches: number;
  readonly unindexedBytes: bigint;
  readonly segments: number;
  readonly segmentBytes: bigint;
  /** Of the past, kept for the retention. */
  readonly retainedBytes: bigint;
  /** Since when the oldest batch waits for its segment; undefined: none does. */
  readonly unindexedSinceMs?: number;
}

export interface WriteOptions {
  /** Up to 256 characters; a second write with the same key within 24 hours, and 75,000 newer keys, gets the first one's answer. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface WriteResult {
  readonly version: bigint;
  readonly upserted: number;
  readonly patched: number;
  readonly deleted: number;
  /** The answer of an earlier write with this idempotency key. */
  readonly repeated: boolean;
}

export interface ReadOptions {
  readonly consistency: Consistency;
  readonly at?: PointInTime;
  readonly signal?: AbortSignal;
  /** From now; at most LIMITS.deadlineMs, which is the default. */
  readonly timeoutMs?: number;
}

/** Which state an answer shows. */
export interface Snapshot {
  readonly version: bigint;
  /** Leader time up to which this node has applied everything, in milliseconds since the Unix epoch. */
  readonly asOfMs: number;
  /** Of this state: what the values in the answer are. */
  readonly schema: Schema;
}

export interface FetchResult extends Snapshot {
  /** In the order of the ids; undefined: there is none. */
  readonly documents: readonly (Document | undefined)[];
}

export interface QueriesResult extends Snapshot {
  /** In the order of the queries, all of one snapshot. */
  readonly results: readonly QueryResult[];
}

export interface ExportOptions extends ReadOptions {
  /** Of an earlier page: goes on in the same snapshot, wherever that page came from. */
  readonly cursor?: string;
  /** Documents of one page. */
  readonly limit: number;
}

/** Documents in the order of their ids. */
export interface ExportPage extends Snapshot {
  readonly documents: readonly Document[];
  /** Undefined: this was the last page. */
  readonly nextCursor?: string;
}

export interface WarmReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly tookMs: number;
}

export interface CompactReport {
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  /** False: there is more to merge; another merge of it may be under way. */
  readonly done: boolean;
}

export type FindingKind =
  /** A blob or a section of it cannot be read: `problem` says why. */
  | "unreadable"
  /** Another number of rows or frames than the metadata say. */
  | "count"
  /** A row that is not found by its id, or whose stored document has another one. */
  | "id"
  /** The column of an attribute has another value than the document. */
  | "column"
  /** The index of a field passes other rows than the documents say. */
  | "index"
  /** A vector that nobody could have stored. */
  | "vector"
  /** The deletes of a segment are not those of the segment. */
  | "deletes"
  /** A document that lives in two segments. */
  | "twice"
  /** The namespace counts other blobs or rows than there are. */
  | "manifest";

export interface VerifyFinding {
  readonly kind: FindingKind;
  /** Absent: not of one batch. */
  readonly batch?: bigint;
  /** Absent: not of one segment. */
  readonly segment?: bigint;
  /** As in docs/internals/search-segment.md, or "text", "sparse", "deletes"; "": none of its own. */
  readonly section: string;
  /** "": not of one field. */
  readonly field: string;
  readonly document?: DocumentId;
  readonly problem: string;
}

export interface VerifyReport {
  readonly version: bigint;
  readonly blobs: number;
  readonly bytes: number;
  readonly documents: bigint;
  /** At most 100. Empty: everything is what it should be. */
  readonly findings: readonly VerifyFinding[];
  /** The same in words. */
  readonly problems: readonly string[];
}

export interface RecallReport {
  readonly queries: number;
  /** The mean over the queries of the part of the exact answer that the index found, 0 to 1. */
  readonly recall: number;
  readonly worst: number;
}

export interface ListNamespaces {
  readonly org: string;
  readonly project: string;
  readonly prefix: string;
  /** Exclusive; "" begins at the first. */
  readonly after: string;
  readonly limit: number;
}

/** An organization, or with `project` one of its projects. */
export interface NamespaceScope {
  readonly org: string;
  /** "": the organization. */
  readonly project: string;
}

/** 0: no limit. */
export interface QuotaLimits {
  readonly maxNamespaces: bigint;
  /** Of batches, index segments and deletes, with what is kept of the past. */
  readonly maxBytes: bigint;
  readonly maxDocuments: bigint;
}

export interface Quota extends NamespaceScope, QuotaLimits {
  readonly namespaces: bigint;
  readonly bytes: bigint;
  /** Those that are in no segment yet are counted with every write of them. */
  readonly documents: bigint;
}

export interface NamespaceService {
  /** "existing": there is one with the same schema. Rejects "already-exists" where the schema is another one. */
  createNamespace(
    name: NamespaceName,
    options: { readonly schema: Schema; readonly settings?: Partial<NamespaceSettings> },
  ): Promise<{ readonly kind: "created" | "existing"; readonly namespace: NamespaceInfo }>;
  getNamespace(name: NamespaceName): Promise<NamespaceInfo>;
  /** In order of their names; fewer than `limit`: these were the last. */
  listNamespaces(options: ListNamespaces): Promise<readonly NamespaceInfo[]>;
  /** `schema`: fields to add. A field that is there with other settings is "schema-conflict". */
  updateNamespace(
    name: NamespaceName,
    changes: { readonly schema?: Schema; readonly settings?: Partial<NamespaceSettings> },
  ): Promise<NamespaceInfo>;
  deleteNamespace(name: NamespaceName): Promise<void>;

  quota(scope: NamespaceScope): Promise<Quota>;
  /** What is there beyond a limit stays; what would add to it is "quota-exceeded". */
  setQuota(scope: NamespaceScope, limits: QuotaLimits): Promise<Quota>;

  /** Resolves once the batch is durable and visible to every strong read. */
  write(name: NamespaceName, batch: WriteBatch, options?: WriteOptions): Promise<WriteResult>;
  fetch(name: NamespaceName, ids: readonly DocumentId[], options: ReadOptions): Promise<FetchResult>;
  query(name: NamespaceName, queries: readonly Query[], options: ReadOptions): Promise<QueriesResult>;
  exportPage(name: NamespaceName, options: ExportOptions): Promise<ExportPage>;

  /** Copies no document, however large the namespace is. */
  branch(
    source: NamespaceName,
    target: NamespaceName,
    options: { readonly at?: PointInTime },
  ): Promise<NamespaceInfo>;
  /** Writes every document again, into a schema that may be another one. */
  copy(
    source: NamespaceName,
    target: NamespaceName,
    options: { readonly at?: PointInTime; readonly schema?: Schema; readonly signal?: AbortSignal },
  ): Promise<NamespaceInfo>;

  /** Reads the namespace into the caches of this node. */
  warm(name: NamespaceName, options: { readonly signal?: AbortSignal }): Promise<WarmReport>;
  pin(name: NamespaceName): Promise<NamespaceInfo>;
  unpin(name: NamespaceName): Promise<NamespaceInfo>;
  /** Writes everything into as few segments as may be. */
  compact(
    name: NamespaceName,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<CompactReport>;
  /** Reads everything again and compares checksums, counts, and what the parts say about each other. */
  verify(name: NamespaceName, options: { readonly signal?: AbortSignal }): Promise<VerifyReport>;
  /** Runs queries (the given ones, or `samples` vectors of the namespace) with the index and exhaustively, and compares. */
  recall(
    name: NamespaceName,
    options: {
      readonly queries: readonly Query[];
      readonly samples: number;
      readonly k: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<RecallReport>;
}
