/**
 * The writes of one namespace on this node, one commit after the other. What waits while a commit runs goes together into the next: one blob, one
 * command. A write that depends on what is there is resolved against the newest state and committed on the condition that nothing came between; if
 * something did, it is resolved again.
 */

import { create } from "@bufbuild/protobuf";
import { assert, Deferred } from "../../base/index.ts";
import {
  BatchFrameSchema,
  type BatchFrame as CommandFrame,
  CommitBatchSchema,
  type FrameOutcome,
  type Refusal,
  RefusalCode,
  UpdateNamespaceSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { encodeBatchFile, encodeFrame, MAX_FRAMES } from "../batch/batch-file.ts";
import { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import { fitBatch } from "../model/fit-batch.ts";
import { documentBytes } from "../model/fit-document.ts";
import { LIMITS } from "../model/limits.ts";
import type { Schema } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { WriteOptions, WriteResult } from "../service.ts";
import type { EngineContext } from "./context.ts";
import { foreseenRefusal } from "./foreseen-refusal.ts";
import { turnsOf } from "./moments.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { accepted, refusalError, refusalOf } from "./refusals.ts";
import { type Idempotency, repeatedAnswer } from "./repetition.ts";
import { requestBytes } from "./request-bytes.ts";
import { needsState, type ResolvedWrite, resolvePlain, resolveWrite } from "./resolve.ts";
import { SCHEMA_FORMAT, schemaBytes, schemaOf } from "./schema-row.ts";

/** Writes that may wait for their commit; one more is refused. */
const MAX_WAITING = 1_024;
/** Documents of one commit, over all of its frames, beside those of the first. */
const GROUP_DOCUMENTS = 10_000;
/** Bytes of the documents of one commit, with those of the first frame. */
const GROUP_BYTES = LIMITS.batchBytes;
/** How often a write is resolved again, or a schema added to again, before its writer is told that there is too much going on. */
const MAX_ATTEMPTS = 32;
const RETRY_AFTER_MS = 250;

interface Waiting {
  readonly batch: WriteBatch;
  readonly idempotency: Idempotency | undefined;
  readonly done: Deferred<WriteResult>;
  attempts: number;
  /** Of its documents, once it was asked for. */
  upsertBytes?: number;
}

interface FittedWrite {
  readonly waiting: Waiting;
  readonly batch: WriteBatch;
}

interface RefusedWrite {
  readonly waiting: Waiting;
  readonly error: unknown;
}

interface FittedGroup {
  /** With what the writes add to it. */
  readonly schema: Schema;
  readonly isGrown: boolean;
  /** Of the schema without that. */
  readonly schemaRevision: bigint;
  readonly writes: readonly FittedWrite[];
  readonly refused: readonly RefusedWrite[];
}

interface ReadyFrame {
  readonly waiting: Waiting;
  readonly write: ResolvedWrite;
  readonly expectedVersion: bigint | undefined;
}

interface ReadyFile {
  readonly frames: readonly ReadyFrame[];
  /** Of the batch file. */
  readonly bytes: Uint8Array;
}

export class NamespaceWriter {
  readonly #context: EngineContext;
  readonly #states: NamespaceStates;
  readonly #namespaceId: bigint;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(context: EngineContext, states: NamespaceStates, namespaceId: bigint) {
    this.#context = context;
    this.#states = states;
    this.#namespaceId = namespaceId;
  }

  get isIdle(): boolean {
    return !this.#isRunning;
  }

  write(batch: WriteBatch, options: WriteOptions): Promise<WriteResult> {
    if (this.#waiting.length >= MAX_WAITING)
      throw new SearchError("overloaded", "too many writes of this namespace wait", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    const { hash } = this.#context;
    const key = options.idempotencyKey;
    const waiting: Waiting = {
      batch,
      idempotency:
        key === undefined
          ? undefined
          : { idempotencyHash: hash(new TextEncoder().encode(key)), requestHash: hash(requestBytes(batch)) },
      done: new Deferred(),
      attempts: 0,
    };
    this.#waiting.push(waiting);
    if (!this.#isRunning) void this.#run();
    return waiting.done.promise;
  }

  /** Never rejects: every error is given to those whom it concerns. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#commit(group.filter((waiting) => !this.#isRepeated(waiting)));
      } catch (error) {
        for (const { done } of group) done.reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** Whether the write was done before and has its answer now. */
  #isRepeated({ idempotency, done }: Waiting): boolean {
    if (idempotency === undefined) return false;
    try {
      const answer = repeatedAnswer(this.#context.store, this.#namespaceId, idempotency);
      if (answer !== undefined) done.resolve(answer);
      return answer !== undefined;
    } catch (error) {
      done.reject(error);
      return true;
    }
  }

  /** One write that stands for itself, or as many others as fit. */
  #takeGroup(): readonly Waiting[] {
    const first = this.#waiting.shift();
    assert(first !== undefined, "search.writer-has-work");
    const group = [first];
    if (isAlone(first.batch)) return group;
    let documents = 0;
    let bytes = this.#waiting.length === 0 ? 0 : upsertBytes(first);
    for (
      let next = this.#waiting[0];
      next !== undefined && group.length < MAX_FRAMES;
      next = this.#waiting[0]
    ) {
      documents += next.batch.upserts.length + next.batch.deletes.length;
      if (isAlone(next.batch) || documents > GROUP_DOCUMENTS) break;
      bytes += upsertBytes(next);
      if (bytes > GROUP_BYTES) break;
      group.push(next);
      this.#waiting.shift();
    }
    return group;
  }

  /** The schema grows last, when nothing is known any more that speaks against the writes: what is refused should not leave fields behind. */
  async #commit(waiting: readonly Waiting[]): Promise<void> {
    this.#checkBacklog(this.#row());
    let group = waiting;
    let isFresh = false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (group.length === 0) return;
      const fit = this.#fit(group, this.#row());
      if (fit.isGrown && !isFresh) {
        // A node that lags behind knows neither the version nor the fields that others have added, nor what is full.
        await this.#context.store.barrier();
        isFresh = true;
        group = group.filter((one) => !this.#isRepeated(one));
        continue;
      }
      const { ready, refused } = await this.#resolved(fit);
      const file = ready.length === 0 ? undefined : this.#file(ready);
      if (file !== undefined && fit.isGrown) {
        const foreseen = this.#foreseen(file);
        if (isFullOfKeys(foreseen)) {
          group = group.filter((one) => !refusedForKey(one));
          continue;
        }
        if (foreseen !== undefined) {
          reject(refused);
          throw refusalError(foreseen);
        }
        if (!(await this.#addToSchema(fit.schema, fit.schemaRevision))) continue;
      }
      reject(refused);
      if (file !== undefined) await this.#commitFile(file);
      return;
    }
    throw new SearchError("overloaded", "the schema changes all the time", { retryAfterMs: RETRY_AFTER_MS });
  }

  #row(): NamespaceRow {
    const row = this.#context.store.view.namespace(this.#namespaceId);
    if (row === undefined) throw new SearchError("not-found", "the namespace was deleted");
    return row;
  }

  #checkBacklog(row: NamespaceRow): void {
    const most = this.#context.settings.unindexedBytes;
    const given = Number(row.totals?.batchBytes ?? 0n);
    if (given < most) return;
    throw new SearchError("overloaded", "too many bytes of the namespace wait to be indexed", {
      limit: "unindexedBytes",
      most,
      given,
      retryAfterMs: 4 * RETRY_AFTER_MS,
    });
  }

  /** Fits every write to the schema, which grows by what is new in them. A write that does not fit is refused alone. */
  #fit(group: readonly Waiting[], row: NamespaceRow): FittedGroup {
    const name = this.#context.store.view.namespaceName(row.org, row.project, row.name);
    if (name?.namespaceId !== this.#namespaceId)
      throw new SearchError("not-found", "the namespace was deleted");
    const before = schemaOf(name);
    let schema = before;
    const writes: FittedWrite[] = [];
    const refused: RefusedWrite[] = [];
    for (const waiting of group) {
      try {
        const fit = fitBatch(waiting.batch, schema);
        schema = fit.schema;
        writes.push({ waiting, batch: this.#withExpiry(fit.batch, row) });
      } catch (error) {
        refused.push({ waiting, error });
      }
    }
    const { schemaRevision } = name;
    return { schema, isGrown: schema !== before, schemaRevision, writes, refused };
  }

  /** What each write comes to, by itself. */
  async #resolved(fit: FittedGroup) {
    const ready: ReadyFrame[] = [];
    const refused = [...fit.refused];
    for (const write of fit.writes) {
      try {
        ready.push(await this.#resolve(write, fit));
      } catch (error) {
        refused.push({ waiting: write.waiting, error });
      }
    }
    return { ready, refused };
  }

  /** False: somebody else was faster. */
  async #addToSchema(schema: Schema, expectedRevision: bigint): Promise<boolean> {
    const value = create(UpdateNamespaceSchema, {
      namespaceId: this.#namespaceId,
      schema: { schema: schemaBytes(schema), schemaFormat: SCHEMA_FORMAT, expectedRevision },
    });
    const result = await this.#context.store.submit({ case: "updateNamespace", value });
    if (refusalOf(result) === RefusalCode.NAMESPACE_CHANGED) return false;
    accepted(result, "done");
    return true;
  }

  #withExpiry(batch: WriteBatch, row: NamespaceRow): WriteBatch {
    const ttlSeconds = Number(row.settings?.defaultTtlSeconds ?? 0n);
    if (ttlSeconds === 0) return batch;
    const expiresAtMs = Math.floor(this.#context.clock.wallMs()) + ttlSeconds * 1000;
    const upserts = batch.upserts.map(
      (document): Document => (document.expiresAtMs === undefined ? { ...document, expiresAtMs } : document),
    );
    return { ...batch, upserts };
  }

  async #resolve({ waiting, batch }: FittedWrite, fit: FittedGroup): Promise<ReadyFrame> {
    const { ifVersion } = batch;
    if (!needsState(batch)) {
      if (ifVersion !== undefined) checkVersion(waiting, (await this.#rowFor(ifVersion)).version, fit);
      return { waiting, write: resolvePlain(batch), expectedVersion: ifVersion };
    }
    const snapshot = await this.#states.snapshot(await this.#rowFor(ifVersion));
    checkVersion(waiting, snapshot.version, fit);
    const { kernel, clock } = this.#context;
    const pass = turnsOf(this.#context);
    const grown = fit.isGrown ? await this.#states.withSchema(snapshot, fit.schema) : snapshot;
    const write = await resolveWrite(batch, grown, { kernel, nowMs: clock.wallMs(), pass });
    return { waiting, write, expectedVersion: ifVersion ?? snapshot.version };
  }

  /**
   * A node that lags behind must not resolve against a state that is older than the version which the commit is conditional on: the condition would hold, and what came between
   * would be lost.
   */
  async #rowFor(ifVersion: bigint | undefined): Promise<NamespaceRow> {
    const row = this.#row();
    if (ifVersion === undefined || row.version >= ifVersion) return row;
    await this.#context.store.barrier();
    return this.#row();
  }

  #file(ready: readonly ReadyFrame[]): ReadyFile {
    const payloads = ready.map(({ write }) => encodeFrame(write));
    return { frames: ready, bytes: encodeBatchFile(payloads, this.#context.checksum) };
  }

  #foreseen({ frames, bytes }: ReadyFile): Refusal | undefined {
    return foreseenRefusal(this.#context.store.view, this.#row(), {
      sizeBytes: bytes.length,
      upserts: frames.reduce((sum, { write }) => sum + write.upserted, 0),
      keys: frames.filter(({ waiting }) => waiting.idempotency !== undefined).length,
    });
  }

  async #commitFile({ frames, bytes }: ReadyFile): Promise<void> {
    const { driver, store, closing } = this.#context;
    const blob = await driver.write([bytes], closing);
    this.#states.written(
      blob.blobId,
      frames.map(({ write }) => write),
      bytes.length,
    );
    const value = create(CommitBatchSchema, {
      namespaceId: this.#namespaceId,
      blob,
      frames: frames.map(commandFrame),
    });
    const { result } = await store.submit({ case: "commitBatch", value });
    if (result.case === "refusal" && isFullOfKeys(result.value)) {
      const plain = frames.filter(({ waiting }) => !refusedForKey(waiting));
      if (plain.length > 0) await this.#commitFile(this.#file(plain));
      return;
    }
    const { outcomes, version } = accepted({ result }, "batchCommitted");
    for (const [at, frame] of frames.entries()) this.#answer(frame, outcomes[at]!, version);
  }

  #answer({ waiting }: ReadyFrame, outcome: FrameOutcome, version: bigint): void {
    const { refusal } = outcome;
    if (refusal === undefined) {
      const { upserted, patched, deleted, repeated } = outcome;
      const counts = { upserted: Number(upserted), patched: Number(patched), deleted: Number(deleted) };
      waiting.done.resolve({ version: outcome.version, ...counts, repeated });
      return;
    }
    const isRace = refusal.code === RefusalCode.NAMESPACE_VERSION && waiting.batch.ifVersion === undefined;
    if (isRace && ++waiting.attempts < MAX_ATTEMPTS) {
      // In front of what came later, so that it is not overtaken for ever.
      this.#waiting.unshift(waiting);
      return;
    }
    waiting.done.reject(
      refusal.code === RefusalCode.NAMESPACE_VERSION ? versionConflict(version) : refusalError(refusal),
    );
  }
}

function reject(refused: readonly RefusedWrite[]): void {
  for (const { waiting, error } of refused) waiting.done.reject(error);
}

/** No more keys are remembered: writes that came with one are refused, and the others go without them. */
function isFullOfKeys(refusal: Refusal | undefined): boolean {
  return refusal?.code === RefusalCode.MANIFEST_FULL && refusal.detail === "idempotency keys";
}

/** Whether it came with a key and has its answer now. */
function refusedForKey({ idempotency, done }: Waiting): boolean {
  if (idempotency === undefined) return false;
  const retryAfterMs = 4 * RETRY_AFTER_MS;
  const message = "the namespace remembers as many idempotency keys as it can";
  done.reject(new SearchError("overloaded", message, { limit: "idempotencyKeys", retryAfterMs }));
  return true;
}

/** Whether it may be done depends on what is there, and so on the writes in front of it. */
function isAlone(batch: WriteBatch): boolean {
  return needsState(batch) || batch.ifVersion !== undefined;
}

/**
 * An idempotent repetition gets its answer whatever the version is now; one that is still to come has no answer yet, nor has one whose fields the schema does
 * not have.
 */
function checkVersion(waiting: Waiting, version: bigint, { isGrown }: FittedGroup): void {
  const { ifVersion } = waiting.batch;
  if (ifVersion === undefined || ifVersion === version) return;
  if (waiting.idempotency === undefined || version < ifVersion || isGrown) throw versionConflict(version);
}

function upsertBytes(waiting: Waiting): number {
  waiting.upsertBytes ??= waiting.batch.upserts.reduce((sum, document) => sum + documentBytes(document), 0);
  return waiting.upsertBytes;
}

function commandFrame({ waiting, write, expectedVersion }: ReadyFrame): CommandFrame {
  const { upserted, patched, deleted } = write;
  return create(BatchFrameSchema, {
    upserts: BigInt(upserted),
    patches: BigInt(patched),
    deletes: BigInt(deleted),
    ...(expectedVersion !== undefined && { expectedVersion }),
    ...waiting.idempotency,
  });
}

function versionConflict(version: bigint): SearchError {
  return new SearchError("version-conflict", `the namespace is at version ${version}`, {
    version: `${version}`,
  });
}
