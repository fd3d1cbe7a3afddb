import { concatBytes, Mutex, toHex } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import type { SegmentFigures, SegmentTable } from "./accounting.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import type { FailedSegments } from "./failed-segments.ts";
import type { ChunkEntry } from "./footer.ts";
import type { ChunkData } from "./ports.ts";
import type { ChunkReader } from "./reader.ts";
import { allEntries, inspectSegment } from "./scan.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { SegmentWriter } from "./writer.ts";

/** A segment is worth rewriting when at least this part of its chunks' bytes is dead. */
const DEAD_PART = 0.5;

export interface RewriterOptions {
  readonly files: SegmentFiles;
  readonly hasher: Hasher;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  readonly failed: FailedSegments;
  readonly reader: ChunkReader;
  readonly writer: () => SegmentWriter;
  /** Bytes that may be written without touching the reserve. */
  readonly spareBytes: () => number;
  readonly onEmptied: () => Promise<void>;
}

/** The segment that is being emptied, and how far that is. */
interface Victim {
  readonly segmentId: number;
  readonly chunks: readonly ChunkEntry[];
  next: number;
  /** Some of it could not be read. */
  hasFailed: boolean;
}

/**
 * Moves what is alive in half-dead sealed segments to the open one, chunk by chunk; the collector removes what is left.
 *
 * A move is an append that supersedes: read and verified, written and synced, and only then does the index point at the new record, if it still
 * pointed at the old one. Until then the old record counts; after a crash at any step one of the two does, and the same bytes lie in both. The
 * new segment names the old one as superseded and outlives it, as with any record that replaces another.
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
      this.#victim ??= await this.#choose(failures);
      const victim = this.#victim;
      if (victim === undefined) break;
      const entry = victim.chunks[victim.next];
      if (entry === undefined) {
        this.#victim = undefined;
        await this.#finish(victim);
        continue;
      }
      movedBytes += await this.#move(victim, entry, failures);
      // Not before: when it could not be written, it is moved the next time.
      victim.next += 1;
    }
    const [failure] = failures;
    if (movedBytes === 0 && failure !== undefined) throw failure;
    return movedBytes;
  }

  async #finish({ segmentId, hasFailed }: Victim): Promise<void> {
    await this.#options.onEmptied();
    const left = this.#options.table.get(segmentId);
    this.#remaining.delete(segmentId);
    if (left === undefined || left.liveChunks === 0) return;
    if (hasFailed) this.#options.failed.add(segmentId);
    else this.#remaining.set(segmentId, left.liveBytes);
  }

  /** The segment with the greatest dead part, with its chunks. One that cannot be read is put among the failed ones, and the next is taken. */
  async #choose(failures: SegmentError[]): Promise<Victim | undefined> {
    const { table, spareBytes, failed } = this.#options;
    const spare = spareBytes();
    const worth = table
      .all()
      .filter((figures) => isWorthIt(figures) && figures.liveBytes <= spare)
      .filter(({ segmentId, liveBytes }) => this.#remaining.get(segmentId) !== liveBytes)
      .filter(({ segmentId }) => !failed.has(segmentId));
    for (const { segmentId } of worth.sort((a, b) => deadPart(b) - deadPart(a))) {
      try {
        return { segmentId, chunks: await this.#chunksOf(segmentId), next: 0, hasFailed: false };
      } catch (error) {
        failures.push(fromDiskError(error, "a half-dead segment could not be read"));
        failed.add(segmentId);
      }
    }
    return undefined;
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

  /** Bytes that were moved; 0 when the chunk is not alive there (any more), or cannot be read. Rejects when it cannot be written. */
  async #move(victim: Victim, entry: ChunkEntry, failures: SegmentError[]): Promise<number> {
    const { index, writer } = this.#options;
    const row = index.get(entry);
    const isThere =
      row?.segmentId === victim.segmentId && row.position === entry.position && !row.quarantined;
    if (!isThere) return 0;
    let chunk: ChunkData | undefined;
    try {
      chunk = await this.#read(entry, row.length);
    } catch (error) {
      failures.push(fromDiskError(error, "a chunk could not be read"));
      victim.hasFailed = true;
    }
    if (chunk === undefined) return 0;
    await writer().move(toHex(chunk.blobId), chunk, row);
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

function isWorthIt(figures: SegmentFigures): boolean {
  return figures.state === "sealed" && figures.liveChunks > 0 && deadPart(figures) >= DEAD_PART;
}

function deadPart({ liveBytes, deadBytes }: SegmentFigures): number {
  return deadBytes / Math.max(1, liveBytes + deadBytes);
}
