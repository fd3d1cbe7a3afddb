/**
 * The local state as the rest of the node reads it. Rows that nearly every request needs (cluster, nodes, copysets, keys, buckets) are kept
 * decoded until a batch touches them; everything else is read and decoded as it is asked for.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { assert, fromHex, toHex } from "../base/index.ts";
import {
  AppliedRowSchema,
  type BlobRow,
  BlobRowSchema,
  type BucketConfigurationKind,
  type BucketConfigurationRow,
  BucketConfigurationRowSchema,
  type BucketRow,
  BucketRowSchema,
  type ClusterRow,
  ClusterRowSchema,
  type CompletedUploadRow,
  CompletedUploadRowSchema,
  type CopysetRow,
  CopysetRowSchema,
  type EncryptionKeyRow,
  EncryptionKeyRowSchema,
  type EncryptionUseRow,
  EncryptionUseRowSchema,
  HoldingsRowSchema,
  type IdentityRow,
  IdentityRowSchema,
  type JoinTokenRow,
  JoinTokenRowSchema,
  type KeyRow,
  KeyRowSchema,
  type KeyVersionsRow,
  KeyVersionsRowSchema,
  type MaintenanceRow,
  MaintenanceRowSchema,
  type ManifestRow,
  ManifestRowSchema,
  type NamespaceLeaseRow,
  NamespaceLeaseRowSchema,
  type NamespaceNameRow,
  NamespaceNameRowSchema,
  type NamespaceRow,
  NamespaceRowSchema,
  type NamespaceWork,
  type NodeRow,
  NodeRowSchema,
  type ObjectRow,
  ObjectRowSchema,
  type OplogRow,
  OplogRowSchema,
  type PartRow,
  PartRowSchema,
  type RememberedBatchRow,
  RememberedBatchRowSchema,
  type SearchScopeRow,
  SearchScopeRowSchema,
  type SearchStoreRow,
  SearchStoreRowSchema,
  SessionRowSchema,
  type UploadRow,
  UploadRowSchema,
  type WorkerCursorRow,
  type WorkerCursorRow_Worker,
  WorkerCursorRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { hasKind } from "./configurations.ts";
import {
  APPLIED_KEY,
  accessKeyKey,
  blobHexOf,
  blobKey,
  bucketConfigurationKey,
  bucketKey,
  CLUSTER_KEY,
  completedUploadKey,
  copiesOf,
  copysetKey,
  discardOrderKey,
  discardOrderRange,
  encryptionKeyKey,
  encryptionUseRange,
  heldBlobKey,
  heldBlobRange,
  holdingsKey,
  identityKey,
  keyVersionsKey,
  MAINTENANCE_KEY,
  manifestKey,
  manifestRange,
  namespaceIdOf,
  namespaceKey,
  namespaceLeaseKey,
  namespaceNameKey,
  objectKey,
  oplogKey,
  partKey,
  partRange,
  pastAfter,
  pendingDeleteRange,
  rangeOfPrefix,
  rememberedBatchKey,
  rememberedBatchRange,
  searchScopeKey,
  searchStoreKey,
  TABLES,
  tableRange,
  trailingBlobId,
  trailingUploadId,
  trimmableKey,
  UNDER_REPLICATED_TOTAL_KEY,
  underReplicatedKey,
  unindexedKey,
  unlinkOrderKey,
  unlinkOrderRange,
  uploadKey,
  versionKey,
  workerCursorKey,
} from "./keys.ts";
import { BLAKE3_BYTES, MAX_ENCRYPTION_KEY_VERSIONS, META_ID_BYTES } from "./limits.ts";
import { narrowed, objectPage, uploadPage, versionPage } from "./list-ranges.ts";
import type {
  BlobRange,
  Holdings,
  ListRange,
  ManifestRange,
  MetadataView,
  NamespaceIdRange,
  NamespaceListRange,
  OplogBounds,
  StillView,
  UnderReplicatedBlob,
  UploadListRange,
  VersionListRange,
} from "./ports.ts";
import type { StateRows } from "./readable-store.ts";
import { type Kept, RowReader, type RowReaderOptions } from "./row-reader.ts";
import { SnapshotView } from "./still-view.ts";
import { decodeObjectSummary, decodePartSummary, type ObjectSummary, type PartSummary } from "./summaries.ts";

const MANIFEST_LETTERS = { batch: "b", segment: "s", deletes: "d" } as const;

/** Where the state stands. */
export interface AppliedPosition {
  index(): number;
  timeMs(): number;
}

export class StateView implements MetadataView {
  readonly #reader: RowReader;
  readonly #position: AppliedPosition;
  #openCopysets: Kept<readonly CopysetRow[]> | undefined;
  #maintenance: Kept<MaintenanceRow | undefined> | undefined;

  constructor(store: StateRows, position: AppliedPosition, options: RowReaderOptions = {}) {
    this.#reader = new RowReader(store, options);
    this.#position = position;
  }

  appliedIndex(): number {
    return this.#position.index();
  }

  appliedTimeMs(): number {
    return this.#position.timeMs();
  }

  cluster(): ClusterRow | undefined {
    return this.#reader.cached(CLUSTER_KEY, ClusterRowSchema);
  }

  nodes(): Promise<readonly NodeRow[]> {
    return this.#reader.table("node", NodeRowSchema);
  }

  copysets(): Promise<readonly CopysetRow[]> {
    return this.#reader.table("copyset", CopysetRowSchema);
  }

  openCopysets(): readonly CopysetRow[] {
    const kept = this.#openCopysets;
    if (kept !== undefined && this.#reader.versions.isCurrent(kept.mark)) return kept.value;
    // The cluster's list of them changes together with their own rows.
    const mark = this.#reader.versions.ofTable(TABLES.copyset);
    const ids = this.cluster()?.openCopysetIds ?? [];
    const rows = ids.flatMap((copysetId) => this.copyset(copysetId) ?? []);
    // One that was closed after the cluster's row was read is left out.
    const value = rows.filter((copyset) => copyset.open);
    this.#openCopysets = { value, mark };
    return value;
  }

  copyset(copysetId: bigint): CopysetRow | undefined {
    return this.#reader.cached(copysetKey(copysetId), CopysetRowSchema);
  }

  joinTokens(): Promise<readonly JoinTokenRow[]> {
    return this.#reader.table("joinToken", JoinTokenRowSchema);
  }

  key(keyId: string): KeyRow | undefined {
    return this.#reader.cached(accessKeyKey(keyId), KeyRowSchema);
  }

  keysVersion(): number {
    return (
      this.#reader.versions.ofTable(TABLES.key).version +
      this.#reader.versions.ofTable(TABLES.identity).version
    );
  }

  keys(): Promise<readonly KeyRow[]> {
    return this.#reader.table("key", KeyRowSchema);
  }

  identity(name: string): IdentityRow | undefined {
    return this.#reader.cached(identityKey(name), IdentityRowSchema);
  }

  identities(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly IdentityRow[]> {
    const range = rangeOfPrefix(identityKey(options.prefix));
    const gt = options.after === "" ? {} : { gt: identityKey(options.after) };
    return this.#reader.page({ ...range, ...gt, limit: options.limit }, IdentityRowSchema);
  }

  /** Every write of a client asks for it, and it is nearly never there: that is remembered too. */
  maintenance(): MaintenanceRow | undefined {
    const kept = this.#maintenance;
    if (kept !== undefined && this.#reader.versions.isCurrent(kept.mark)) return kept.value;
    const mark = this.#reader.versions.ofTable(TABLES.maintenance);
    const value = this.#reader.row(MAINTENANCE_KEY, MaintenanceRowSchema);
    this.#maintenance = { value, mark };
    return value;
  }

  encryptionKey(keyId: string): EncryptionKeyRow | undefined {
    return this.#reader.cached(encryptionKeyKey(keyId), EncryptionKeyRowSchema);
  }

  workerCursor(worker: WorkerCursorRow_Worker): WorkerCursorRow | undefined {
    return this.#reader.row(workerCursorKey(worker), WorkerCursorRowSchema);
  }

  encryptionKeys(): Promise<readonly EncryptionKeyRow[]> {
    return this.#reader.table("encryptionKey", EncryptionKeyRowSchema);
  }

  encryptionUses(keyId: string): Promise<readonly EncryptionUseRow[]> {
    const range = { ...encryptionUseRange(keyId), limit: MAX_ENCRYPTION_KEY_VERSIONS };
    return this.#reader.page(range, EncryptionUseRowSchema);
  }

  bucket(name: string): BucketRow | undefined {
    return this.#reader.cached(bucketKey(name), BucketRowSchema);
  }

  bucketConfiguration(bucket: BucketRow, kind: BucketConfigurationKind): BucketConfigurationRow | undefined {
    if (!hasKind(bucket.configuredKinds, kind)) return undefined;
    return this.#reader.cached(bucketConfigurationKey(bucket.bucketId, kind), BucketConfigurationRowSchema);
  }

  buckets(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly BucketRow[]> {
    const range = rangeOfPrefix(bucketKey(options.prefix));
    const gt = options.after === "" ? {} : { gt: bucketKey(options.after) };
    return this.#reader.page({ ...range, ...gt, limit: options.limit }, BucketRowSchema);
  }

  namespaceName(org: string, project: string, name: string): NamespaceNameRow | undefined {
    return this.#reader.cached(namespaceNameKey(org, project, name), NamespaceNameRowSchema);
  }

  namespace(namespaceId: bigint): NamespaceRow | undefined {
    return this.#reader.cached(namespaceKey(namespaceId), NamespaceRowSchema);
  }

  namespaceNames(options: NamespaceListRange): Promise<readonly NamespaceNameRow[]> {
    const { org, project, prefix, after, limit } = options;
    const range = rangeOfPrefix(namespaceNameKey(org, project, prefix));
    const gt = after === "" ? {} : { gt: namespaceNameKey(org, project, after) };
    return this.#reader.page({ ...range, ...gt, limit }, NamespaceNameRowSchema);
  }

  manifest(namespaceId: bigint, { kind, after, limit }: ManifestRange): Promise<readonly ManifestRow[]> {
    const letter = MANIFEST_LETTERS[kind];
    const gt = manifestKey(namespaceId, { letter, number: after, removedRevision: 0n });
    return this.#reader.page({ ...manifestRange(namespaceId, letter), gt, limit }, ManifestRowSchema);
  }

  manifestPast(
    namespaceId: bigint,
    { afterRevision, limit }: { readonly afterRevision: bigint; readonly limit: number },
  ): Promise<readonly ManifestRow[]> {
    const { lt } = manifestRange(namespaceId, "h");
    return this.#reader.page({ gte: pastAfter(namespaceId, afterRevision), lt, limit }, ManifestRowSchema);
  }

  namespaceIds({ after, limit }: NamespaceIdRange): Promise<readonly bigint[]> {
    return this.#namespaceIds(tableRange("namespace"), namespaceKey(after), limit);
  }

  unindexedNamespaces({ after, limit }: NamespaceIdRange): Promise<readonly bigint[]> {
    return this.#namespaceIds(tableRange("unindexedNamespace"), unindexedKey(after), limit);
  }

  trimmableNamespaces({ after, limit }: NamespaceIdRange): Promise<readonly bigint[]> {
    return this.#namespaceIds(tableRange("trimmableNamespace"), trimmableKey(after), limit);
  }

  async #namespaceIds(
    range: { readonly gte: string; readonly lt: string },
    gt: string,
    limit: number,
  ): Promise<readonly bigint[]> {
    const rows = await this.#reader.store.use((store) => store.page({ ...range, gt, limit }));
    return rows.map(({ key }) => namespaceIdOf(key));
  }

  rememberedBatches(namespaceId: bigint, untilMs: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#reader.firstOf(rememberedBatchRange(namespaceId), limit, ({ key, value }) => {
      const { committedAtMs } = fromBinary(RememberedBatchRowSchema, value);
      return Number(committedAtMs) <= untilMs ? fromHex(key.slice(-2 * BLAKE3_BYTES)) : undefined;
    });
  }

  async oldestRememberedBatches(namespaceId: bigint, limit: number): Promise<readonly Uint8Array[]> {
    const range = rememberedBatchRange(namespaceId);
    const all = await this.#reader.firstOf(range, Number.POSITIVE_INFINITY, ({ key, value }) => ({
      atMs: Number(fromBinary(RememberedBatchRowSchema, value).committedAtMs),
      hash: key.slice(-2 * BLAKE3_BYTES),
    }));
    // Numbers alone are put in order in less than half the time of rows, of which there may be 100,000.
    const times = Float64Array.from(all, ({ atMs }) => atMs).sort();
    const last = times[Math.min(limit, times.length) - 1] ?? 0;
    const oldest = all
      .filter(({ atMs }) => atMs <= last)
      .sort((a, b) => a.atMs - b.atMs)
      .slice(0, limit);
    return oldest.flatMap(({ hash }) => fromHex(hash) ?? []);
  }

  rememberedBatch(namespaceId: bigint, idempotencyHash: Uint8Array): RememberedBatchRow | undefined {
    return this.#reader.row(rememberedBatchKey(namespaceId, idempotencyHash), RememberedBatchRowSchema);
  }

  namespaceLease(namespaceId: bigint, work: NamespaceWork): NamespaceLeaseRow | undefined {
    return this.#reader.row(namespaceLeaseKey(namespaceId, work), NamespaceLeaseRowSchema);
  }

  searchStore(storeId: bigint): SearchStoreRow | undefined {
    return this.#reader.row(searchStoreKey(storeId), SearchStoreRowSchema);
  }

  searchScope(org: string, project: string): SearchScopeRow | undefined {
    return this.#reader.row(searchScopeKey(org, project), SearchScopeRowSchema);
  }

  object(bucketId: bigint, key: string): ObjectRow | undefined {
    return this.#reader.kept(objectKey(bucketId, key), ObjectRowSchema);
  }

  objects(bucketId: bigint, options: ListRange): Promise<readonly ObjectSummary[]> {
    return this.#reader.pageOf(objectPage(bucketId, options), decodeObjectSummary);
  }

  version(bucketId: bigint, key: string, versionId: Uint8Array): ObjectRow | undefined {
    if (versionId.length !== META_ID_BYTES) return undefined;
    return this.#reader.row(versionKey(bucketId, key, versionId), ObjectRowSchema);
  }

  keyVersions(bucketId: bigint, key: string): KeyVersionsRow | undefined {
    return this.#reader.row(keyVersionsKey(bucketId, key), KeyVersionsRowSchema);
  }

  versions(bucketId: bigint, options: VersionListRange): Promise<readonly ObjectSummary[]> {
    return this.#reader.pageOf(versionPage(bucketId, options), decodeObjectSummary);
  }

  still<T>(action: (rows: StillView) => Promise<T>): Promise<T> {
    return this.#reader.store.useSnapshot((snapshot) => action(new SnapshotView(snapshot)));
  }

  upload(uploadId: Uint8Array): UploadRow | undefined {
    if (uploadId.length !== META_ID_BYTES) return undefined;
    return this.#reader.row(uploadKey(uploadId), UploadRowSchema);
  }

  /** Order and rows are of one moment: of two, an upload that goes away in between would make a page short that is not the last. */
  uploads(bucketId: bigint, options: UploadListRange): Promise<readonly UploadRow[]> {
    return this.#reader.store.useSnapshot(async (snapshot) => {
      const order = await snapshot.page(uploadPage(bucketId, options));
      const rows = await snapshot.getMany(order.map(({ key }) => uploadKey(trailingUploadId(key))));
      return rows.map((bytes) => {
        assert(bytes !== undefined, "an upload in the order of its bucket has a row");
        return fromBinary(UploadRowSchema, bytes);
      });
    });
  }

  parts(
    uploadId: Uint8Array,
    options: { readonly after: number; readonly limit: number },
  ): Promise<readonly PartSummary[]> {
    const gt = options.after > 0 ? { gt: partKey(uploadId, options.after) } : {};
    return this.#reader.pageOf(narrowed(partRange(uploadId), gt, options.limit), decodePartSummary);
  }

  part(uploadId: Uint8Array, partNumber: number): PartRow | undefined {
    return this.#reader.row(partKey(uploadId, partNumber), PartRowSchema);
  }

  completedUpload(uploadId: Uint8Array): CompletedUploadRow | undefined {
    if (uploadId.length !== META_ID_BYTES) return undefined;
    return this.#reader.row(completedUploadKey(uploadId), CompletedUploadRowSchema);
  }

  completedUploads(beforeMs: number, limit: number): Promise<readonly CompletedUploadRow[]> {
    const before = BigInt(Math.floor(beforeMs));
    return this.#reader.firstOf(tableRange("completedUpload"), limit, ({ value }) => {
      const row = fromBinary(CompletedUploadRowSchema, value);
      return row.completedAtMs < before ? row : undefined;
    });
  }

  blob(blobId: Uint8Array): BlobRow | undefined {
    if (blobId.length !== META_ID_BYTES) return undefined;
    return this.#reader.kept(blobKey(blobHexOf(blobId)), BlobRowSchema);
  }

  async pendingDeletes(beforeMs: number, limit: number): Promise<readonly Uint8Array[]> {
    const rows = await this.#reader.store.use((store) =>
      store.page({ ...pendingDeleteRange(beforeMs), limit }),
    );
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async unlinkOrders(nodeId: number, limit: number, after?: Uint8Array): Promise<readonly Uint8Array[]> {
    const range = unlinkOrderRange(BigInt(nodeId));
    const gt = after === undefined ? {} : { gt: unlinkOrderKey(BigInt(nodeId), toHex(after)) };
    const rows = await this.#reader.store.use((store) => store.page({ ...range, ...gt, limit }));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async discardOrders(nodeId: number, limit: number): Promise<readonly Uint8Array[]> {
    const range = discardOrderRange(BigInt(nodeId));
    const rows = await this.#reader.store.use((store) => store.page({ ...range, limit }));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  isDiscarding(nodeId: number, blobId: Uint8Array): boolean {
    return this.#reader.store.get(discardOrderKey(BigInt(nodeId), blobHexOf(blobId))) !== undefined;
  }

  async underReplicated(options: {
    readonly after?: UnderReplicatedBlob;
    readonly limit: number;
  }): Promise<readonly UnderReplicatedBlob[]> {
    const { after, limit } = options;
    const gt = after === undefined ? {} : { gt: underReplicatedKey(after.copies, blobHexOf(after.blobId)) };
    const range = narrowed(tableRange("underReplicated"), gt, limit);
    const rows = await this.#reader.store.use((store) => store.page(range));
    return rows.map(({ key }) => ({ blobId: trailingBlobId(key), copies: copiesOf(key) }));
  }

  underReplicatedTotal(): Holdings {
    return this.#holdings(UNDER_REPLICATED_TOTAL_KEY);
  }

  holdings(nodeId: number): Holdings {
    return this.#holdings(holdingsKey(BigInt(nodeId)));
  }

  async heldBlobs(nodeId: number, { after, limit }: BlobRange): Promise<readonly Uint8Array[]> {
    const gt = after === undefined ? {} : { gt: heldBlobKey(BigInt(nodeId), blobHexOf(after)) };
    const range = narrowed(heldBlobRange(BigInt(nodeId)), gt, limit);
    const rows = await this.#reader.store.use((store) => store.page(range));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async blobs(blobIds: readonly Uint8Array[]): Promise<readonly BlobRow[]> {
    const keys = blobIds.map((blobId) => blobKey(blobHexOf(blobId)));
    const rows = await this.#reader.store.use((store) => store.getMany(keys));
    return rows.flatMap((bytes) => (bytes === undefined ? [] : [fromBinary(BlobRowSchema, bytes)]));
  }

  allBlobs({ after, limit }: BlobRange): Promise<readonly BlobRow[]> {
    const gt = after === undefined ? {} : { gt: blobKey(blobHexOf(after)) };
    return this.#reader.page(narrowed(tableRange("blob"), gt, limit), BlobRowSchema);
  }

  oplogBounds(): OplogBounds {
    const applied = this.#reader.row(APPLIED_KEY, AppliedRowSchema);
    return { first: applied?.firstOplogSequence ?? 1n, next: applied?.nextOplogSequence ?? 1n };
  }

  oplog(afterSequence: bigint, limit: number): Promise<readonly OplogRow[]> {
    const { lt } = tableRange("oplog");
    return this.#reader.page({ gt: oplogKey(afterSequence), lt, limit }, OplogRowSchema);
  }

  idleSessions(beforeMs: number, limit: number): Promise<readonly bigint[]> {
    const before = BigInt(Math.floor(beforeMs));
    return this.#reader.firstOf(tableRange("session"), limit, ({ value }) => {
      const row = fromBinary(SessionRowSchema, value);
      return row.lastUsedMs < before ? row.sessionId : undefined;
    });
  }

  #holdings(key: string): Holdings {
    const row = this.#reader.row(key, HoldingsRowSchema);
    return { blobs: Number(row?.blobs ?? 0n), bytes: Number(row?.bytes ?? 0n) };
  }
}
