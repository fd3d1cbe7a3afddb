import { type Disk, DiskError, type Hasher } from "../platform/index.ts";
import type { SegmentTable } from "./accounting.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { fromDiskError } from "./errors.ts";
import type { FailedSegments } from "./failed-segments.ts";
import { segmentPath, segmentsDirectory } from "./file-names.ts";
import type { ChunkEntry } from "./footer.ts";
import { allEntries, inspectSegment } from "./scan.ts";
import type { SegmentFiles } from "./segment-files.ts";

/** Index rows that are looked up at a time. */
const LOOKUP_ROWS = 1000;

export interface CollectorOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly files: SegmentFiles;
  readonly hasher: Hasher;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  readonly failed: FailedSegments;
  /** Segments with smaller ids are in the index, durably: only those may go. */
  readonly checkpointedSegmentId: () => number;
}

/**
 * Removes sealed segments in which nothing is alive. Three things must hold, or bytes that a client was promised, or a deletion that was
 * acknowledged, could be lost:
 * 1. no row of the index points into the segment: counted from the segment's own footer, not believed from the figures;
 * 2. a durable checkpoint covers the segment: recovery never needs its records again;
 * 3. every older segment in which its records keep something dead is gone, durably: segments are removed in order of id, each with a sync
 *    of the directory.
 */
export class SegmentCollector {
  readonly #options: CollectorOptions;
  /** Whose file is gone, or going, and perhaps not durably: looked into before, and left by a disk that failed then. */
  readonly #removing = new Set<number>();
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Resolves when everything that can go now is gone; what cannot be removed because the disk refuses stays for the next time. */
  collect(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no collection is under way; none begins after it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Whether a sealed segment may go as soon as nothing in it is alive: rules 2 and 3. */
  couldGo(segmentId: number): boolean {
    const { table, checkpointedSegmentId } = this.#options;
    return segmentId < checkpointedSegmentId() && table.mayForgetKills(segmentId);
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#pass();
      } catch (error) {
        // Nothing is promised about when space comes back: the next unlink or seal tries again.
        fromDiskError(error, "a dead segment could not be removed");
      }
    }
  }

  async #pass(): Promise<void> {
    const { table, failed } = this.#options;
    for (const { segmentId, state, liveChunks } of table.all()) {
      if (this.#closed) return;
      if (state !== "sealed" || liveChunks > 0 || !this.couldGo(segmentId)) continue;
      if (!this.#removing.has(segmentId)) {
        if (failed.has(segmentId) || !(await this.#isDead(segmentId))) continue;
        this.#removing.add(segmentId);
      }
      await this.#remove(segmentId);
    }
  }

  /** Rejects with `DiskError`; then it is to be done again, from the start. */
  async #remove(segmentId: number): Promise<void> {
    const { table, files, disk, directory } = this.#options;
    files.forget(segmentId);
    try {
      await disk.remove(segmentPath(directory, segmentId));
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== "not-found") throw error;
    }
    await disk.syncDirectory(segmentsDirectory(directory));
    table.remove(segmentId);
    this.#removing.delete(segmentId);
  }

  /** False also when it cannot be read: the others do not wait for it. */
  async #isDead(segmentId: number): Promise<boolean> {
    try {
      return await this.#lookInto(segmentId);
    } catch (error) {
      fromDiskError(error, "a dead segment could not be read");
      this.#options.failed.add(segmentId);
      return false;
    }
  }

  async #lookInto(segmentId: number): Promise<boolean> {
    const { files, hasher, table } = this.#options;
    const held = await files.hold(segmentId);
    try {
      const entries = allEntries(await inspectSegment(held.file, { hasher }));
      if (entries === undefined) return false;
      const chunks = entries.filter((entry) => entry.kind === "chunk");
      const live = await this.#countLive(segmentId, chunks);
      if (live.chunks > 0) table.correct(segmentId, live);
      return live.chunks === 0;
    } finally {
      held.release();
    }
  }

  async #countLive(
    segmentId: number,
    entries: readonly ChunkEntry[],
  ): Promise<{ readonly chunks: number; readonly bytes: number }> {
    let chunks = 0;
    let bytes = 0;
    for (let start = 0; start < entries.length; start += LOOKUP_ROWS) {
      const slice = entries.slice(start, start + LOOKUP_ROWS);
      const rows = await this.#options.index.getMany(slice);
      slice.forEach((entry, i) => {
        const row = rows[i];
        if (row?.segmentId !== segmentId || row.position !== entry.position) return;
        chunks += 1;
        bytes += entry.length;
      });
    }
    return { chunks, bytes };
  }
}
