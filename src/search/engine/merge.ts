/** Compaction: several segments become one, without what was deleted or has expired. */

import { create } from "@bufbuild/protobuf";
import type { Permit } from "../../base/index.ts";
import type { NewBlob } from "../../gen/skerry/meta/v1/commands_pb.js";
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
import { SearchError } from "../errors.ts";
import type { BlobName } from "../ports.ts";
import { RowSet } from "../rows/row-set.ts";
import type { MergedSegment } from "../unit/segment/merge-segments.ts";
import type { EngineContext } from "./context.ts";
import { newDeletes, removedDeletes } from "./flush.ts";
import type { MergedFile } from "./kernel.ts";
import { type WorkLease, withLease } from "./lease.ts";
import { type DeletesRef, type Manifest, readManifest, type SegmentRef } from "./manifest.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { accepted, refusalOf } from "./refusals.ts";
import type { NamespaceSnapshot, SegmentView } from "./snapshot.ts";

/** How often deletes that came meanwhile are taken along before the work is given up. */
const MAX_ATTEMPTS = 8;
/** Merges that may wait for room in memory; one more is refused. */
const MAX_WAITING = 64;
const RETRY_AFTER_MS = 1_000;
/** Read at once: no second copy of a large file is made. */
const READ_BYTES = 8 * 1024 * 1024;

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
    const permit = await this.#admitted();
    try {
      return await this.#merged();
    } finally {
      permit.release();
    }
  }

  /** Waits until what it reads has room beside what other merges of this node have in memory. */
  async #admitted(): Promise<Permit> {
    const { merging, closing } = this.#context;
    if (merging.waiting >= MAX_WAITING)
      throw new SearchError("overloaded", `${MAX_WAITING} merges wait on this node`, {
        most: MAX_WAITING,
        retryAfterMs: RETRY_AFTER_MS,
      });
    const sizeBytes = this.#sources.reduce((sum, { ref }) => sum + ref.blob.sizeBytes, 0);
    return await merging.acquire(Math.min(sizeBytes, merging.limit), closing);
  }

  async #merged(): Promise<boolean> {
    const { driver, kernel, closing, clock } = this.#context;
    const files = await this.#files();
    const how = { schema: this.#snapshot.schema, nowMs: clock.wallMs() };
    const merged = await kernel.mergeSegments(files, how, closing);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = await this.#current();
      if (current === undefined) return false;
      // Each attempt has a blob of its own: an id is used once, and the last command may yet be applied.
      const blob = merged.parts === undefined ? undefined : await driver.writeIndex(merged.parts, closing);
      const value = await this.#command(current, blob, merged);
      const result = await this.#context.store.submit({ case: "commitIndex", value });
      const refusal = refusalOf(result);
      if (refusal === RefusalCode.NAMESPACE_LEASED) return false;
      if (refusal === RefusalCode.MANIFEST_CHANGED) continue;
      return isCommitted(result);
    }
    return false;
  }

  /** Past the caches: what is merged is read once more and then never again. */
  async #files(): Promise<readonly MergedFile[]> {
    const files: MergedFile[] = [];
    for (const { ref } of this.#sources) {
      const deleted = await this.#read(ref.deletes, ref.rows);
      this.#deleted.set(ref.number, deleted);
      files.push({ bytes: await this.#file(ref.blob), deleted });
    }
    return files;
  }

  async #file(blob: BlobName): Promise<Uint8Array> {
    const { driver, closing } = this.#context;
    const bytes = new Uint8Array(blob.sizeBytes);
    for (let offset = 0; offset < bytes.length; offset += READ_BYTES) {
      const length = Math.min(READ_BYTES, bytes.length - offset);
      bytes.set(await driver.read(blob, { offset, length }, closing), offset);
    }
    return bytes;
  }

  async #read(deletes: DeletesRef | undefined, rows: number): Promise<RowSet> {
    if (deletes === undefined) return RowSet.empty(rows);
    const { driver, checksum, closing } = this.#context;
    const range = { offset: 0, length: deletes.blob.sizeBytes };
    return decodeDeletesFile(await driver.read(deletes.blob, range, closing), checksum);
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
    blob: NewBlob | undefined,
    merged: MergedSegment,
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
    if (blob === undefined) return command;
    const versions = current.map(({ firstVersion, lastVersion }) => ({ firstVersion, lastVersion }));
    command.segments.push(
      create(NewSegmentSchema, {
        blob,
        level: Math.max(...current.map(({ level }) => level)) + 1,
        rows: BigInt(merged.rowCount),
        firstVersion: versions.reduce(
          (least, of) => (of.firstVersion < least ? of.firstVersion : least),
          versions[0]!.firstVersion,
        ),
        lastVersion: versions.reduce((most, of) => (of.lastVersion > most ? of.lastVersion : most), 0n),
      }),
    );
    const gone = RowSet.empty(merged.rowCount);
    for (const place of await this.#deletedSince(current, merged.places)) gone.add(place - 1);
    if (!gone.isEmpty()) {
      command.deletes.push(await newDeletes(this.#context, gone, { case: "newSegment", value: 0 }));
    }
    return command;
  }

  /** Places in the new segment that flushes deleted from the sources after these had been read. */
  async #deletedSince(
    current: readonly SegmentRef[],
    places: readonly Uint32Array[],
  ): Promise<readonly number[]> {
    const gone: number[] = [];
    for (const [at, ref] of current.entries()) {
      const source = this.#sources[at]!;
      if (ref.deletes?.number === source.ref.deletes?.number) continue;
      const since = (await this.#read(ref.deletes, ref.rows)).subtract(this.#deleted.get(ref.number)!);
      since.forEach((row) => {
        const place = places[at]![row]!;
        if (place > 0) gone.push(place);
      });
    }
    return gone;
  }
}

function isCommitted(result: CommandResult): boolean {
  accepted(result, "indexCommitted");
  return true;
}
