/**
 * The local state as the rest of the node reads it. Rows that nearly every request needs (cluster, nodes, copysets, keys, buckets) are kept
 * decoded until a batch touches them; everything else is read and decoded as it is asked for.
 */

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { LRUCache } from "lru-cache";
import { fromHex, toHex } from "../base/index.ts";
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
import type { DiskError, ScanRange, StoreRow } from "../platform/index.ts";
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
  type TableName,
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
import { decodeMessage } from "./message-decoder.ts";
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
import type { ReadCache } from "./read-cache.ts";
import { ReadableStore, type StateRows } from "./readable-store.ts";
import { type RowMark, RowVersions } from "./row-versions.ts";
import { SnapshotView } from "./still-view.ts";

/** Rows of one page of a whole-table read. */
const PAGE_ROWS = 1_024;
const CACHED_ROWS = 16_384;

const MANIFEST_LETTERS = { batch: "b", segment: "s", deletes: "d" } as const;

/** Where the state stands. */
export interface AppliedPosition {
  index(): number;
  timeMs(): number;
}

export interface StateViewOptions {
  /** Somebody was refused, because the disk did not give a row. */
  readonly onUnreadable?: (error: DiskError) => void;
  readonly cache?: ReadCache;
  /** Raised by whoever writes the rows. Default: nobody does. */
  readonly versions?: RowVersions;
}

/** What was read, as long as it has not changed. */
interface Kept<T> {
  readonly value: T;
  readonly mark: RowMark;
}

export class StateView implements MetadataView {
  readonly #store: ReadableStore;
  readonly #position: AppliedPosition;
  readonly #versions: RowVersions;
  /** Counted by size, for with `max` it would take the memory of all its rows at once. */
  readonly #rows = new LRUCache<string, Kept<object>>({ maxSize: CACHED_ROWS, sizeCalculation: () => 1 });
  /** Whole tables, by letter. */
  readonly #tables = new Map<string, Kept<Promise<readonly object[]>>>();
  readonly #cache: ReadCache | undefined;
  #openCopysets: Kept<readonly CopysetRow[]> | undefined;
  #maintenance: Kept<MaintenanceRow | undefined> | undefined;

  constructor(store: StateRows, position: AppliedPosition, options: StateViewOptions = {}) {
    const { onUnreadable = () => undefined, cache, versions } = options;
    this.#cache = cache;
    this.#store = new ReadableStore(store, onUnreadable);
    this.#position = position;
    this.#versions = versions ?? new RowVersions(RowVersions.memory(1));
  }

  appliedIndex(): number {
    return this.#position.index();
  }

  appliedTimeMs(): number {
    return this.#position.timeMs();
  }

  cluster(): ClusterRow | undefined {
    return this.#cached(CLUSTER_KEY, ClusterRowSchema);
  }

  nodes(): Promise<readonly NodeRow[]> {
    return this.#table("node", NodeRowSchema);
  }

  copysets(): Promise<readonly CopysetRow[]> {
    return this.#table("copyset", CopysetRowSchema);
  }

  openCopysets(): readonly CopysetRow[] {
    const kept = this.#openCopysets;
    if (kept !== undefined && this.#versions.isCurrent(kept.mark)) return kept.value;
    // The cluster's list of them changes together with their own rows.
    const mark = this.#versions.ofTable(TABLES.copyset);
    const ids = this.cluster()?.openCopysetIds ?? [];
    const rows = ids.flatMap((copysetId) => this.copyset(copysetId) ?? []);
    // One that was closed after the cluster's row was read is left out.
    const value = rows.filter((copyset) => copyset.open);
    this.#openCopysets = { value, mark };
    return value;
  }

  copyset(copysetId: bigint): CopysetRow | undefined {
    return this.#cached(copysetKey(copysetId), CopysetRowSchema);
  }

  joinTokens(): Promise<readonly JoinTokenRow[]> {
    return this.#table("joinToken", JoinTokenRowSchema);
  }

  key(keyId: string): KeyRow | undefined {
    return this.#cached(accessKeyKey(keyId), KeyRowSchema);
  }

  keysVersion(): number {
    return this.#versions.ofTable(TABLES.key).version + this.#versions.ofTable(TABLES.identity).version;
  }

  keys(): Promise<readonly KeyRow[]> {
    return this.#table("key", KeyRowSchema);
  }

  identity(name: string): IdentityRow | undefined {
    return this.#cached(identityKey(name), IdentityRowSchema);
  }

  identities(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly IdentityRow[]> {
    const range = rangeOfPrefix(identityKey(options.prefix));
    const gt = options.after === "" ? {} : { gt: identityKey(options.after) };
    return this.#page({ ...range, ...gt, limit: options.limit }, IdentityRowSchema);
  }

  /** Every write of a client asks for it, and it is nearly never there: that is remembered too. */
  maintenance(): MaintenanceRow | undefined {
    const kept = this.#maintenance;
    if (kept !== undefined && this.#versions.isCurrent(kept.mark)) return kept.value;
    const mark = this.#versions.ofTable(TABLES.maintenance);
    const value = this.#row(MAINTENANCE_KEY, MaintenanceRowSchema);
    this.#maintenance = { value, mark };
    return value;
  }

  encryptionKey(keyId: string): EncryptionKeyRow | undefined {
    return this.#cached(encryptionKeyKey(keyId), EncryptionKeyRowSchema);
  }

  workerCursor(worker: WorkerCursorRow_Worker): WorkerCursorRow | undefined {
    return this.#row(workerCursorKey(worker), WorkerCursorRowSchema);
  }

  encryptionKeys(): Promise<readonly EncryptionKeyRow[]> {
    return this.#table("encryptionKey", EncryptionKeyRowSchema);
  }

  encryptionUses(keyId: string): Promise<readonly EncryptionUseRow[]> {
    const range = { ...encryptionUseRange(keyId), limit: MAX_ENCRYPTION_KEY_VERSIONS };
    return this.#page(range, EncryptionUseRowSchema);
  }

  bucket(name: string): BucketRow | undefined {
    return this.#cached(bucketKey(name), BucketRowSchema);
  }

  bucketConfiguration(bucket: BucketRow, kind: BucketConfigurationKind): BucketConfigurationRow | undefined {
    if (!hasKind(bucket.configuredKinds, kind)) return undefined;
    return this.#cached(bucketConfigurationKey(bucket.bucketId, kind), BucketConfigurationRowSchema);
  }

  buckets(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly BucketRow[]> {
    const range = rangeOfPrefix(bucketKey(options.prefix));
    const gt = options.after === "" ? {} : { gt: bucketKey(options.after) };
    return this.#page({ ...range, ...gt, limit: options.limit }, BucketRowSchema);
  }

  namespaceName(org: string, project: string, name: string): NamespaceNameRow | undefined {
    return this.#cached(namespaceNameKey(org, project, name), NamespaceNameRowSchema);
  }

  namespace(namespaceId: bigint): NamespaceRow | undefined {
    return this.#cached(namespaceKey(namespaceId), NamespaceRowSchema);
  }

  namespaceNames(options: NamespaceListRange): Promise<readonly NamespaceNameRow[]> {
    const { org, project, prefix, after, limit } = options;
    const range = rangeOfPrefix(namespaceNameKey(org, project, prefix));
    const gt = after === "" ? {} : { gt: namespaceNameKey(org, project, after) };
    return this.#page({ ...range, ...gt, limit }, NamespaceNameRowSchema);
  }

  manifest(namespaceId: bigint, { kind, after, limit }: ManifestRange): Promise<readonly ManifestRow[]> {
    const letter = MANIFEST_LETTERS[kind];
    const gt = manifestKey(namespaceId, { letter, number: after, removedRevision: 0n });
    return this.#page({ ...manifestRange(namespaceId, letter), gt, limit }, ManifestRowSchema);
  }

  manifestPast(
    namespaceId: bigint,
    { afterRevision, limit }: { readonly afterRevision: bigint; readonly limit: number },
  ): Promise<readonly ManifestRow[]> {
    const { lt } = manifestRange(namespaceId, "h");
    return this.#page({ gte: pastAfter(namespaceId, afterRevision), lt, limit }, ManifestRowSchema);
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
    const rows = await this.#store.use((store) => store.page({ ...range, gt, limit }));
    return rows.map(({ key }) => namespaceIdOf(key));
  }

  rememberedBatches(namespaceId: bigint, untilMs: number, limit: number): Promise<readonly Uint8Array[]> {
    return this.#firstOf(rememberedBatchRange(namespaceId), limit, ({ key, value }) => {
      const { committedAtMs } = fromBinary(RememberedBatchRowSchema, value);
      return Number(committedAtMs) <= untilMs ? fromHex(key.slice(-2 * BLAKE3_BYTES)) : undefined;
    });
  }

  async oldestRememberedBatches(namespaceId: bigint, limit: number): Promise<readonly Uint8Array[]> {
    const range = rememberedBatchRange(namespaceId);
    const all = await this.#firstOf(range, Number.POSITIVE_INFINITY, ({ key, value }) => ({
      atMs: Number(fromBinary(RememberedBatchRowSchema, value).committedAtMs),
      hash: key.slice(-2 * BLAKE3_BYTES),
    }));
    const oldest = [...all].sort((a, b) => a.atMs - b.atMs).slice(0, limit);
    return oldest.flatMap(({ hash }) => fromHex(hash) ?? []);
  }

  rememberedBatch(namespaceId: bigint, idempotencyHash: Uint8Array): RememberedBatchRow | undefined {
    return this.#row(rememberedBatchKey(namespaceId, idempotencyHash), RememberedBatchRowSchema);
  }

  namespaceLease(namespaceId: bigint, work: NamespaceWork): NamespaceLeaseRow | undefined {
    return this.#row(namespaceLeaseKey(namespaceId, work), NamespaceLeaseRowSchema);
  }

  searchStore(storeId: bigint): SearchStoreRow | undefined {
    return this.#row(searchStoreKey(storeId), SearchStoreRowSchema);
  }

  searchScope(org: string, project: string): SearchScopeRow | undefined {
    return this.#row(searchScopeKey(org, project), SearchScopeRowSchema);
  }

  object(bucketId: bigint, key: string): ObjectRow | undefined {
    return this.#kept(objectKey(bucketId, key), ObjectRowSchema);
  }

  objects(bucketId: bigint, options: ListRange): Promise<readonly ObjectRow[]> {
    return this.#page(objectPage(bucketId, options), ObjectRowSchema);
  }

  version(bucketId: bigint, key: string, versionId: Uint8Array): ObjectRow | undefined {
    if (versionId.length !== META_ID_BYTES) return undefined;
    return this.#row(versionKey(bucketId, key, versionId), ObjectRowSchema);
  }

  keyVersions(bucketId: bigint, key: string): KeyVersionsRow | undefined {
    return this.#row(keyVersionsKey(bucketId, key), KeyVersionsRowSchema);
  }

  versions(bucketId: bigint, options: VersionListRange): Promise<readonly ObjectRow[]> {
    return this.#page(versionPage(bucketId, options), ObjectRowSchema);
  }

  still<T>(action: (rows: StillView) => Promise<T>): Promise<T> {
    return this.#store.useSnapshot((snapshot) => action(new SnapshotView(snapshot)));
  }

  upload(uploadId: Uint8Array): UploadRow | undefined {
    if (uploadId.length !== META_ID_BYTES) return undefined;
    return this.#row(uploadKey(uploadId), UploadRowSchema);
  }

  /** An upload that goes away between the two reads is left out. */
  async uploads(bucketId: bigint, options: UploadListRange): Promise<readonly UploadRow[]> {
    const range = uploadPage(bucketId, options);
    return await this.#store.use(async (store) => {
      const order = await store.page(range);
      const rows = await store.getMany(order.map(({ key }) => uploadKey(trailingUploadId(key))));
      return rows.flatMap((bytes) => (bytes === undefined ? [] : [fromBinary(UploadRowSchema, bytes)]));
    });
  }

  parts(
    uploadId: Uint8Array,
    options: { readonly after: number; readonly limit: number },
  ): Promise<readonly PartRow[]> {
    const gt = options.after > 0 ? { gt: partKey(uploadId, options.after) } : {};
    return this.#page(narrowed(partRange(uploadId), gt, options.limit), PartRowSchema);
  }

  part(uploadId: Uint8Array, partNumber: number): PartRow | undefined {
    return this.#row(partKey(uploadId, partNumber), PartRowSchema);
  }

  completedUpload(uploadId: Uint8Array): CompletedUploadRow | undefined {
    if (uploadId.length !== META_ID_BYTES) return undefined;
    return this.#row(completedUploadKey(uploadId), CompletedUploadRowSchema);
  }

  completedUploads(beforeMs: number, limit: number): Promise<readonly CompletedUploadRow[]> {
    const before = BigInt(Math.floor(beforeMs));
    return this.#firstOf(tableRange("completedUpload"), limit, ({ value }) => {
      const row = fromBinary(CompletedUploadRowSchema, value);
      return row.completedAtMs < before ? row : undefined;
    });
  }

  blob(blobId: Uint8Array): BlobRow | undefined {
    if (blobId.length !== META_ID_BYTES) return undefined;
    return this.#kept(blobKey(blobHexOf(blobId)), BlobRowSchema);
  }

  async pendingDeletes(beforeMs: number, limit: number): Promise<readonly Uint8Array[]> {
    const rows = await this.#store.use((store) => store.page({ ...pendingDeleteRange(beforeMs), limit }));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async unlinkOrders(nodeId: number, limit: number, after?: Uint8Array): Promise<readonly Uint8Array[]> {
    const range = unlinkOrderRange(BigInt(nodeId));
    const gt = after === undefined ? {} : { gt: unlinkOrderKey(BigInt(nodeId), toHex(after)) };
    const rows = await this.#store.use((store) => store.page({ ...range, ...gt, limit }));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async discardOrders(nodeId: number, limit: number): Promise<readonly Uint8Array[]> {
    const range = discardOrderRange(BigInt(nodeId));
    const rows = await this.#store.use((store) => store.page({ ...range, limit }));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  isDiscarding(nodeId: number, blobId: Uint8Array): boolean {
    return this.#store.get(discardOrderKey(BigInt(nodeId), blobHexOf(blobId))) !== undefined;
  }

  async underReplicated(options: {
    readonly after?: UnderReplicatedBlob;
    readonly limit: number;
  }): Promise<readonly UnderReplicatedBlob[]> {
    const { after, limit } = options;
    const gt = after === undefined ? {} : { gt: underReplicatedKey(after.copies, blobHexOf(after.blobId)) };
    const range = narrowed(tableRange("underReplicated"), gt, limit);
    const rows = await this.#store.use((store) => store.page(range));
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
    const rows = await this.#store.use((store) => store.page(range));
    return rows.map(({ key }) => trailingBlobId(key));
  }

  async blobs(blobIds: readonly Uint8Array[]): Promise<readonly BlobRow[]> {
    const keys = blobIds.map((blobId) => blobKey(blobHexOf(blobId)));
    const rows = await this.#store.use((store) => store.getMany(keys));
    return rows.flatMap((bytes) => (bytes === undefined ? [] : [fromBinary(BlobRowSchema, bytes)]));
  }

  allBlobs({ after, limit }: BlobRange): Promise<readonly BlobRow[]> {
    const gt = after === undefined ? {} : { gt: blobKey(blobHexOf(after)) };
    return this.#page(narrowed(tableRange("blob"), gt, limit), BlobRowSchema);
  }

  oplogBounds(): OplogBounds {
    const applied = this.#row(APPLIED_KEY, AppliedRowSchema);
    return { first: applied?.firstOplogSequence ?? 1n, next: applied?.nextOplogSequence ?? 1n };
  }

  oplog(afterSequence: bigint, limit: number): Promise<readonly OplogRow[]> {
    const { lt } = tableRange("oplog");
    return this.#page({ gt: oplogKey(afterSequence), lt, limit }, OplogRowSchema);
  }

  idleSessions(beforeMs: number, limit: number): Promise<readonly bigint[]> {
    const before = BigInt(Math.floor(beforeMs));
    return this.#firstOf(tableRange("session"), limit, ({ value }) => {
      const row = fromBinary(SessionRowSchema, value);
      return row.lastUsedMs < before ? row.sessionId : undefined;
    });
  }

  #holdings(key: string): Holdings {
    const row = this.#row(key, HoldingsRowSchema);
    return { blobs: Number(row?.blobs ?? 0n), bytes: Number(row?.bytes ?? 0n) };
  }

  #row<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const bytes = this.#store.get(key);
    return bytes === undefined ? undefined : decodeMessage(schema, bytes);
  }

  #cached<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const cached = this.#rows.get(key);
    if (cached !== undefined && this.#versions.isCurrent(cached.mark))
      return cached.value as MessageShape<Desc>;
    const mark = this.#versions.ofRow(key);
    const value = this.#row(key, schema);
    if (value !== undefined) this.#rows.set(key, { value, mark });
    else if (cached !== undefined) this.#rows.delete(key);
    return value;
  }

  /** Of a table that clients read from. */
  #kept<Desc extends typeof ObjectRowSchema | typeof BlobRowSchema>(
    key: string,
    schema: Desc,
  ): MessageShape<Desc> | undefined {
    const kept = this.#cache?.get(key);
    if (kept !== undefined) return kept as MessageShape<Desc>;
    const mark = this.#versions.ofRow(key);
    const bytes = this.#store.get(key);
    if (bytes === undefined) return undefined;
    const row = decodeMessage<DescMessage>(schema, bytes) as ObjectRow | BlobRow;
    this.#cache?.keep(key, row, bytes.length, mark);
    return row as MessageShape<Desc>;
  }

  async #page<Desc extends DescMessage>(
    range: ScanRange & { readonly limit: number },
    schema: Desc,
  ): Promise<readonly MessageShape<Desc>[]> {
    const rows = await this.#store.use((store) => store.page(range));
    return rows.map(({ value }) => decodeMessage(schema, value));
  }

  /** A small table as a whole. Readers share one read until a batch touches the table. */
  #table<Desc extends DescMessage>(table: TableName, schema: Desc): Promise<readonly MessageShape<Desc>[]> {
    const letter = TABLES[table];
    const known = this.#tables.get(letter);
    if (known !== undefined && this.#versions.isCurrent(known.mark))
      return known.value as Promise<readonly MessageShape<Desc>[]>;
    const mark = this.#versions.ofTable(letter);
    const value = this.#firstOf(tableRange(table), Number.POSITIVE_INFINITY, ({ value }) =>
      fromBinary(schema, value),
    );
    this.#tables.set(letter, { value, mark });
    // A failed read must not be remembered.
    value.catch(() => {
      if (this.#tables.get(letter)?.value === value) this.#tables.delete(letter);
    });
    return value;
  }

  /** The first `limit` rows of a range that `pick` takes, read in pages of one view. */
  async #firstOf<T>(
    range: { readonly gte: string; readonly lt: string },
    limit: number,
    pick: (row: StoreRow) => T | undefined,
  ): Promise<readonly T[]> {
    return await this.#store.useSnapshot(async (snapshot) => {
      const picked: T[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await snapshot.page({
          ...range,
          ...(after !== undefined && { gt: after }),
          limit: PAGE_ROWS,
        });
        for (const row of page) {
          if (picked.length >= limit) return picked;
          const value = pick(row);
          if (value !== undefined) picked.push(value);
        }
        if (page.length < PAGE_ROWS) return picked;
        after = page.at(-1)?.key;
      }
    });
  }
}
