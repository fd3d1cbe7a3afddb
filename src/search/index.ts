/**
 * Namespaces of documents: vectors, text, sparse vectors and attributes, searched together, with branches.
 *
 * - `service.ts`: what the surfaces ask. `engine/` does it: writes are grouped, made durable as blobs and committed to the replicated metadata; reads
 *   see the memtable of what is not indexed yet and the index segments, as one version shows them. docs/internals/search-engine.md.
 * - `model/`: schemas, documents, writes: parsed from plain values, checked, encoded. `filter/`, `query/`: what is asked of documents.
 * - `vector/`, `text/`, `sparse/`, `attributes/`: the indexes of one unit. `unit/`: one memtable run or segment, behind one interface.
 * - `threads/`: building and merging index segments on threads of their own.
 * - `ports.ts`: what it asks of the metadata and of the stores of blobs.
 *
 * Invariants: what was acknowledged is in a blob that committed metadata refers to; a strong read sees it; nothing on a node's disk or in its memory is
 * needed to serve a namespace from another node; ranking by an index equals exhaustive ranking wherever an answer says "exhaustive".
 */

export { BlockCache } from "./cache/block-cache.ts";
export { BLOCK_BYTES, CachedReader } from "./cache/cached-reader.ts";
export { type BlockSeal, DiskCache } from "./cache/disk-cache.ts";
export { DirectoryStore } from "./drivers/directory-store.ts";
export { OutsideBlobs } from "./drivers/outside-blobs.ts";
export { type OutsideStore, STORE_NAME, type StorePage } from "./drivers/outside-store.ts";
export { outsideWorkers } from "./drivers/outside-workers.ts";
export { probeStore } from "./drivers/probe.ts";
export { type ClusterDriver, routedDriver } from "./drivers/routed-driver.ts";
export { DEFAULT_ENGINE_SETTINGS, type EngineContext, type EngineSettings } from "./engine/context.ts";
export { SearchEngine } from "./engine/engine.ts";
export type { SearchKernel } from "./engine/kernel.ts";
export { LocalKernel } from "./engine/local-kernel.ts";
export { searchWorkers } from "./engine/workers.ts";
export { SearchError, type SearchErrorCode } from "./errors.ts";
export { UpsertCollector } from "./model/collect-upserts.ts";
export type { AttributeValue, Document, DocumentId, Scalar } from "./model/document.ts";
export { LIMITS } from "./model/limits.ts";
export { checkName } from "./model/names.ts";
export { parseBatch } from "./model/parse-batch.ts";
export { parseSchema } from "./model/plain-schema.ts";
export { readId } from "./model/scalar.ts";
export type { AttributeType, Schema } from "./model/schema.ts";
export type { NumberKind, WriteBatch } from "./model/write-batch.ts";
export type { BlobDriver, BlobName, NamespaceCommand, NamespaceStore, NamespaceView } from "./ports.ts";
export { parseQuery } from "./query/parse-query.ts";
export type { Query } from "./query/query.ts";
export type { QueryResult } from "./query/result.ts";
export type {
  ListNamespaces,
  NamespaceInfo,
  NamespaceName,
  NamespaceScope,
  NamespaceService,
  NamespaceSettings,
  PointInTime,
  Quota,
  VerifyFinding,
  WriteOptions,
} from "./service.ts";
export type { SearchThread } from "./threads/protocol.ts";
export { serveKernel } from "./threads/serve-kernel.ts";
export { ThreadKernel } from "./threads/thread-kernel.ts";
export { ThreadPool } from "./threads/thread-pool.ts";
export { vectorKernels } from "./vector/index.ts";
