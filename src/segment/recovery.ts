/**
 * Brings the chunk index up to what the segments hold, and the segments into a state in which they can be appended to or left alone.
 *
 * - A sealed segment that lies before the last checkpoint is not looked at.
 * - A sealed segment behind it is taken in from its footer.
 * - An unsealed segment is read header by header. Only its last group may be torn, because a group is written only when all before it are
 *   durable: what is not whole there is dropped, and the file is cut behind the last whole record. What is not whole elsewhere is damage:
 *   it is reported, and the rest stays readable.
 * - The last group is written again in place before it counts. When a sync has failed, the kernel may show bytes that never reached the
 *   disk; after this they have.
 * - The newest segment is appended to again if it has no holes; every other unsealed one gets its footer.
 *
 * Everything here can be interrupted and run again.
 */

import { equalBytes } from "../base/index.ts";
import { type Disk, DiskError, type DiskFile, type Hasher } from "../platform/index.ts";
import { newFigures, type SegmentTable } from "./accounting.ts";
import { blocksMatch } from "./checksums.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import { segmentIdOf, segmentPath, segmentsDirectory } from "./file-names.ts";
import {
  type ChunkEntry,
  encodeEntries,
  encodeTrailer,
  type KillEntry,
  type SegmentEntry,
} from "./footer.ts";
import { HEADER_BYTES, SALT_BYTES, type SegmentIdentity } from "./header.ts";
import type { Checkpoint, ChunkRow } from "./index-rows.ts";
import type { Resumable } from "./open-segment.ts";
import { PassedRecords } from "./passed-records.ts";
import type { SegmentDamage } from "./ports.ts";
import { decodeRecord, encodeRecord } from "./record.ts";
import {
  gaps,
  inspectSegment,
  type Region,
  readUpTo,
  type ScannedRecord,
  type SegmentContents,
} from "./scan.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { followAcknowledged, MAX_SEARCHED_ROWS, searchAcknowledged } from "./unreadable-headers.ts";

/** Index changes that may gather while segments are taken in. */
const MAX_GATHERED_CHANGES = 4096;

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: SegmentIdentity;
  readonly files: SegmentFiles;
  readonly hasher: Hasher;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  readonly segmentBytes: number;
  readonly onDamage: (damage: SegmentDamage) => void;
}

export interface Recovered {
  /** The last checkpoint that is in the index; the caller writes the next one, unless there was a problem. */
  readonly checkpointed: Checkpoint;
  readonly nextSegmentId: number;
  /** The segment to go on with. */
  readonly resumable: Resumable | undefined;
  /** The disk refused something: what is on it is served as far as it could be read, and has to be recovered again. */
  readonly problem: SegmentError | undefined;
  /** Whether everything that is in the segments is in the index. */
  readonly isComplete: boolean;
}

/** Rejects with SegmentError "wrong-identity" or "unknown-version", or with `DiskError` when the directory cannot be read at all. */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  return new Recovery(options).run();
}

class Recovery {
  readonly #options: RecoveryOptions;
  #checkpoint: Checkpoint = { nextSegmentId: 1, segmentId: 0, position: 0 };
  #resumable: Resumable | undefined;
  #problem: SegmentError | undefined;
  #isComplete = true;
  readonly #passed = new PassedRecords();
  /** The index is made from all segments. */
  #isFromNothing = true;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async run(): Promise<Recovered> {
    const ids = await this.#listSegments();
    await this.#loadIndex(ids);
    const newest = ids.at(-1) ?? 0;
    for (const segmentId of ids) {
      if (this.#isTakenIn(segmentId)) continue;
      const isTakenIn = await this.#tryDisk(async () => {
        await this.#recoverSegment(segmentId, segmentId === newest);
        return true;
      });
      if (isTakenIn === undefined) this.#isComplete = false;
    }
    this.#dropMissing(ids);
    return {
      checkpointed: this.#checkpoint,
      nextSegmentId: Math.max(this.#checkpoint.nextSegmentId, newest + 1),
      resumable: this.#problem === undefined ? this.#resumable : undefined,
      problem: this.#problem,
      isComplete: this.#isComplete,
    };
  }

  async #listSegments(): Promise<number[]> {
    const { disk, directory } = this.#options;
    const entries = await disk.list(segmentsDirectory(directory));
    // Who made a segment may have died before its entry was durable; from here on its records count.
    await this.#tryDisk(() => disk.syncDirectory(segmentsDirectory(directory)));
    return entries
      .filter((entry) => entry.kind === "file")
      .map((entry) => segmentIdOf(entry.name))
      .filter((id) => id !== undefined)
      .sort((a, b) => a - b);
  }

  async #loadIndex(ids: readonly number[]): Promise<void> {
    const { index, table, identity, directory } = this.#options;
    const contents = await index.load();
    if (contents.identity !== undefined) checkIdentity(contents.identity, identity, directory);
    const { checkpoint } = contents;
    const known = new Set(contents.segments.map((figures) => figures.segmentId));
    const isComplete =
      contents.identity !== undefined &&
      checkpoint !== undefined &&
      ids.every((id) => id >= checkpoint.segmentId || known.has(id));
    if (!isComplete) {
      await this.#tryDisk(() => index.reset(identity));
      return;
    }
    this.#checkpoint = checkpoint;
    this.#isFromNothing = false;
    for (const figures of contents.segments) table.add(figures);
  }

  /** With all tombstones taken in, a segment that was removed has nothing alive; one with live chunks has been lost. */
  #dropMissing(ids: readonly number[]): void {
    const { table, onDamage } = this.#options;
    const present = new Set(ids);
    for (const { segmentId, liveChunks } of table.all()) {
      if (present.has(segmentId)) continue;
      if (liveChunks > 0) onDamage({ kind: "segment", segmentId, chunks: liveChunks });
      table.remove(segmentId);
    }
  }

  #isTakenIn(segmentId: number): boolean {
    const state = this.#options.table.get(segmentId)?.state;
    if (state === "aside") this.#reportRegion(segmentId, { offset: 0, lengthBytes: 0 });
    return state === "aside" || (state === "sealed" && segmentId < this.#checkpoint.segmentId);
  }

  /** Entries of the segment from this position on are new to the index. */
  #indexedTo(segmentId: number): number {
    if (segmentId < this.#checkpoint.segmentId) return Number.POSITIVE_INFINITY;
    return segmentId === this.#checkpoint.segmentId ? this.#checkpoint.position : 0;
  }

  async #recoverSegment(segmentId: number, isNewest: boolean): Promise<void> {
    const contents = await this.#inspect(segmentId);
    const { header, salt } = contents;
    if (header.kind === "header") {
      const path = segmentPath(this.#options.directory, segmentId);
      checkIdentity(header.header.identity, this.#options.identity, path);
    }
    const isMisplaced = header.kind === "header" && header.header.segmentId !== segmentId;
    if (isMisplaced || salt === undefined) return this.#setAside(segmentId, contents);
    this.#addUnlessKnown(segmentId, salt);
    if (header.kind === "damaged") this.#reportRegion(segmentId, { offset: 0, lengthBytes: HEADER_BYTES });
    if (contents.kind === "unsealed") return this.#settle(segmentId, { ...contents, salt }, isNewest);
    this.#options.table.setState(segmentId, "sealed", contents.footerPosition);
    await this.#takeIn(segmentId, contents.entries);
  }

  async #inspect(segmentId: number): Promise<SegmentContents> {
    const { files, hasher, table } = this.#options;
    const held = await files.hold(segmentId);
    try {
      return await inspectSegment(held.file, { hasher, knownSalt: table.get(segmentId)?.salt });
    } finally {
      held.release();
      files.forget(segmentId);
    }
  }

  #addUnlessKnown(segmentId: number, salt: Uint8Array): void {
    const { table } = this.#options;
    if (table.get(segmentId) === undefined) table.add(newFigures(segmentId, salt, "abandoned", 0));
  }

  /** A file that a crash left before it had a header goes; any other whose records cannot be told stays, untouched and unused. */
  async #setAside(segmentId: number, contents: SegmentContents): Promise<void> {
    const { disk, directory, table } = this.#options;
    const sizeBytes = contents.kind === "unsealed" ? contents.sizeBytes : contents.footerPosition;
    if (sizeBytes <= HEADER_BYTES && contents.header.kind === "damaged") {
      await disk.remove(segmentPath(directory, segmentId));
      return;
    }
    this.#addUnlessKnown(segmentId, new Uint8Array(SALT_BYTES));
    table.setState(segmentId, "aside", 0);
    this.#reportRegion(segmentId, { offset: 0, lengthBytes: sizeBytes });
  }

  async #settle(segmentId: number, contents: Unsealed, isNewest: boolean): Promise<void> {
    const { files, table, segmentBytes } = this.#options;
    const writable = await this.#tryDisk(() => files.hold(segmentId, "read-write"));
    const held = writable ?? (await files.hold(segmentId));
    try {
      const plan = await this.#plan(segmentId, contents, held.file);
      for (const region of plan.damaged) this.#reportRegion(segmentId, region);
      table.setState(segmentId, "abandoned", plan.end);
      await this.#takeIn(segmentId, plan.entries);
      if (this.#problem !== undefined) return;
      if (plan.end === HEADER_BYTES) return await this.#removeEmpty(segmentId);
      await finish(held.file, plan);
      const isIntact = plan.holes === 0 && contents.header.kind === "header";
      if (isNewest && isIntact && plan.end < segmentBytes) {
        table.setState(segmentId, "open", 0);
        const { entries, end } = plan;
        this.#resumable = { segmentId, salt: contents.salt, position: end, entries };
      } else if (await this.#seal(held.file, contents.salt, plan)) {
        table.setState(segmentId, "sealed", plan.end);
      }
    } finally {
      held.release();
      files.forget(segmentId);
    }
  }

  /** A segment without records is no use to anyone, and its header may not have reached the disk. */
  async #removeEmpty(segmentId: number): Promise<void> {
    const { disk, directory, table } = this.#options;
    await disk.remove(segmentPath(directory, segmentId));
    table.remove(segmentId);
  }

  async #plan(segmentId: number, contents: Unsealed, file: DiskFile): Promise<TailPlan> {
    const { hasher } = this.#options;
    const { salt, sizeBytes } = contents;
    const indexedTo = this.#indexedTo(segmentId);
    // A segment that was given up before the checkpoint: the index knows where it ends, and nothing behind that was acknowledged.
    const knownEnd = Number.isFinite(indexedTo) ? undefined : this.#options.table.get(segmentId)?.endPosition;
    const records = contents.records.filter((record) => knownEnd === undefined || record.end <= knownEnd);
    const lastGroup = knownEnd ?? contents.footerPosition ?? records.at(-1)?.groupStart ?? HEADER_BYTES;
    const kept: ScannedRecord[] = [];
    const rewrites: Rewrite[] = [];
    const quarantined: SegmentEntry[] = [];
    for (const record of records) {
      if (record.position < lastGroup || record.position < indexedTo) {
        kept.push(record);
        continue;
      }
      const bytes = await readUpTo(file, record.position, record.end - record.position);
      if (isWhole(hasher, bytes, salt, record)) {
        kept.push(record);
        rewrites.push({ position: record.position, bytes });
      } else if (this.#isIndexed(segmentId, record)) {
        // The index has it, so it was acknowledged: damage, not a torn write.
        kept.push(record);
        quarantined.push(...record.entries);
      }
    }
    const acknowledgedEnd = knownEnd ?? Math.max(indexedTo, HEADER_BYTES);
    if (knownEnd === undefined && contents.footerPosition === undefined) {
      const doubtful = gaps(kept, sizeBytes).filter(
        ({ offset }) => offset >= Math.max(lastGroup, acknowledgedEnd),
      );
      const unreadable = await this.#acknowledgedIn(segmentId, file, { gaps: doubtful, sizeBytes });
      kept.push(...unreadable);
      kept.sort((a, b) => a.position - b.position);
      quarantined.push(...unreadable.flatMap((record) => record.entries));
    }
    for (const entry of quarantined) this.#reportChunk(segmentId, entry);
    const recordsEnd = kept.at(-1)?.end ?? HEADER_BYTES;
    const end = Math.max(recordsEnd, acknowledgedEnd, contents.footerPosition ?? 0);
    const holes = gaps(kept, end);
    const damaged = holes.filter((hole) => hole.offset < Math.max(lastGroup, acknowledgedEnd));
    const entries = kept.flatMap((record) => record.entries);
    return { entries, end, sizeBytes, rewrites, damaged, holes: holes.length + quarantined.length };
  }

  /** Chunks in these gaps that were acknowledged, though their headers cannot be told. */
  async #acknowledgedIn(
    segmentId: number,
    file: DiskFile,
    where: { readonly gaps: readonly Region[]; readonly sizeBytes: number },
  ): Promise<readonly ScannedRecord[]> {
    const { index, table } = this.#options;
    if (where.gaps.length === 0 || this.#isFromNothing) return [];
    const rows = table.all().reduce((sum, { liveChunks }) => sum + liveChunks, 0);
    // Searching does the same, and would fail for it.
    if (index.takesWrites) await this.#tryDisk(() => index.flush());
    const find = rows <= MAX_SEARCHED_ROWS && index.takesWrites ? searchAcknowledged : followAcknowledged;
    return find({ file, index, segmentId, ...where });
  }

  #isIndexed(segmentId: number, record: ScannedRecord): boolean {
    return record.entries.some((entry) => {
      if (entry.kind !== "chunk") return false;
      const row = this.#options.index.get(entry);
      return row?.segmentId === segmentId && row.position === entry.position;
    });
  }

  /** False when the disk is too full for the footer: the segment stays as it is until the store is opened again. */
  async #seal(file: DiskFile, salt: Uint8Array, plan: TailPlan): Promise<boolean> {
    const { hasher } = this.#options;
    const position = plan.end;
    const list = encodeEntries(plan.entries);
    const footer = encodeRecord(hasher, salt, { kind: "footer", position, groupStart: position, list });
    try {
      await file.write(position, [footer, encodeTrailer(hasher, salt, position)]);
      await file.syncData();
      return true;
    } catch (error) {
      if (error instanceof DiskError && error.code === "no-space") return false;
      throw error;
    }
  }

  /** Brings the index and the figures up to these entries, in order. */
  async #takeIn(segmentId: number, entries: readonly SegmentEntry[]): Promise<void> {
    const { index } = this.#options;
    const from = this.#indexedTo(segmentId);
    for (let i = entries.findIndex(({ position }) => position >= from); i >= 0 && i < entries.length; ) {
      const entry = entries[i]!;
      if (entry.kind === "chunk") {
        this.#takeInChunk(segmentId, entry);
        i += 1;
      } else {
        const tombstone = tombstoneAt(entries, i);
        await this.#bury(segmentId, tombstone);
        i += tombstone.length;
      }
      if (index.waitingChanges >= MAX_GATHERED_CHANGES && index.takesWrites)
        await this.#tryDisk(() => index.flush());
    }
  }

  /**
   * A group that was taken back because its sync failed may be on the disk all the same, and what was stored instead of it names none of its records. So the index
   * is believed before the record: what it takes the place of is what the index finds.
   */
  #takeInChunk(segmentId: number, entry: ChunkEntry): void {
    const { index, table } = this.#options;
    const { position, length } = entry;
    const row = index.get(entry);
    const taken: ChunkRow = { segmentId, position, length, quarantined: false };
    const passed = this.#passed.take(entry);
    const isNew = row === undefined || isBefore(row, segmentId, position);
    const before = isNew ? row : passed;
    table.apply(segmentId, before === undefined ? entry : { ...entry, supersedes: before.segmentId });
    if (isNew) index.put(entry, taken);
    else if (isBefore(taken, row.segmentId, row.position)) this.#passed.add(entry, taken);
  }

  /** `tombstone`: the kills of one blob. What the index finds of it and they do not name is counted too. */
  async #bury(segmentId: number, tombstone: readonly KillEntry[]): Promise<void> {
    const { index, table } = this.#options;
    const { blobId, position } = tombstone.at(-1)!;
    const buried = [...this.#passed.takeBlob(blobId)];
    for (const [chunkIndex, row] of await index.rowsOf(blobId)) {
      if (!isBefore(row, segmentId, position)) continue;
      buried.push(row);
      index.delete({ blobId, chunkIndex });
    }
    const found = new Map<number, { chunks: number; bytes: number }>();
    for (const row of buried) {
      const { chunks, bytes } = found.get(row.segmentId) ?? { chunks: 0, bytes: 0 };
      found.set(row.segmentId, { chunks: chunks + 1, bytes: bytes + row.length });
    }
    for (const kill of tombstone) {
      const more = found.get(kill.segmentId);
      found.delete(kill.segmentId);
      const chunks = this.#killed(kill.chunks, more?.chunks);
      table.apply(segmentId, { ...kill, chunks, bytes: this.#killed(kill.bytes, more?.bytes) });
    }
    for (const [victim, { chunks, bytes }] of found)
      table.apply(segmentId, { kind: "kill", blobId, position, segmentId: victim, chunks, bytes });
  }

  /** Rows that an earlier run has written may lack what the tombstone killed; an index that is made from nothing lacks none. */
  #killed(named: number, found = 0): number {
    return this.#isFromNothing ? found : Math.max(named, found);
  }

  #reportRegion(segmentId: number, region: { readonly offset: number; readonly lengthBytes: number }): void {
    this.#options.onDamage({ kind: "region", segmentId, ...region });
  }

  #reportChunk(segmentId: number, entry: SegmentEntry): void {
    if (entry.kind !== "chunk") return;
    const { index, onDamage } = this.#options;
    const { blobId, chunkIndex, position, length } = entry;
    index.put(entry, { segmentId, position, length, quarantined: true });
    onDamage({ kind: "chunk", address: { blobId, chunkIndex }, segmentId });
  }

  /** Undefined when the disk refused, which is noted. One segment that cannot be read does not keep the others from being served. */
  async #tryDisk<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const problem = fromDiskError(error, "a segment could not be recovered");
      if (problem.code === "wrong-identity" || problem.code === "unknown-version") throw problem;
      this.#problem ??= problem;
      return undefined;
    }
  }
}

type Unsealed = Extract<SegmentContents, { kind: "unsealed" }> & { readonly salt: Uint8Array };

interface Rewrite {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** What is to be done with the end of an unsealed segment. */
interface TailPlan {
  readonly entries: SegmentEntry[];
  /** Behind the last record that counts; the file is cut here. */
  readonly end: number;
  readonly sizeBytes: number;
  readonly rewrites: readonly Rewrite[];
  readonly damaged: readonly { readonly offset: number; readonly lengthBytes: number }[];
  readonly holes: number;
}

async function finish(file: DiskFile, plan: TailPlan): Promise<void> {
  for (const { position, bytes } of plan.rewrites) await file.write(position, [bytes]);
  if (plan.sizeBytes > plan.end) await file.truncate(plan.end);
  if (plan.rewrites.length > 0 || plan.sizeBytes > plan.end) await file.syncData();
}

/** Whether the record's data matches its checksums too. */
function isWhole(hasher: Hasher, bytes: Uint8Array, salt: Uint8Array, record: ScannedRecord): boolean {
  if (bytes.length !== record.end - record.position) return false;
  const decoded = decodeRecord(hasher, bytes, salt, record.position);
  if (decoded === undefined) return false;
  if (decoded.kind !== "chunk") return true;
  const dataAt = bytes.length - Math.ceil(decoded.length / 8) * 8;
  const data = bytes.subarray(dataAt, dataAt + decoded.length);
  return blocksMatch(hasher, [data], decoded.length, decoded.blockChecksums);
}

/** The kills from `start` on that belong together: one tombstone, or several that a blob with chunks in many segments needs. */
function tombstoneAt(entries: readonly SegmentEntry[], start: number): KillEntry[] {
  const kills: KillEntry[] = [];
  for (let i = start; i < entries.length; i++) {
    const entry = entries[i]!;
    const blobId = kills[0]?.blobId ?? entry.blobId;
    if (entry.kind === "chunk" || !equalBytes(entry.blobId, blobId)) break;
    kills.push(entry);
  }
  return kills;
}

function isBefore(row: ChunkRow, segmentId: number, position: number): boolean {
  return row.segmentId < segmentId || (row.segmentId === segmentId && row.position < position);
}

function checkIdentity(found: SegmentIdentity, wanted: SegmentIdentity, where: string): void {
  for (const field of ["clusterId", "incarnation", "diskId"] as const) {
    if (found[field] === wanted[field]) continue;
    throw new SegmentError(
      "wrong-identity",
      `${where} belongs to ${field} ${found[field]}, not ${wanted[field]}`,
    );
  }
}
