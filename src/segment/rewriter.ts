import { concatBytes, Mutex, toHex } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import type { SegmentFigures, SegmentTable } from "./accounting.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { SegmentError } from "./errors.ts";
import type { ChunkEntry } from "./footer.ts";
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
  #isClosed = false;

  constructor(options: RewriterOptions) {
    this.#options = options;
  }

  /** Moves about so many bytes; how many there were, 0: there is nothing to move. Rejects with SegmentError. */
  rewrite(budgetBytes: number): Promise<number> {
    return this.#running.run(() => this.#rewrite(budgetBytes));
  }

  /** Resolves when nothing is being moved; nothing will be after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running.run(() => undefined);
  }

  async #rewrite(budgetBytes: number): Promise<number> {
    let movedBytes = 0;
    while (movedBytes < budgetBytes && !this.#isClosed) {
      this.#victim ??= await this.#choose();
      const victim = this.#victim;
      if (victim === undefined) return movedBytes;
      const entry = victim.chunks[victim.next];
      if (entry === undefined) {
        this.#victim = undefined;
        await this.#options.onEmptied();
        continue;
      }
      victim.next += 1;
      movedBytes += await this.#move(victim.segmentId, entry);
    }
    return movedBytes;
  }

  /** The segment with the greatest dead part, with its chunks; those that cannot be read are left to recovery. */
  async #choose(): Promise<Victim | undefined> {
    const { table, files, hasher, spareBytes } = this.#options;
    const spare = spareBytes();
    const worth = table.all().filter((figures) => isWorthIt(figures) && figures.liveBytes <= spare);
    const [best] = worth.sort((a, b) => deadPart(b) - deadPart(a));
    if (best === undefined) return undefined;
    const held = await files.hold(best.segmentId);
    try {
      const entries = allEntries(await inspectSegment(held.file, { hasher })) ?? [];
      return {
        segmentId: best.segmentId,
        chunks: entries.filter((entry) => entry.kind === "chunk"),
        next: 0,
      };
    } finally {
      held.release();
    }
  }

  /** Bytes that were moved; 0 when the chunk is not alive there (any more), or damaged. */
  async #move(segmentId: number, entry: ChunkEntry): Promise<number> {
    const { index, reader, writer } = this.#options;
    const row = index.get(entry);
    const isThere = row?.segmentId === segmentId && row.position === entry.position && !row.quarantined;
    if (!isThere) return 0;
    const { blobId, chunkIndex } = entry;
    try {
      const { pieces, blockChecksums } = await reader.readBlocks({ blobId, chunkIndex }, 0, row.length);
      // A copy: what was read may lie in memory that is used again.
      const bytes = concatBytes(pieces);
      const chunk = {
        blobId,
        chunkIndex,
        length: row.length,
        pieces: [bytes],
        blockChecksums: blockChecksums.slice(),
      };
      await writer().move(toHex(blobId), chunk, row);
      return row.length;
    } catch (error) {
      if (error instanceof SegmentError && (error.code === "damaged" || error.code === "not-found")) return 0;
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
