/**
 * What this node holds of the namespaces that it serves: memtables, open segments, which rows are gone. All of it can be made again from metadata and
 * blobs, on any node; it is dropped when it takes too much memory.
 */

import { LRUCache } from "lru-cache";
import { Mutex, toHex } from "../../base/index.ts";
import type { NamespaceNameRow, NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { type BatchFrame, decodeBatchFile } from "../batch/batch-file.ts";
import { decodeDeletesFile } from "../batch/deletes-file.ts";
import { SearchError } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import type { PointInTime } from "../service.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { EngineContext } from "./context.ts";
import { type BatchRef, type Manifest, readManifest, readManifestAt, type SegmentRef } from "./manifest.ts";
import { Memtable, type MemtableEntry } from "./memtable.ts";
import { schemaBytes, schemaOf } from "./schema-row.ts";
import { NamespaceSnapshot, type SegmentView } from "./snapshot.ts";

const READS_AT_ONCE = 16;

/** Of a segment's file, about one part in so many is kept in memory. */
const GUESSED_SHARE = 8;
/** Of frames that are kept because they were written here. */
const WRITTEN_BYTES = 64 * 1024 * 1024;

/** States of the past that are kept: as many exports can go on without making one anew for each page. */
const KEPT_PAST_STATES = 8;

interface State {
  readonly namespaceId: bigint;
  readonly snapshot: NamespaceSnapshot;
  readonly schemaRevision: bigint;
  /** Not dropped for the sake of others. */
  readonly pinned: boolean;
}

export class NamespaceStates {
  readonly #context: EngineContext;
  /** Those of now by namespace, those of the past by their revision and version too; the least recently used first. */
  readonly #states = new Map<string, State>();
  readonly #turns = new Map<bigint, Mutex>();
  /** By blob and schema: branches share what they have in common. */
  readonly #segments: LRUCache<string, Promise<SearchUnit>>;
  readonly #schemaNames = new WeakMap<Schema, string>();
  /** Frames that were written here a moment ago: they need not be read again. */
  readonly #written = new LRUCache<string, readonly BatchFrame[]>({ maxSize: WRITTEN_BYTES });

  constructor(context: EngineContext) {
    this.#context = context;
    this.#segments = new LRUCache({ maxSize: context.settings.segmentBytes });
  }

  /** Bytes of all memtables. */
  get memtableBytes(): number {
    let total = 0;
    for (const { snapshot } of this.#states.values()) total += snapshot.memtable.sizeBytes;
    return total;
  }

  /** Whether this node has something of the namespace in memory. */
  has(namespaceId: bigint): boolean {
    return this.#states.has(`${namespaceId}`);
  }

  /** The state that the metadata shows here now, or one of the past. */
  async snapshot(row: NamespaceRow, at?: PointInTime): Promise<NamespaceSnapshot> {
    if (at !== undefined) return this.#past(row, at);
    const { namespaceId } = row;
    let turn = this.#turns.get(namespaceId);
    if (turn === undefined) {
      turn = new Mutex();
      this.#turns.set(namespaceId, turn);
    }
    return turn.run(() => this.#refreshed(namespaceId));
  }

  /** The same state as it will be under a schema that has more fields. */
  withSchema(snapshot: NamespaceSnapshot, schema: Schema): Promise<NamespaceSnapshot> {
    return this.#load(snapshot.manifest, schema, snapshot);
  }

  /** The frames of a blob that this node has just written. */
  written(blobId: Uint8Array, frames: readonly BatchFrame[], sizeBytes: number): void {
    this.#written.set(toHex(blobId), frames, { size: sizeBytes });
  }

  /** Forgets what is held of a namespace. */
  drop(namespaceId: bigint): void {
    for (const [key, state] of this.#states) if (state.namespaceId === namespaceId) this.#states.delete(key);
    this.#turns.delete(namespaceId);
  }

  async #refreshed(namespaceId: bigint): Promise<NamespaceSnapshot> {
    const { view } = this.#context.store;
    const row = view.namespace(namespaceId);
    const name = row && view.namespaceName(row.org, row.project, row.name);
    if (row === undefined || name?.namespaceId !== namespaceId) throw deleted();
    const key = `${namespaceId}`;
    const state = this.#states.get(key);
    const isSameSchema = state?.schemaRevision === name.schemaRevision;
    if (state !== undefined && isSameSchema && state.snapshot.manifest.revision === row.revision) {
      this.#keep(key, state);
      return state.snapshot;
    }
    const manifest = await readManifest(view, row);
    const schema = isSameSchema ? state.snapshot.schema : schemaOf(name);
    const snapshot = await this.#load(manifest, schema, state?.snapshot);
    this.#keep(key, stateOf(row, name, snapshot));
    return snapshot;
  }

  async #past(row: NamespaceRow, at: PointInTime): Promise<NamespaceSnapshot> {
    const { view } = this.#context.store;
    const name = view.namespaceName(row.org, row.project, row.name);
    if (name?.namespaceId !== row.namespaceId) throw deleted();
    // Read each time: it says whether the state may still be read.
    const manifest = await readManifestAt(view, row, at);
    const key = `${row.namespaceId}/${manifest.revision}/${manifest.version}`;
    const known = this.#states.get(key);
    const state =
      known?.schemaRevision === name.schemaRevision
        ? known
        : stateOf(row, name, await this.#load(manifest, schemaOf(name), undefined));
    this.#keep(key, state);
    const past = [...this.#states.keys()].filter(isPast);
    for (const one of past.slice(0, -KEPT_PAST_STATES)) this.#states.delete(one);
    return state.snapshot;
  }

  /** Drops the states that were not used for longest, until the others are within their budget: those of pinned namespaces have one of their own. */
  #keep(key: string, state: State): void {
    this.#states.delete(key);
    this.#states.set(key, state);
    const { memtableBytes, segmentBytes, pinnedBytes } = this.#context.settings;
    this.#dropBeyond(pinnedBytes, true, key);
    this.#dropBeyond(memtableBytes + segmentBytes, false, key);
  }

  #dropBeyond(budgetBytes: number, pinned: boolean, used: string): void {
    const same = [...this.#states].filter(([, state]) => state.pinned === pinned);
    let bytes = same.reduce((sum, [, { snapshot }]) => sum + snapshot.sizeBytes, 0);
    for (const [key, { namespaceId, snapshot }] of same) {
      if (bytes <= budgetBytes || key === used) break;
      bytes -= snapshot.sizeBytes;
      this.#states.delete(key);
      if (!isPast(key)) this.#turns.delete(namespaceId);
    }
  }

  async #load(
    manifest: Manifest,
    schema: Schema,
    before: NamespaceSnapshot | undefined,
  ): Promise<NamespaceSnapshot> {
    const [memtable, opened] = await Promise.all([
      this.#memtable(manifest, schema, before),
      inTurns(manifest.segments, async (ref) => ({ ref, unit: await this.#open(ref, schema) })),
    ]);
    const segments = await inTurns(opened, ({ ref, unit }) => this.#view(ref, unit, memtable, before));
    return new NamespaceSnapshot({ manifest, schema, memtable, segments });
  }

  /** What was read before is not read again: batches only come at the end and go at the front. */
  async #memtable(
    manifest: Manifest,
    schema: Schema,
    before: NamespaceSnapshot | undefined,
  ): Promise<Memtable> {
    const first = manifest.batches[0]?.firstVersion ?? manifest.version + 1n;
    const known = before?.memtable.entries ?? [];
    const kept = known.filter(({ version }) => version >= first && version <= manifest.version);
    const through = before === undefined ? 0n : before.version;
    const missing = manifest.batches.filter(({ number }) => number > through);
    const read = await inTurns(missing, (batch) => this.#read(batch));
    const added = read.flat().filter(({ version }) => version > through && version <= manifest.version);
    const isSame = before !== undefined && before.schema === schema && kept.length === known.length;
    if (isSame) return before.memtable.with(added);
    return Memtable.of([...kept, ...added], { kernel: this.#context.kernel, schema });
  }

  async #read(batch: BatchRef): Promise<readonly MemtableEntry[]> {
    const frames = this.#written.get(toHex(batch.blob.blobId)) ?? (await this.#framesOf(batch));
    if (frames.length !== batch.frameVersions.length)
      throw new SearchError("data-damaged", "a batch file has other frames than the metadata says");
    return frames.flatMap((frame, at) => {
      const version = batch.frameVersions[at] ?? 0n;
      return version === 0n ? [] : [{ ...frame, version }];
    });
  }

  async #framesOf({ blob }: BatchRef): Promise<readonly BatchFrame[]> {
    const { driver, checksum, closing } = this.#context;
    return decodeBatchFile(await driver.read(blob, { offset: 0, length: blob.sizeBytes }, closing), checksum);
  }

  #open(ref: SegmentRef, schema: Schema): Promise<SearchUnit> {
    const key = `${toHex(ref.blob.blobId)}/${this.#schemaName(schema)}`;
    const known = this.#segments.get(key);
    if (known !== undefined) return known;
    const opening = this.#context.kernel.openSegment(
      `segment ${ref.number}`,
      this.#context.reader(ref.blob),
      schema,
    );
    // A guess until it is open: entries that are larger than all of the budget would not be kept at all.
    this.#segments.set(key, opening, { size: Math.ceil(ref.blob.sizeBytes / GUESSED_SHARE) });
    opening.then(
      ({ keptBytes }) => {
        if (this.#segments.peek(key) === opening)
          this.#segments.set(key, opening, { size: Math.max(1, keptBytes) });
      },
      // A failed opening must not be remembered.
      () => this.#segments.delete(key),
    );
    return opening;
  }

  /** Equal for equal schemas: branches share open segments. */
  #schemaName(schema: Schema): string {
    let name = this.#schemaNames.get(schema);
    if (name === undefined) {
      name = toHex(this.#context.hash(schemaBytes(schema)));
      this.#schemaNames.set(schema, name);
    }
    return name;
  }

  async #view(
    ref: SegmentRef,
    unit: SearchUnit,
    memtable: Memtable,
    before: NamespaceSnapshot | undefined,
  ): Promise<SegmentView> {
    if (unit.rowCount !== ref.rows)
      throw new SearchError("data-damaged", "a segment has another number of rows than the metadata says");
    const known = before?.segments.find((view) => view.ref.number === ref.number);
    // The memtable only grew since, and the deletes are the same: only the new entries are looked up.
    const isGrown =
      before !== undefined &&
      known !== undefined &&
      known.ref.deletes?.number === ref.deletes?.number &&
      before.memtable.entries[0] === memtable.entries[0];
    const gone = isGrown ? known.gone : await this.#deleted(ref);
    const entries = isGrown ? memtable.entries.slice(before.memtable.entries.length) : memtable.entries;
    const ids = [
      ...new Set(entries.flatMap(({ upserts, deletes }) => [...deletes, ...upserts.map(({ id }) => id)])),
    ];
    if (ids.length === 0) return { ref, unit, gone };
    const rows = (await unit.rowsOf(ids)).filter((row) => row !== undefined);
    const more = gone.copy();
    for (const row of rows) more.add(row);
    return { ref, unit, gone: more };
  }

  async #deleted({ deletes, rows }: SegmentRef): Promise<RowSet> {
    if (deletes === undefined) return RowSet.empty(rows);
    const { driver, checksum, closing } = this.#context;
    const bytes = await driver.read(deletes.blob, { offset: 0, length: deletes.blob.sizeBytes }, closing);
    const deleted = decodeDeletesFile(bytes, checksum);
    if (deleted.size !== rows || deleted.count() !== deletes.rows)
      throw new SearchError("data-damaged", "a deletes file is not that of its segment");
    return deleted;
  }
}

function isPast(key: string): boolean {
  return key.includes("/");
}

function stateOf(
  row: NamespaceRow,
  { schemaRevision }: NamespaceNameRow,
  snapshot: NamespaceSnapshot,
): State {
  const pinned = row.settings?.pinned === true;
  return { namespaceId: row.namespaceId, snapshot, schemaRevision, pinned };
}

function deleted(): SearchError {
  return new SearchError("not-found", "the namespace was deleted");
}

/** Not all at once: a namespace may have thousands of batches. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += READS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + READS_AT_ONCE).map(work))));
  }
  return results;
}
