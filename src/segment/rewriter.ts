import { concatBytes, Mutex, toHex } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import type { SegmentFigures, SegmentTable } from "./accounting.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import type { RewriteRoom } from "./disk-room.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import type { FailedSegments } from "./failed-segments.ts";
import { type ChunkEntry, TRAILER_BYTES } from "./footer.ts";
import { HEADER_BYTES } from "./header.ts";
import type { ChunkRow } from "./index-rows.ts";
import { CHUNK_BYTES, type ChunkData } from "./ports.ts";
import type { ChunkReader } from "./reader.ts";
import { chunkHeaderBytes, FOOTER_ENTRY_BYTES, footerRecordBytes, RECORD_ALIGN_BYTES } from "./record.ts";
import { allEntries, inspectSegment } from "./scan.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { SegmentWriter } from "./writer.ts";

/** A segment is worth rewriting when at least this part of its chunks' bytes is dead. */
const DEAD_PART = 0.5;
/** Index rows that are looked up at a time. */
const LOOKUP_ROWS = 1000;
/** What a chunk of any length takes beside its bytes at most: its record's header, padding and its entry in the footer. */
const MOVE_BYTES = chunkHeaderBytes(CHUNK_BYTES) + RECORD_ALIGN_BYTES + FOOTER_ENTRY_BYTES;
/** What a segment takes beside its records. */
const SEGMENT_BYTES = HEADER_BYTES + footerRecordBytes(0) + TRAILER_BYTES;

export interface RewriterOptions {
  readonly files: SegmentFiles;
  readonly hasher: Hasher;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  readonly failed: FailedSegments;
  readonly reader: ChunkReader;
  readonly writer: () => SegmentWriter;
  readonly room: () => Promise<RewriteRoom>;
  /** Whether a sealed segment is removed as soon as nothing in it is alive. */
  readonly couldGo: (segmentId: number) => boolean;
  readonly onEmptied: () => Promise<void>;
}

/** The segment that is being emptied, and how far that is. */
interface Victim {
  readonly segmentId: number;
  readonly chunks: readonly ChunkEntry[];
  next: number;
  /** Some of it could not be read. */
  hasFailed: boolean;
  /** Something in it cannot be moved: it will not go. */
  isStuck: boolean;
  /** It was chosen for a full disk. */
  readonly isForFull: boolean;
}

/** A chunk that is alive in the victim. */
interface LiveChunk {
  readonly entry: ChunkEntry;
  readonly row: ChunkRow;
}

/**
 * Moves what is alive in half-dead sealed segments to the open one, chunk by chunk; the collector removes what is left.
 *
 * A move is an append that supersedes: read and verified, written and synced, and only then does the index point at the new record, if it still
 * pointed at the old one. Until then the old record counts; after a crash at any step one of the two does, and the same bytes lie in both. The
 * new segment names the old one as superseded and outlives it, as with any record that replaces another.
 *
 * On a full disk the room for it is a part of the reserve. So one segment at a time is emptied, of those that go as soon as they are empty the one with the least
 * alive, and only when all of that fits: what was taken is back before the next one is begun. One of which something cannot be moved is given up at once.
 */
export class SegmentRewriter {
  readonly #options: RewriterOptions;
  readonly #running = new Mutex();
  #victim: Victim | undefined;
  /** Segments in which something is left that cannot be moved, and their live bytes: until those change there is nothing to do. */
  readonly #remaining = new Map<number, number>();
  #isClosed = false;

  constructor(options: RewriterOptions) {
    this.#options = options;
  }

  /**
   * Moves about so many bytes, fewer when the signal aborts; how many there were, 0: there is nothing to move. Rejects with SegmentError; when segments
   * could not be read, only if nothing else was to be moved.
   */
  rewrite(budgetBytes: number, signal?: AbortSignal): Promise<number> {
    return this.#running.run(() => this.#rewrite(budgetBytes, signal));
  }

  /** Resolves when nothing is being moved; nothing will be after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running.run(() => undefined);
  }

  async #rewrite(budgetBytes: number, signal: AbortSignal | undefined): Promise<number> {
    const failures: SegmentError[] = [];
    let movedBytes = 0;
    while (movedBytes < budgetBytes && !this.#isClosed && signal?.aborted !== true) {
      const room = await this.#options.room();
      const victim = await this.#victimFor(room, failures);
      if (victim === undefined) break;
      const chunk = room.isFull && victim.isStuck ? undefined : this.#nextLive(victim);
      if (chunk === undefined) {
        await this.#finish(victim);
        continue;
      }
      if (room.isFull && room.spareBytes < neededBytes(1, chunk.row.length)) {
        // Others have taken the room meanwhile. What is alive in it is less than it was, so it is among the first the next time.
        this.#victim = undefined;
        break;
      }
      movedBytes += await this.#move(victim, chunk, failures);
      // Not before: when it could not be written, it is moved the next time.
      victim.next += 1;
      if (this.#nextLive(victim) === undefined) await this.#finish(victim);
    }
    const [failure] = failures;
    if (movedBytes === 0 && failure !== undefined) throw failure;
    return movedBytes;
  }

  async #finish({ segmentId, hasFailed }: Victim): Promise<void> {
    this.#victim = undefined;
    await this.#options.onEmptied();
    const left = this.#options.table.get(segmentId);
    this.#remaining.delete(segmentId);
    if (left === undefined || left.liveChunks === 0) return;
    if (hasFailed) this.#options.failed.add(segmentId);
    else this.#remaining.set(segmentId, left.liveBytes);
  }

  /** The one at hand, unless it was chosen by the other rule than the one that holds now. */
  async #victimFor(room: RewriteRoom, failures: SegmentError[]): Promise<Victim | undefined> {
    if (this.#victim?.isForFull !== room.isFull) this.#victim = undefined;
    this.#victim ??= await this.#choose(room, failures);
    return this.#victim;
  }

  /**
   * The segment with the greatest dead part, on a full disk with the least that is alive, with its chunks. One that cannot be read is put among the failed
   * ones, and the next is taken.
   */
  async #choose(room: RewriteRoom, failures: SegmentError[]): Promise<Victim | undefined> {
    const { failed } = this.#options;
    for (const { segmentId, liveBytes } of this.#candidates(room)) {
      try {
        const chunks = await this.#chunksOf(segmentId);
        if (room.isFull && (await this.#holdsQuarantined(segmentId, chunks))) {
          this.#remaining.set(segmentId, liveBytes);
          continue;
        }
        return { segmentId, chunks, next: 0, hasFailed: false, isStuck: false, isForFull: room.isFull };
      } catch (error) {
        failures.push(fromDiskError(error, "a half-dead segment could not be read"));
        failed.add(segmentId);
      }
    }
    return undefined;
  }

  /** Segments that are worth it and for which there is room, the best first. */
  #candidates({ isFull, spareBytes }: RewriteRoom): SegmentFigures[] {
    const { table, failed, couldGo } = this.#options;
    const worth = table
      .all()
      .filter(isWorthIt)
      .filter(({ liveChunks, liveBytes }) => neededBytes(liveChunks, liveBytes) <= spareBytes)
      .filter(({ segmentId, liveBytes }) => this.#remaining.get(segmentId) !== liveBytes)
      .filter(({ segmentId }) => !failed.has(segmentId));
    if (!isFull) return worth.sort((a, b) => deadPart(b) - deadPart(a));
    return worth.filter(({ segmentId }) => couldGo(segmentId)).sort((a, b) => a.liveBytes - b.liveBytes);
  }

  /** Those of a segment whose records cannot be told are left to recovery. */
  async #chunksOf(segmentId: number): Promise<readonly ChunkEntry[]> {
    const { files, hasher } = this.#options;
    const held = await files.hold(segmentId);
    try {
      const entries = allEntries(await inspectSegment(held.file, { hasher })) ?? [];
      return entries.filter((entry) => entry.kind === "chunk");
    } finally {
      held.release();
    }
  }

  /** Whether one of these chunks is in the segment and will not be moved. */
  async #holdsQuarantined(segmentId: number, chunks: readonly ChunkEntry[]): Promise<boolean> {
    for (let start = 0; start < chunks.length; start += LOOKUP_ROWS) {
      const entries = chunks.slice(start, start + LOOKUP_ROWS);
      const rows = await this.#options.index.getMany(entries);
      const isOne = entries.some(
        (entry, i) => rows[i]?.quarantined === true && isAt(rows[i], segmentId, entry),
      );
      if (isOne) return true;
    }
    return false;
  }

  /** Goes on to the next chunk that is alive in the victim. */
  #nextLive(victim: Victim): LiveChunk | undefined {
    for (; victim.next < victim.chunks.length; victim.next++) {
      const entry = victim.chunks[victim.next];
      const row = entry && this.#options.index.get(entry);
      if (entry === undefined || row === undefined || !isAt(row, victim.segmentId, entry)) continue;
      if (!row.quarantined) return { entry, row };
      victim.isStuck = true;
    }
    return undefined;
  }

  /** Bytes that were moved; 0 when the chunk cannot be read. Rejects when it cannot be written. */
  async #move(victim: Victim, { entry, row }: LiveChunk, failures: SegmentError[]): Promise<number> {
    let chunk: ChunkData | undefined;
    try {
      chunk = await this.#read(entry, row.length);
    } catch (error) {
      failures.push(fromDiskError(error, "a chunk could not be read"));
      victim.hasFailed = true;
    }
    if (chunk === undefined) {
      // Unlinked meanwhile, or it stays.
      victim.isStuck ||= isAt(this.#options.index.get(entry), victim.segmentId, entry);
      return 0;
    }
    await this.#options.writer().move(toHex(chunk.blobId), chunk, row);
    return row.length;
  }

  /** Undefined when it is gone, or damaged. */
  async #read({ blobId, chunkIndex }: ChunkEntry, length: number): Promise<ChunkData | undefined> {
    try {
      const { pieces, blockChecksums } = await this.#options.reader.readBlocks(
        { blobId, chunkIndex },
        0,
        length,
      );
      // A copy: what was read may lie in memory that is used again.
      const bytes = concatBytes(pieces);
      return { blobId, chunkIndex, length, pieces: [bytes], blockChecksums: blockChecksums.slice() };
    } catch (error) {
      if (error instanceof SegmentError && (error.code === "damaged" || error.code === "not-found"))
        return undefined;
      throw error;
    }
  }
}

function isAt(row: ChunkRow | undefined, segmentId: number, entry: ChunkEntry): boolean {
  return row?.segmentId === segmentId && row.position === entry.position;
}

/** Bytes that so many chunks take at most in another segment, or in two of them. */
function neededBytes(chunks: number, bytes: number): number {
  return bytes + chunks * MOVE_BYTES + 2 * SEGMENT_BYTES;
}

function isWorthIt(figures: SegmentFigures): boolean {
  return figures.state === "sealed" && figures.liveChunks > 0 && deadPart(figures) >= DEAD_PART;
}

function deadPart({ liveBytes, deadBytes }: SegmentFigures): number {
  return deadBytes / Math.max(1, liveBytes + deadBytes);
}
