/** Compaction: several segments become one, without what was deleted or has expired. */

import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  type CommitIndex,
  CommitIndexSchema,
  ManifestNameSchema,
  NewSegmentSchema,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { ManifestKind, NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import { decodeDeletesFile } from "../batch/deletes-file.ts";
import { compareIds, type Document, type DocumentId } from "../model/document.ts";
import { RowSet } from "../rows/row-set.ts";
import type { EngineContext } from "./context.ts";
import { newDeletes, removedDeletes } from "./flush.ts";
import { type WorkLease, withLease } from "./lease.ts";
import { type DeletesRef, type Manifest, readManifest, type SegmentRef } from "./manifest.ts";
import { readerOf } from "./memory-reader.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { accepted, refusalOf } from "./refusals.ts";
import { isExpired, type NamespaceSnapshot, type SegmentView } from "./snapshot.ts";

/** How often deletes that came meanwhile are taken along before the work is given up. */
const MAX_ATTEMPTS = 8;
/** Documents that are read at a time. */
const PAGE_ROWS = 10_000;

/**
 * Which segments to merge next; none: all is well. The oldest level that has `mergeSegments` segments becomes one segment of the next; a segment that is
 * half deleted is written again.
 */
export function planMerge(
  segments: readonly SegmentRef[],
  limits: { readonly mergeSegments: number; readonly mergeBytes: number },
): readonly SegmentRef[] {
  const levels = new Map<number, SegmentRef[]>();
  for (const segment of segments) {
    const level = levels.get(segment.level) ?? [];
    levels.set(segment.level, [...level, segment]);
  }
  for (const [, level] of [...levels].sort(([a], [b]) => a - b)) {
    const chosen = withinBytes(level, limits.mergeBytes);
    if (chosen.length >= limits.mergeSegments) return chosen;
  }
  const half = segments.find(({ deletes, rows }) => deletes !== undefined && 2 * deletes.rows >= rows);
  return half === undefined ? [] : [half];
}

/** The smallest ones that fit together. */
function withinBytes(segments: readonly SegmentRef[], bytes: number): readonly SegmentRef[] {
  const sorted = [...segments].sort((a, b) => a.blob.sizeBytes - b.blob.sizeBytes);
  let left = bytes;
  const chosen: SegmentRef[] = [];
  for (const segment of sorted) {
    if (segment.blob.sizeBytes > left) break;
    left -= segment.blob.sizeBytes;
    chosen.push(segment);
  }
  return chosen;
}

/** Merges what `choose` names. False: there was nothing, or somebody else works on it or was faster. */
export async function mergeNamespace(
  context: EngineContext,
  states: NamespaceStates,
  namespaceId: bigint,
  choose: (segments: readonly SegmentRef[]) => readonly SegmentRef[],
): Promise<boolean> {
  const isDone = await withLease(context, { namespaceId, work: NamespaceWork.COMPACT }, async (lease) => {
    const row = context.store.view.namespace(namespaceId);
    if (row === undefined) return false;
    const snapshot = await states.snapshot(row);
    const chosen = new Set(choose(snapshot.manifest.segments).map(({ number }) => number));
    const sources = snapshot.segments.filter(({ ref }) => chosen.has(ref.number));
    if (sources.length === 0) return false;
    return new Merge(context, snapshot, sources, lease).run();
  });
  return isDone === true;
}

class Merge {
  readonly #context: EngineContext;
  readonly #snapshot: NamespaceSnapshot;
  readonly #sources: readonly SegmentView[];
  readonly #lease: WorkLease;
  /** By segment: its deletes as they were read. Those of the memtable are not among them. */
  readonly #deleted = new Map<bigint, RowSet>();

  constructor(
    context: EngineContext,
    snapshot: NamespaceSnapshot,
    sources: readonly SegmentView[],
    lease: WorkLease,
  ) {
    this.#context = context;
    this.#snapshot = snapshot;
    this.#sources = sources;
    this.#lease = lease;
  }

  async run(): Promise<boolean> {
    const documents = await this.#documents();
    const { driver, kernel, closing } = this.#context;
    const bytes =
      documents.length === 0 ? undefined : await kernel.buildSegment(documents, this.#snapshot.schema);
    const rows = await this.#rowsOf(documents, bytes);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = await this.#current();
      if (current === undefined) return false;
      // Each attempt has a blob of its own: an id is used once, and the last command may yet be applied.
      const segment =
        bytes === undefined
          ? undefined
          : { blob: await driver.write(bytes, closing), count: documents.length };
      const value = await this.#command(current, segment, rows);
      const result = await this.#context.store.submit({ case: "commitIndex", value });
      const refusal = refusalOf(result);
      if (refusal === RefusalCode.NAMESPACE_LEASED) return false;
      if (refusal === RefusalCode.MANIFEST_CHANGED) continue;
      return isCommitted(result);
    }
    return false;
  }

  async #documents(): Promise<readonly Document[]> {
    const nowMs = this.#context.clock.wallMs();
    const documents: Document[] = [];
    for (const { ref, unit } of this.#sources) {
      const deleted = await this.#read(ref.deletes, ref.rows);
      this.#deleted.set(ref.number, deleted);
      const rows = deleted.complement().toRows();
      for (let at = 0; at < rows.length; at += PAGE_ROWS) {
        const page = await unit.documents(rows.slice(at, at + PAGE_ROWS), { kind: "everything" });
        for (const document of page) if (!isExpired(document, nowMs)) documents.push(document);
      }
    }
    return documents.sort((a, b) => compareIds(a.id, b.id));
  }

  async #read(deletes: DeletesRef | undefined, rows: number): Promise<RowSet> {
    if (deletes === undefined) return RowSet.empty(rows);
    const { driver, checksum, closing } = this.#context;
    const range = { offset: 0, length: deletes.blob.sizeBytes };
    return decodeDeletesFile(await driver.read(deletes.blob, range, closing), checksum);
  }

  /** The rows of the new segment by id, in whatever order it was laid out. */
  async #rowsOf(
    documents: readonly Document[],
    bytes: Uint8Array | undefined,
  ): Promise<ReadonlyMap<DocumentId, number>> {
    if (bytes === undefined) return new Map();
    const unit = await this.#context.kernel.openSegment("merged", readerOf(bytes), this.#snapshot.schema);
    const ids = documents.map(({ id }) => id);
    const rows = await unit.rowsOf(ids);
    return new Map(ids.flatMap((id, at) => (rows[at] === undefined ? [] : [[id, rows[at]]])));
  }

  /** The sources as they are now; undefined: one of them is gone. */
  async #current(): Promise<readonly SegmentRef[] | undefined> {
    const { view } = this.#context.store;
    const row = view.namespace(this.#snapshot.manifest.namespaceId);
    if (row === undefined) return undefined;
    const manifest: Manifest = await readManifest(view, row);
    const current = this.#sources.map(({ ref }) =>
      manifest.segments.find(({ number }) => number === ref.number),
    );
    return current.includes(undefined) ? undefined : (current as readonly SegmentRef[]);
  }

  async #command(
    current: readonly SegmentRef[],
    segment:
      | { readonly blob: Awaited<ReturnType<EngineContext["driver"]["write"]>>; readonly count: number }
      | undefined,
    rows: ReadonlyMap<DocumentId, number>,
  ): Promise<CommitIndex> {
    const command = create(CommitIndexSchema, {
      namespaceId: this.#snapshot.manifest.namespaceId,
      work: this.#lease.work,
      leaseToken: this.#lease.token,
      removed: current.map(({ number }) =>
        create(ManifestNameSchema, { kind: ManifestKind.SEGMENT, number }),
      ),
    });
    for (const { deletes } of current) {
      if (deletes !== undefined) command.removed.push(removedDeletes(deletes.number));
    }
    if (segment === undefined) return command;
    const versions = current.map(({ firstVersion, lastVersion }) => ({ firstVersion, lastVersion }));
    command.segments.push(
      create(NewSegmentSchema, {
        blob: segment.blob,
        level: Math.max(...current.map(({ level }) => level)) + 1,
        rows: BigInt(segment.count),
        firstVersion: versions.reduce(
          (least, of) => (of.firstVersion < least ? of.firstVersion : least),
          versions[0]!.firstVersion,
        ),
        lastVersion: versions.reduce((most, of) => (of.lastVersion > most ? of.lastVersion : most), 0n),
      }),
    );
    const gone = RowSet.empty(segment.count);
    for (const id of await this.#deletedSince(current)) {
      const row = rows.get(id);
      if (row !== undefined) gone.add(row);
    }
    if (!gone.isEmpty()) {
      command.deletes.push(await newDeletes(this.#context, gone, { case: "newSegment", value: 0 }));
    }
    return command;
  }

  /** Documents that flushes deleted from the sources after they had been read. */
  async #deletedSince(current: readonly SegmentRef[]): Promise<readonly DocumentId[]> {
    const ids: DocumentId[] = [];
    for (const [at, ref] of current.entries()) {
      const source = this.#sources[at]!;
      if (ref.deletes?.number === source.ref.deletes?.number) continue;
      const since = (await this.#read(ref.deletes, ref.rows)).subtract(this.#deleted.get(ref.number)!);
      ids.push(...(await source.unit.documentIds(since.toRows())));
    }
    return ids;
  }
}

function isCommitted(result: CommandResult): boolean {
  accepted(result, "indexCommitted");
  return true;
}
