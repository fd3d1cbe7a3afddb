import { create } from "@bufbuild/protobuf";
import {
  BranchNamespaceSchema,
  CreateNamespaceSchema,
  DeleteNamespaceSchema,
  RefusalCode,
  UpdateNamespaceSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { SearchError } from "../errors.ts";
import { addToSchema, checkSchema, equalSchemas } from "../model/check-schema.ts";
import type { DocumentId } from "../model/document.ts";
import { checkLimit } from "../model/limits.ts";
import type { Schema } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { NamespaceStore } from "../ports.ts";
import type { Query } from "../query/query.ts";
import type {
  CompactReport,
  ExportOptions,
  ExportPage,
  FetchResult,
  ListNamespaces,
  NamespaceInfo,
  NamespaceName,
  NamespaceScope,
  NamespaceService,
  NamespaceSettings,
  PointInTime,
  QueriesResult,
  Quota,
  QuotaLimits,
  ReadOptions,
  RecallReport,
  Snapshot,
  VerifyReport,
  WarmReport,
  WriteOptions,
  WriteResult,
} from "../service.ts";
import { AnswerBytes, fetchAnswer } from "./answer-bytes.ts";
import type { EngineContext } from "./context.ts";
import { type CopySteps, copyNamespace } from "./copy.ts";
import { decodeExportCursor, encodeExportCursor } from "./export-cursor.ts";
import { flushNamespace } from "./flush.ts";
import { findRow, liveRow, readManifestAt, type SegmentRef } from "./manifest.ts";
import { mergeNamespace } from "./merge.ts";
import { type MergeLimits, smallestTogether } from "./merge-plan.ts";
import { beginDeadline, type Deadline, workTimeMs } from "./moments.ts";
import { namespaceInfo } from "./namespace-info.ts";
import { NamespaceStates } from "./namespace-states.ts";
import { readQuota, writeQuota } from "./quota.ts";
import { measureRecall } from "./recall.ts";
import { accepted, ofCommitted, refusalOf } from "./refusals.ts";
import { changedSettings, newSettings } from "./retention.ts";
import { SCHEMA_FORMAT, schemaBytes, schemaOf } from "./schema-row.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";
import { verifyNamespace } from "./verify.ts";
import { warmNamespace } from "./warm.ts";
import { NamespaceWriter } from "./writer.ts";

/** How often a change of the schema is tried again when another one was faster. */
const MAX_ATTEMPTS = 16;
const MAX_IDEMPOTENCY_CHARACTERS = 256;

interface NamespaceChanges {
  readonly schema?: Schema;
  readonly settings?: Partial<NamespaceSettings>;
}

/** Namespaces on this node. All that it holds is made of metadata and blobs; any other node serves the same. */
export class SearchEngine implements NamespaceService {
  readonly states: NamespaceStates;
  readonly #context: EngineContext;
  readonly #writers = new Map<bigint, NamespaceWriter>();

  constructor(context: EngineContext) {
    this.#context = context;
    this.states = new NamespaceStates(context);
  }

  // Namespaces

  async createNamespace(
    name: NamespaceName,
    options: { readonly schema: Schema; readonly settings?: Partial<NamespaceSettings> },
  ): ReturnType<NamespaceService["createNamespace"]> {
    const namespaceId = await this.#create(name, options);
    if (namespaceId !== undefined) return { kind: "created", namespace: await this.#infoOf(namespaceId) };
    const namespace = await this.getNamespace(name);
    if (!equalSchemas(namespace.schema, options.schema)) {
      throw new SearchError("already-exists", "a namespace of this name has another schema");
    }
    return { kind: "existing", namespace };
  }

  /** Its id; undefined: there is one of this name. */
  async #create(
    name: NamespaceName,
    options: { readonly schema: Schema; readonly settings?: Partial<NamespaceSettings> },
  ): Promise<bigint | undefined> {
    checkSchema(options.schema);
    const settings = {
      defaultTtlSeconds: 0,
      retentionSeconds: this.#context.settings.retentionSeconds,
      pinned: false,
      ...options.settings,
    };
    const value = create(CreateNamespaceSchema, {
      ...name,
      schema: schemaBytes(options.schema),
      schemaFormat: SCHEMA_FORMAT,
      settings: newSettings(settings),
    });
    const result = await this.#context.store.submit({ case: "createNamespace", value });
    if (refusalOf(result) === RefusalCode.NAMESPACE_EXISTS) return undefined;
    return accepted(result, "namespaceCreated").namespaceId;
  }

  async getNamespace(name: NamespaceName): Promise<NamespaceInfo> {
    await this.#context.store.barrier();
    return this.#info(findRow(this.#context.store, name));
  }

  /** Of one that was just written. */
  #infoOf(namespaceId: bigint): Promise<NamespaceInfo> {
    const { store } = this.#context;
    return ofCommitted(async () => {
      await store.barrier();
      return this.#info(liveRow(store, namespaceId));
    });
  }

  async listNamespaces(options: ListNamespaces): Promise<readonly NamespaceInfo[]> {
    const { store } = this.#context;
    await store.barrier();
    const found: NamespaceInfo[] = [];
    // What is deleted while the page is read leaves gaps in it: fewer than were asked for would mean that these were the last.
    for (;;) {
      const after = found.at(-1)?.name.name ?? options.after;
      const limit = options.limit - found.length;
      const names = await store.view.namespaceNames({ ...options, after, limit });
      for (const name of names) {
        const row = store.view.namespace(name.namespaceId);
        if (row !== undefined) found.push(namespaceInfo(row, name));
      }
      if (names.length < limit || found.length === options.limit) return found;
    }
  }

  updateNamespace(name: NamespaceName, changes: NamespaceChanges): Promise<NamespaceInfo> {
    return this.#update((store) => findRow(store, name), changes);
  }

  async #update(
    find: (store: NamespaceStore) => NamespaceRow,
    changes: NamespaceChanges,
  ): Promise<NamespaceInfo> {
    const { store } = this.#context;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await store.barrier();
      const row = find(store);
      const { schema, expectedRevision } = this.#schemaOf(row);
      const merged = changes.schema === undefined ? undefined : addToSchema(schema, changes.schema);
      const value = create(UpdateNamespaceSchema, {
        namespaceId: row.namespaceId,
        ...(merged !== undefined && {
          schema: { schema: schemaBytes(merged), schemaFormat: SCHEMA_FORMAT, expectedRevision },
        }),
        ...(changes.settings !== undefined && {
          settings: changedSettings(row, changes.settings, workTimeMs(this.#context)),
        }),
      });
      const result = await store.submit({ case: "updateNamespace", value });
      if (refusalOf(result) === RefusalCode.NAMESPACE_CHANGED) continue;
      accepted(result, "done");
      return this.#infoOf(row.namespaceId);
    }
    throw new SearchError("overloaded", "the schema changes all the time", { retryAfterMs: 1_000 });
  }

  async deleteNamespace(name: NamespaceName): Promise<void> {
    const { store } = this.#context;
    await store.barrier();
    await this.#delete(findRow(store, name).namespaceId);
  }

  async #delete(namespaceId: bigint): Promise<void> {
    const value = create(DeleteNamespaceSchema, { namespaceId });
    accepted(await this.#context.store.submit({ case: "deleteNamespace", value }), "done");
    this.states.drop(namespaceId);
  }

  quota(scope: NamespaceScope): Promise<Quota> {
    return readQuota(this.#context.store, scope);
  }

  setQuota(scope: NamespaceScope, limits: QuotaLimits): Promise<Quota> {
    return writeQuota(this.#context.store, scope, limits);
  }

  #info(row: NamespaceRow): NamespaceInfo {
    const name = this.#context.store.view.namespaceName(row.org, row.project, row.name);
    if (name === undefined) throw new SearchError("not-found", "the namespace was deleted");
    return namespaceInfo(row, name);
  }

  #schemaOf(row: NamespaceRow): { readonly schema: Schema; readonly expectedRevision: bigint } {
    const name = this.#context.store.view.namespaceName(row.org, row.project, row.name);
    if (name === undefined) throw new SearchError("not-found", "the namespace was deleted");
    return { schema: schemaOf(name), expectedRevision: name.schemaRevision };
  }

  // Documents

  async write(name: NamespaceName, batch: WriteBatch, options: WriteOptions = {}): Promise<WriteResult> {
    const { idempotencyKey } = options;
    if (idempotencyKey !== undefined && idempotencyKey.length > MAX_IDEMPOTENCY_CHARACTERS) {
      throw new SearchError("invalid-argument", "an idempotency key has at most 256 characters");
    }
    const { namespaceId } = await this.#known(name);
    try {
      return await this.#writerOf(namespaceId).write(batch, options);
    } catch (error) {
      if (!(error instanceof SearchError) || error.code !== "not-found") throw error;
      // Deleted, and perhaps made again since this node looked: the name may be that of another one by now.
      await this.#context.store.barrier();
      const now = findRow(this.#context.store, name);
      if (now.namespaceId === namespaceId) throw error;
      return this.#writerOf(now.namespaceId).write(batch, options);
    }
  }

  #writerOf(namespaceId: bigint): NamespaceWriter {
    for (const [id, writer] of this.#writers) if (writer.isIdle) this.#writers.delete(id);
    let writer = this.#writers.get(namespaceId);
    if (writer === undefined) {
      writer = new NamespaceWriter(this.#context, this.states, namespaceId);
      this.#writers.set(namespaceId, writer);
    }
    return writer;
  }

  /** The namespace as this node knows it; when it does not know it, others are asked. */
  async #known(name: NamespaceName): Promise<NamespaceRow> {
    const { store } = this.#context;
    try {
      return findRow(store, name);
    } catch {
      await store.barrier();
      return findRow(store, name);
    }
  }

  async fetch(name: NamespaceName, ids: readonly DocumentId[], options: ReadOptions): Promise<FetchResult> {
    checkLimit("fetchDocuments", ids.length);
    return this.#reading(name, options, async (snapshot) => ({
      ...this.#moment(snapshot),
      documents: await fetchAnswer(snapshot, ids, this.#context.clock.wallMs()),
    }));
  }

  async query(name: NamespaceName, queries: readonly Query[], options: ReadOptions): Promise<QueriesResult> {
    const { kernel, clock } = this.#context;
    return this.#reading(name, options, async (snapshot, { signal, deadlineMs }) => {
      const on = { units: snapshot.units(), schema: snapshot.schema };
      const results = await kernel.query(queries, on, { nowMs: clock.wallMs(), signal, deadlineMs });
      const bytes = new AnswerBytes();
      for (const { hits } of results) for (const hit of hits) bytes.add(hit);
      return { ...this.#moment(snapshot), results };
    });
  }

  async exportPage(name: NamespaceName, options: ExportOptions): Promise<ExportPage> {
    checkLimit("fetchDocuments", options.limit);
    return this.#page(await this.#found(name, options), options);
  }

  async #page(row: NamespaceRow, options: ExportOptions): Promise<ExportPage> {
    const cursor =
      options.cursor === undefined ? undefined : decodeExportCursor(options.cursor, row.namespaceId);
    const at = cursor === undefined ? options.at : ({ kind: "version", version: cursor.version } as const);
    const snapshot = await this.#snapshotAt(row, at);
    const nowMs = cursor?.nowMs ?? this.#context.clock.wallMs();
    const { documents, isLast } = await snapshot.page(cursor?.after, options.limit, nowMs);
    const last = documents.at(-1);
    const { namespaceId } = row;
    return {
      ...this.#moment(snapshot),
      documents,
      ...(last !== undefined &&
        !isLast && {
          nextCursor: encodeExportCursor({ namespaceId, version: snapshot.version, nowMs, after: last.id }),
        }),
    };
  }

  /** The version that is asked for is mostly the newest. When a write comes between, it is one of the past by then, and read as such. */
  async #snapshotAt(row: NamespaceRow, at: PointInTime | undefined): Promise<NamespaceSnapshot> {
    if (!isNow(row, at)) return this.states.snapshot(row, at);
    const snapshot = await this.states.snapshot(row);
    return snapshot.version === row.version ? snapshot : this.states.snapshot(row, at);
  }

  async #found(
    name: NamespaceName,
    { consistency }: Pick<ReadOptions, "consistency">,
  ): Promise<NamespaceRow> {
    if (consistency === "strong") await this.#context.store.barrier();
    return findRow(this.#context.store, name);
  }

  async #reading<T>(
    name: NamespaceName,
    options: ReadOptions,
    read: (snapshot: NamespaceSnapshot, deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const deadline = beginDeadline(this.#context, options);
    try {
      const row = await this.#found(name, options);
      const snapshot = await this.#snapshotAt(row, options.at);
      deadline.signal.throwIfAborted();
      return await read(snapshot, deadline);
    } finally {
      deadline.end();
    }
  }

  #moment({ version, schema }: NamespaceSnapshot): Snapshot {
    return { version, asOfMs: this.#context.store.view.appliedTimeMs(), schema };
  }

  // Branches and copies

  async branch(
    source: NamespaceName,
    target: NamespaceName,
    { at }: { readonly at?: PointInTime },
  ): Promise<NamespaceInfo> {
    const { store } = this.#context;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await store.barrier();
      const row = findRow(store, source);
      const manifest = await readManifestAt(store.view, row, at);
      const value = create(BranchNamespaceSchema, {
        sourceId: row.namespaceId,
        revision: manifest.revision,
        version: manifest.version,
        ...target,
        rows: manifest.rows.map(({ kind, number, removedRevision }) => ({ kind, number, removedRevision })),
      });
      const result = await store.submit({ case: "branchNamespace", value });
      // A row was superseded while the command was on its way: it lies elsewhere now.
      if (refusalOf(result) === RefusalCode.MANIFEST_CHANGED) continue;
      return this.#infoOf(accepted(result, "namespaceCreated").namespaceId);
    }
    throw new SearchError("overloaded", "the namespace changes all the time", { retryAfterMs: 1_000 });
  }

  async copy(
    source: NamespaceName,
    target: NamespaceName,
    options: { readonly at?: PointInTime; readonly schema?: Schema; readonly signal?: AbortSignal },
  ): Promise<NamespaceInfo> {
    const { closing, timers } = this.#context;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const sleep = (ms: number) => timers.sleep(ms, signal);
    const from = await this.getNamespace(source);
    return copyNamespace(this.#copySteps(), from, target, { ...options, signal, sleep });
  }

  #copySteps(): CopySteps {
    const { store } = this.#context;
    return {
      create: async (name, options) => {
        const namespaceId = await this.#create(name, options);
        if (namespaceId === undefined)
          throw new SearchError("already-exists", "a namespace of this name exists");
        // What is written next asks the rows of this node.
        await store.barrier();
        return namespaceId;
      },
      exportPage: async (namespaceId, options) => {
        await store.barrier();
        return this.#page(liveRow(store, namespaceId), options);
      },
      write: (namespaceId, batch) => this.#writerOf(namespaceId).write(batch, {}),
      update: (namespaceId, changes) => this.#update(() => liveRow(store, namespaceId), changes),
      delete: (namespaceId) => this.#delete(namespaceId),
    };
  }

  // Caches, upkeep, checks

  async warm(name: NamespaceName, options: { readonly signal?: AbortSignal }): Promise<WarmReport> {
    return this.#reading(name, { consistency: "strong", ...options }, (snapshot, deadline) =>
      warmNamespace(this.#context, snapshot, deadline.signal),
    );
  }

  pin(name: NamespaceName): Promise<NamespaceInfo> {
    return this.updateNamespace(name, { settings: { pinned: true } });
  }

  unpin(name: NamespaceName): Promise<NamespaceInfo> {
    return this.updateNamespace(name, { settings: { pinned: false } });
  }

  async compact(
    name: NamespaceName,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<CompactReport> {
    const deadline = beginDeadline(this.#context, options);
    try {
      const before = await this.getNamespace(name);
      if (before.statistics.unindexedBatches > 0) await flushNamespace(this.#context, this.states, before.id);
      deadline.signal.throwIfAborted();
      const choose = (segments: readonly SegmentRef[]) => allTogether(segments, this.#context.settings);
      await mergeNamespace(this.#context, this.states, before.id, choose);
      await this.#context.store.barrier();
      const row = liveRow(this.#context.store, before.id);
      const { segments } = await readManifestAt(this.#context.store.view, row, undefined);
      return {
        segmentsBefore: before.statistics.segments,
        segmentsAfter: segments.length,
        done: choose(segments).length === 0,
      };
    } finally {
      deadline.end();
    }
  }

  async verify(name: NamespaceName, options: { readonly signal?: AbortSignal }): Promise<VerifyReport> {
    const row = await this.#found(name, { consistency: "strong" });
    const { closing } = this.#context;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const manifest = await readManifestAt(this.#context.store.view, row, undefined);
    return verifyNamespace(this.#context, { row, manifest, schema: this.#schemaOf(row).schema }, signal);
  }

  async recall(
    name: NamespaceName,
    options: Parameters<NamespaceService["recall"]>[1],
  ): Promise<RecallReport> {
    return this.#reading(name, { consistency: "strong", ...signalOf(options) }, (snapshot, deadline) =>
      measureRecall(this.#context, snapshot, { ...options, ...deadline }),
    );
  }
}

function signalOf({ signal }: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** The newest version is what is there now, without looking into the past. */
function isNow(row: NamespaceRow, at: PointInTime | undefined): boolean {
  return at?.kind === "version" && at.version === row.version;
}

/** The smallest ones that fit; none where nothing is left to gain: it is one segment, and nothing in it is deleted. */
function allTogether(segments: readonly SegmentRef[], limits: MergeLimits): readonly SegmentRef[] {
  const chosen = smallestTogether(segments, limits);
  return chosen.length <= 1 && chosen.every(({ deletes }) => deletes === undefined) ? [] : chosen;
}
