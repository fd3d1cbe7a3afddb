import { equalBytes, RecycledBuffers, toHex, totalBytes } from "../base/index.ts";
import {
  type Clock,
  type Disk,
  DiskError,
  type Hasher,
  type Random,
  type StoreOpener,
  type Timer,
  type Timers,
} from "../platform/index.ts";
import { SegmentTable } from "./accounting.ts";
import { blockCount, CHECKSUM_BYTES } from "./checksums.ts";
import { ChunkIndex, type IndexStore } from "./chunk-index.ts";
import { SegmentCollector } from "./collector.ts";
import { DiskHealth } from "./disk-health.ts";
import { DiskRoom } from "./disk-room.ts";
import { fromDiskError, ignoreDiskError, SegmentError } from "./errors.ts";
import { FailedSegments } from "./failed-segments.ts";
import { indexDirectory, probePath, segmentsDirectory } from "./file-names.ts";
import type { SegmentIdentity } from "./header.ts";
import type { ChunkRow } from "./index-rows.ts";
import { MemoryIndexStore } from "./memory-index-store.ts";
import { OpenSegment, type SegmentPlace } from "./open-segment.ts";
import {
  CHUNK_BYTES,
  type ChunkAddress,
  type ChunkBlocks,
  type ChunkBytes,
  type ChunkData,
  type SegmentDamage,
  type SegmentStore,
  type SegmentStoreStatus,
} from "./ports.ts";
import { ChunkReader } from "./reader.ts";
import { BLOB_ID_BYTES, chunkRecordBytes, FOOTER_ENTRY_BYTES } from "./record.ts";
import { recover } from "./recovery.ts";
import { SegmentRewriter } from "./rewriter.ts";
import { SegmentFiles } from "./segment-files.ts";
import { SegmentWriter } from "./writer.ts";

/** Bytes written to see whether the disk takes writes again. */
const PROBE_BYTES = 64 * 1024;

export interface SegmentStoreSettings {
  /** A segment is sealed when it would grow beyond this. */
  readonly segmentBytes: number;
  /** A segment is sealed when nothing was appended for so long. */
  readonly idleSealMs: number;
  /** The index is made durable each time so many bytes have been appended: bounds what a crash makes recovery read again. */
  readonly checkpointBytes: number;
  /** Bytes of chunks that may wait for the disk before appends are refused. */
  readonly maxQueuedBytes: number;
  /** Free space that appends leave alone, so that chunks can still be unlinked and the index written. */
  readonly reserveBytes: number;
  /**
   * The part of it (at most all) that getting space back on a full disk may take, for tombstones and for chunks that are moved out of half-dead segments.
   * What else there is of the reserve is left to those who share the disk.
   */
  readonly reclaimBytes: number;
  /** How often a full disk is looked at again. */
  readonly probeFullMs: number;
  /** How often a disk that failed is tried again. */
  readonly probeFailedMs: number;
  /** Memory for checksums of chunks read lately. */
  readonly checksumCacheBytes: number;
}

export const DEFAULT_SETTINGS: SegmentStoreSettings = {
  segmentBytes: 1024 ** 3,
  idleSealMs: 10 * 60_000,
  checkpointBytes: 128 * 1024 ** 2,
  maxQueuedBytes: 256 * 1024 ** 2,
  reserveBytes: 64 * 1024 ** 2,
  reclaimBytes: 48 * 1024 ** 2,
  probeFullMs: 5000,
  probeFailedMs: 60_000,
  checksumCacheBytes: 8 * 1024 ** 2,
};

export interface SegmentStoreOptions {
  readonly disk: Disk;
  readonly stores: StoreOpener;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Absolute path of the data directory; made if it does not exist. */
  readonly directory: string;
  readonly identity: SegmentIdentity;
  readonly settings?: Partial<SegmentStoreSettings>;
  /** Where the memory of large reads comes from, and may be given back to; by default every read has its own. */
  readonly buffers?: RecycledBuffers;
  /** Told of each damage once, as soon as it is known; also while the store is being opened. */
  readonly onDamage?: (damage: SegmentDamage) => void;
}

export interface DiskSegmentStoreOptions extends SegmentStoreOptions {
  /** Opened for reading only, and the disk takes writes now: open it again. */
  readonly onRecoverable: () => void;
}

/** The store of one disk. When it could be opened for reading only, it has to be opened again: `ReopeningStore`. */
export class DiskSegmentStore implements SegmentStore {
  readonly #options: DiskSegmentStoreOptions;
  readonly #settings: SegmentStoreSettings;
  readonly #health: DiskHealth;
  readonly #room: DiskRoom;
  readonly #table = new SegmentTable();
  readonly #files: SegmentFiles;
  readonly #index: ChunkIndex;
  readonly #reader: ChunkReader;
  readonly #collector: SegmentCollector;
  readonly #rewriter: SegmentRewriter;
  #writer!: SegmentWriter;
  #isStarted = false;
  #probeTimer: Timer | undefined;
  #probing: Promise<void> | undefined;
  #damaged = 0;
  /** A segment could not be taken in: what the index does not have may be on the disk all the same. */
  #isIncomplete = false;
  #closing: Promise<void> | undefined;

  private constructor(options: DiskSegmentStoreOptions, store: IndexStore) {
    const { disk, directory, hasher } = options;
    this.#options = options;
    this.#settings = { ...DEFAULT_SETTINGS, ...options.settings };
    this.#health = new DiskHealth(() => this.#armProbe());
    this.#room = new DiskRoom({
      ...this.#settings,
      disk,
      clock: options.clock,
      directory,
      health: this.#health,
      queuedBytes: () => this.#writer.queuedBytes,
    });
    this.#files = new SegmentFiles(disk, directory);
    this.#index = new ChunkIndex(store, {
      onWriteError: (error) =>
        this.#health.degrade(fromDiskError(error, "the chunk index could not be written"), true),
      onDamage: () => this.#noteDamage({ kind: "index" }),
    });
    const shared = { files: this.#files, hasher, index: this.#index, table: this.#table };
    this.#reader = new ChunkReader({
      ...shared,
      buffers: options.buffers ?? new RecycledBuffers({ bufferBytes: 1, keptBytes: 0 }),
      checksumCacheBytes: this.#settings.checksumCacheBytes,
      onDamage: ({ blobId, chunkIndex }, { segmentId }) =>
        this.#noteDamage({ kind: "chunk", address: { blobId, chunkIndex }, segmentId }),
    });
    const checkpointedSegmentId = (): number => this.#writer.checkpointedSegmentId;
    const failed = new FailedSegments(options.clock);
    this.#rewriter = new SegmentRewriter({
      ...shared,
      failed,
      reader: this.#reader,
      writer: () => this.#writer,
      room: () => this.#room.forRewrite(),
      couldGo: (segmentId) => this.#collector.couldGo(segmentId),
      onEmptied: () => this.#collector.collect(),
    });
    this.#collector = new SegmentCollector({ ...shared, failed, disk, directory, checkpointedSegmentId });
  }

  static async open(options: DiskSegmentStoreOptions): Promise<DiskSegmentStore> {
    const directoryProblem = await makeDirectories(options);
    const { store, problem } = await openIndex(options);
    const segments = new DiskSegmentStore(options, store);
    try {
      await segments.#start(directoryProblem ?? problem);
    } catch (error) {
      await segments.#abandon();
      throw error;
    }
    return segments;
  }

  async #start(problem: SegmentError | undefined): Promise<void> {
    const { directory, identity } = this.#options;
    const recovered = await recover({
      ...this.#place(),
      directory,
      identity,
      index: this.#index,
      table: this.#table,
      segmentBytes: this.#settings.segmentBytes,
      onDamage: (damage) => this.#noteDamage(damage),
    });
    const { resumable, nextSegmentId, checkpointed } = recovered;
    this.#isIncomplete = !recovered.isComplete;
    const current = resumable === undefined ? undefined : await OpenSegment.resume(this.#place(), resumable);
    this.#writer = new SegmentWriter(
      {
        ...this.#place(),
        ...this.#settings,
        timers: this.#options.timers,
        index: this.#index,
        table: this.#table,
        health: this.#health,
        room: this.#room,
        onSealed: () => void this.#collector.collect(),
      },
      { current, nextSegmentId, checkpointed },
    );
    await this.#room.measure();
    const failure = recovered.problem ?? problem;
    if (failure !== undefined) this.#health.degrade(failure, true);
    else await this.#writer.checkpoint();
    if (this.#health.problem === undefined) await this.#collector.collect();
    this.#isStarted = true;
    this.#armProbe();
  }

  async #abandon(): Promise<void> {
    this.#probeTimer?.cancel();
    await this.#files.close();
    await this.#index.close().catch(ignoreDiskError);
  }

  #place(): SegmentPlace {
    const { disk, directory, identity, hasher, random, clock } = this.#options;
    return { disk, files: this.#files, directory, identity, hasher, random, clock };
  }

  async append(chunk: ChunkData): Promise<void> {
    checkChunk(chunk);
    this.#checkOpen();
    const hex = toHex(chunk.blobId);
    const first = this.#writer.inFlight(hex, chunk.chunkIndex);
    if (first !== undefined) {
      if (isSameChunk(first.chunk.blockChecksums, chunk)) return first.done.promise;
      throw conflict(chunk);
    }
    if (this.has(chunk) && !this.#writer.isUnlinking(hex)) {
      const stored = await this.#storedChecksums(chunk);
      if (stored !== undefined && !isSameChunk(stored, chunk)) throw conflict(chunk);
      const row = this.#rowOf(chunk);
      // Neither acknowledged, for it is not here, nor stored anew: the blob may have been deleted for good.
      if (row === undefined) throw new SegmentError("not-found", "the blob was unlinked meanwhile");
      if (stored !== undefined && !row.quarantined) return;
      // Damaged since: stored anew, like any other. A retry that came meanwhile joins.
      return this.append(chunk);
    }
    this.#room.takeForChunk(chunkRecordBytes(chunk.length) + FOOTER_ENTRY_BYTES);
    return this.#writer.append(chunk);
  }

  async read(address: ChunkAddress, offset: number, length: number): Promise<ChunkBytes> {
    const blocks = await this.readBlocks(address, offset, length);
    const [data] = blocks.pieces;
    if (data === undefined || length === 0) return { pieces: [] };
    return { pieces: [data.subarray(offset - blocks.offset, offset - blocks.offset + length)] };
  }

  async readBlocks(address: ChunkAddress, offset: number, length: number): Promise<ChunkBlocks> {
    this.#checkOpen();
    if (this.#isIncomplete && this.#rowOf(address) === undefined) this.#refuseIfIncomplete();
    return this.#reader.readBlocks(address, offset, length);
  }

  has(address: ChunkAddress): boolean {
    this.#checkOpen();
    const row = this.#rowOf(address);
    if (row === undefined) this.#refuseIfIncomplete();
    return row?.quarantined === false;
  }

  async unlink(blobIds: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen();
    this.#room.refresh();
    // All are queued before any is awaited: they share a sync.
    const unlinked = await Promise.allSettled(blobIds.map((blobId) => this.#writer.unlink(blobId)));
    // Also when some were refused: what the others leave behind is what a full disk waits for.
    await this.#collector.collect();
    const refused = unlinked.find((result) => result.status === "rejected");
    if (refused !== undefined) throw fromDiskError(refused.reason, "a blob could not be unlinked");
  }

  status(): SegmentStoreStatus {
    const problem = this.#health.problem;
    const all = this.#table.all();
    if (this.#closing === undefined) this.#room.refresh();
    const { space } = this.#room;
    return {
      writable: problem === undefined && this.#closing === undefined,
      reason: problem === undefined ? undefined : `${problem.code}: ${problem.message}`,
      full: problem?.code === "no-space" && this.#closing === undefined,
      segments: all.length,
      liveBytes: all.reduce((sum, figures) => sum + figures.liveBytes, 0),
      deadBytes: all.reduce((sum, figures) => sum + figures.deadBytes, 0),
      freeBytes: space.freeBytes,
      totalBytes: space.totalBytes,
      damaged: this.#damaged,
    };
  }

  async rewrite(budgetBytes: number, signal?: AbortSignal): Promise<number> {
    this.#checkOpen();
    // A move is judged as an unlink is: it is what makes room.
    if (!this.#health.takesUnlinks) return 0;
    this.#room.refresh();
    try {
      return await this.#rewriter.rewrite(budgetBytes, signal);
    } catch (error) {
      throw fromDiskError(error, "a segment could not be rewritten");
    }
  }

  quarantine(address: ChunkAddress): void {
    this.#checkOpen();
    this.#reader.quarantine(address);
  }

  async *inventory(): AsyncIterable<ChunkAddress & { readonly length: number }> {
    this.#checkOpen();
    this.#refuseIfIncomplete();
    try {
      for await (const { blobId, chunkIndex, length, quarantined } of this.#index.all()) {
        this.#checkOpen();
        if (!quarantined) yield { blobId, chunkIndex, length };
      }
    } catch (error) {
      throw fromDiskError(error, "the chunk index could not be read");
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#probeTimer?.cancel();
    await this.#probing;
    await this.#room.close();
    await this.#rewriter.close();
    await this.#collector.close();
    await this.#writer.close();
    await this.#files.close();
    await this.#index.close();
    if (this.#index.isDamaged) {
      const { disk, directory } = this.#options;
      await disk.removeTree(indexDirectory(directory)).catch(ignoreDiskError);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new SegmentError("closed", "the segment store has been closed");
  }

  #rowOf(address: ChunkAddress): ChunkRow | undefined {
    try {
      return this.#index.get(address);
    } catch (error) {
      throw fromDiskError(error, "the chunk index could not be read");
    }
  }

  /** "Not here" would be taken for a lost copy. */
  #refuseIfIncomplete(): void {
    if (this.#isIncomplete) throw new SegmentError("io", "not all segments could be recovered yet");
  }

  /** Undefined when the chunk turns out to be gone or damaged. */
  async #storedChecksums(address: ChunkAddress): Promise<Uint8Array | undefined> {
    try {
      return await this.#reader.checksumsOf(address);
    } catch (error) {
      if (error instanceof SegmentError && (error.code === "not-found" || error.code === "damaged"))
        return undefined;
      throw error;
    }
  }

  #noteDamage(damage: SegmentDamage): void {
    this.#damaged += 1;
    this.#options.onDamage?.(damage);
  }

  #armProbe(): void {
    const problem = this.#health.problem;
    // Not before there is a store that could be opened again.
    if (problem === undefined || !this.#isStarted) return;
    if (this.#probeTimer !== undefined || this.#closing !== undefined) return;
    const { probeFullMs, probeFailedMs } = this.#settings;
    const delayMs = problem.code === "no-space" ? probeFullMs : probeFailedMs;
    this.#probeTimer = this.#options.timers.after(delayMs, () => {
      this.#probeTimer = undefined;
      this.#probing = this.#probe().finally(() => {
        this.#probing = undefined;
      });
    });
  }

  /** Writes as an append would; when all of it works the store takes appends again, or can be opened again. */
  async #probe(): Promise<void> {
    const { disk, directory } = this.#options;
    const path = probePath(directory);
    try {
      const isRoomForChunks = await this.#room.look();
      if (isRoomForChunks || (this.#health.isFinal && this.#room.isRoomToReopen)) {
        if (await disk.exists(path)) await disk.remove(path);
        await writeProbe(disk, path);
        if (this.#health.isFinal) return this.#options.onRecoverable();
        await this.#index.flush();
        return this.#health.restore();
      }
    } catch (error) {
      ignoreDiskError(error);
    }
    this.#armProbe();
  }
}

async function writeProbe(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, "create");
  try {
    await file.write(0, [new Uint8Array(PROBE_BYTES)]);
    await file.syncData();
  } finally {
    await file.close();
    await disk.remove(path);
  }
}

/** What the disk refused, if it did: a disk that takes no writes may still have everything. */
async function makeDirectories(options: SegmentStoreOptions): Promise<SegmentError | undefined> {
  const { disk, directory } = options;
  try {
    if (!(await disk.exists(segmentsDirectory(directory))))
      await disk.makeDirectory(segmentsDirectory(directory));
    // Each time: who made them may have died before they were durable.
    await disk.syncDirectory(directory);
    return undefined;
  } catch (error) {
    return fromDiskError(error, "the data directory could not be made");
  } finally {
    await syncAncestors(disk, directory);
  }
}

/** Those far above may belong to others, who keep them from being opened: then they have been there for long. */
async function syncAncestors(disk: Disk, directory: string): Promise<void> {
  for (let path = directory; path !== "/"; ) {
    path = path.slice(0, path.lastIndexOf("/")) || "/";
    await disk.syncDirectory(path).catch(ignoreDiskError);
  }
}

/**
 * The index, if need be a new one: whatever is wrong with it, it can be made again from the segments. Rejects with `DiskError` "locked".
 * On a disk that takes no writes it is kept in memory.
 */
async function openIndex(
  options: SegmentStoreOptions,
): Promise<{ readonly store: IndexStore; readonly problem: SegmentError | undefined }> {
  const { stores, disk, directory } = options;
  const path = indexDirectory(directory);
  try {
    const store = await stores.open(path);
    if (await isUsable(store)) return { store, problem: undefined };
    await store.close();
  } catch (error) {
    if (!(error instanceof DiskError) || error.code === "locked") throw error;
  }
  try {
    await disk.removeTree(path);
    return { store: await stores.open(path), problem: undefined };
  } catch (error) {
    if (!(error instanceof DiskError) || error.code === "locked") throw error;
    return {
      store: new MemoryIndexStore(),
      problem: fromDiskError(error, "the chunk index could not be opened"),
    };
  }
}

/** Whether the store is empty, or what recovery needs of it is there and can be read. */
async function isUsable(store: IndexStore): Promise<boolean> {
  try {
    const [first] = await store.page({ gte: "", limit: 1 });
    if (first === undefined) return true;
    const events = { onWriteError: () => undefined, onDamage: () => undefined };
    const { identity, checkpoint } = await new ChunkIndex(store, events).load();
    return identity !== undefined && checkpoint !== undefined;
  } catch (error) {
    ignoreDiskError(error);
    return false;
  }
}

function checkChunk(chunk: ChunkData): void {
  const { blobId, chunkIndex, length, blockChecksums, pieces } = chunk;
  const problem =
    blobId.length !== BLOB_ID_BYTES
      ? `a blob id of ${blobId.length} bytes`
      : !Number.isInteger(chunkIndex) || chunkIndex < 0 || chunkIndex > 0xffff_ffff
        ? `chunk index ${chunkIndex}`
        : !Number.isInteger(length) || length < 1 || length > CHUNK_BYTES
          ? `a length of ${length} bytes`
          : blockChecksums.length !== blockCount(length) * CHECKSUM_BYTES
            ? `${blockChecksums.length} bytes of checksums for ${length} bytes`
            : totalBytes(pieces) !== length
              ? `pieces of ${totalBytes(pieces)} bytes for a length of ${length}`
              : undefined;
  if (problem !== undefined) throw new SegmentError("invalid", `no chunk has ${problem}`);
}

function isSameChunk(checksums: Uint8Array, chunk: ChunkData): boolean {
  return equalBytes(checksums, chunk.blockChecksums);
}

function conflict(chunk: ChunkData): SegmentError {
  return new SegmentError(
    "conflict",
    `another chunk ${chunk.chunkIndex} of blob ${toHex(chunk.blobId)} is stored`,
  );
}
