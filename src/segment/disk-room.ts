import type { Clock, Disk, DiskSpace } from "../platform/index.ts";
import type { DiskHealth } from "./disk-health.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import { CHUNK_BYTES } from "./ports.ts";

/** The figures of free space are this old at most while bytes are appended. */
const REFRESH_MS = 1000;
/**
 * Part of `reclaimBytes` that tombstones may take. The rest is for moving chunks, without which most of what is dead would never make room; more than this would keep
 * a disk of many small blobs from having enough of them dead.
 */
const TOMBSTONE_PART = 0.5;

/** Free space with which a store is opened again at most: what the chunk index writes when it is opened, its log once more as a table, fits into it. */
const REOPEN_BYTES = 48 * 1024 * 1024;

export interface DiskRoomOptions {
  readonly disk: Pick<Disk, "space">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly directory: string;
  readonly health: DiskHealth;
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  readonly reclaimBytes: number;
  /** Bytes of chunks that wait for the disk. */
  readonly queuedBytes: () => number;
}

/** What rewriting may write. */
export interface RewriteRoom {
  /** No chunk is taken for want of room: the reserve is drawn on, and what is taken of it has to come back at once. */
  readonly isFull: boolean;
  readonly spareBytes: number;
}

/**
 * Who may still write on a disk that becomes full. Free space is given out in this order:
 *
 *   above reserveBytes                            chunks, and everything below
 *   then half of reclaimBytes                     tombstones, and moves out of half-dead segments
 *   then the rest of reclaimBytes                 moves
 *   the rest of the reserve                       nobody here: it is for the Raft log and the stores of rows
 */
export class DiskRoom {
  readonly #options: DiskRoomOptions;
  readonly #reclaimBytes: number;
  #space: DiskSpace = { totalBytes: 0, freeBytes: 0 };
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  /** Written, or on its way, since the space was measured. */
  #takenBytes = 0;
  #measuring: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
    this.#reclaimBytes = Math.min(options.reclaimBytes, options.reserveBytes);
  }

  /** As it was measured last. */
  get space(): DiskSpace {
    return this.#space;
  }

  /** Measures anew, unless that was done lately or is going on. */
  refresh(): void {
    if (this.#measuring !== undefined || this.#isClosed) return;
    if (this.#options.clock.monotonicMs() - this.#measuredAtMs < REFRESH_MS) return;
    this.#measuring = this.measure().finally(() => {
      this.#measuring = undefined;
    });
  }

  /** A failure degrades the store. */
  async measure(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      this.#options.health.degrade(fromDiskError(error, "the free space could not be measured"));
    }
  }

  /** The same; rejects with `DiskError`. True: more is free than is kept in reserve. */
  async look(): Promise<boolean> {
    const { disk, clock, directory, queuedBytes, reserveBytes } = this.#options;
    this.#measuredAtMs = clock.monotonicMs();
    // Appends that wait for the disk are not in the figure yet; they are counted until the next time.
    this.#takenBytes = queuedBytes();
    this.#space = await disk.space(directory);
    return this.#space.freeBytes >= reserveBytes;
  }

  /**
   * Whether as much was free as opening the store again takes. Less than chunks need: only a store that has been opened again takes the unlinks that make room on a
   * full disk.
   */
  get isRoomToReopen(): boolean {
    return this.#space.freeBytes >= Math.min(REOPEN_BYTES, this.#options.reserveBytes - this.#reclaimBytes);
  }

  /** Takes room for a chunk. Throws when that would eat into the reserve, and degrades the store until there is room again. */
  takeForChunk(bytes: number): void {
    const { health, reserveBytes } = this.#options;
    if (this.#takenBytes > reserveBytes / 8) this.#measuredAtMs = Number.NEGATIVE_INFINITY;
    this.refresh();
    if (this.#leftAbove(reserveBytes) >= bytes) {
      this.#takenBytes += bytes;
      return;
    }
    this.#noteFull();
    health.checkAppend();
  }

  /** Something is written of which room has not been asked for with `takeForChunk`. */
  take(bytes: number): void {
    this.#takenBytes += bytes;
  }

  /** Why a tombstone cannot be written, when there is no room for it as of now. */
  async refuseTombstone(bytes: number): Promise<SegmentError | undefined> {
    const kept = this.#options.reserveBytes - this.#reclaimBytes * TOMBSTONE_PART;
    if (this.#leftAbove(kept) < bytes) await this.measure();
    if (this.#leftAbove(kept) >= bytes) return undefined;
    this.#noteFull();
    return new SegmentError(
      "no-space",
      `${this.#space.freeBytes} bytes are free: too few for tombstones, until what is dead has made room`,
    );
  }

  /** Measured anew when the disk is full. */
  async forRewrite(): Promise<RewriteRoom> {
    const { health, reserveBytes, segmentBytes } = this.#options;
    // A disk on which the next chunk may find no room is full too, though nobody has tried yet.
    const isFull =
      health.problem?.code === "no-space" ||
      this.#leftAbove(reserveBytes) < Math.min(CHUNK_BYTES, segmentBytes);
    if (!isFull) return { isFull, spareBytes: this.#leftAbove(reserveBytes) };
    await this.measure();
    return { isFull, spareBytes: this.#leftAbove(reserveBytes - this.#reclaimBytes) };
  }

  /** Resolves when nothing is being measured; nothing will be by itself. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#measuring;
  }

  /** Bytes that may be written until only so many are free. */
  #leftAbove(keptBytes: number): number {
    return this.#space.freeBytes - this.#takenBytes - keptBytes;
  }

  #noteFull(): void {
    const { health } = this.#options;
    if (health.problem !== undefined) return;
    health.degrade(
      new SegmentError("no-space", `${this.#space.freeBytes} bytes are free, which are kept in reserve`),
    );
  }
}
