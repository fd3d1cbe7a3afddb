import { assert, Deferred, toHex } from "../base/index.ts";
import type { Timer, Timers } from "../platform/index.ts";
import { newFigures, type SegmentTable } from "./accounting.ts";
import { type ChunkIndex, MAX_WAITING_CHANGES } from "./chunk-index.ts";
import type { DiskHealth } from "./disk-health.ts";
import type { DiskRoom } from "./disk-room.ts";
import { fromDiskError, SegmentError } from "./errors.ts";
import { entriesOf, type SegmentEntry } from "./footer.ts";
import type { Checkpoint, ChunkRow } from "./index-rows.ts";
import { OpenSegment, type SegmentPlace } from "./open-segment.ts";
import type { ChunkData } from "./ports.ts";
import {
  align,
  chunkRecordBytes,
  encodeRecord,
  FOOTER_ENTRY_BYTES,
  type Kill,
  MAX_KILLS,
  RECORD_ALIGN_BYTES,
  type SegmentRecord,
  tombstoneRecordBytes,
} from "./record.ts";

/** Bytes of one group at most: bounds how long the first of a group waits for the last. */
const MAX_GROUP_BYTES = 32 * 1024 * 1024;
/** An open segment with fewer records is gone on with when the store is opened again, which has to read their headers. */
const SEAL_AT_CLOSE_RECORDS = 256;
/** A segment that is idle while the disk is still busy with its last write is looked at again after this time: not at once, over and over. */
const LEAST_IDLE_LOOK_MS = 100;
const PADDING = new Uint8Array(RECORD_ALIGN_BYTES);

export interface WriterOptions extends SegmentPlace {
  readonly timers: Timers;
  readonly index: ChunkIndex;
  readonly table: SegmentTable;
  readonly health: DiskHealth;
  readonly room: Pick<DiskRoom, "refuseTombstone" | "take">;
  readonly segmentBytes: number;
  readonly idleSealMs: number;
  readonly checkpointBytes: number;
  readonly maxQueuedBytes: number;
  /** Called when segments may have become removable. */
  readonly onSealed: () => void;
}

/** Where recovery has left off. */
export interface WriterStart {
  readonly current: OpenSegment | undefined;
  readonly nextSegmentId: number;
  /** The last checkpoint in the index. */
  readonly checkpointed: Checkpoint;
}

interface ChunkOperation {
  readonly kind: "chunk";
  readonly hex: string;
  readonly chunk: ChunkData;
  readonly done: Deferred<void>;
}

interface UnlinkOperation {
  readonly kind: "unlink";
  readonly hex: string;
  readonly blobId: Uint8Array;
  readonly done: Deferred<void>;
}

interface SealOperation {
  readonly kind: "seal";
  readonly done: Deferred<void>;
}

/** A chunk that goes to another place, if it is still where it was. */
interface MoveOperation {
  readonly kind: "move";
  readonly hex: string;
  readonly chunk: ChunkData;
  readonly from: ChunkRow;
  readonly done: Deferred<void>;
}

type Operation = ChunkOperation | UnlinkOperation | MoveOperation | SealOperation;

/** A record on its way, with what counts once it is durable. */
interface Pending {
  readonly entries: readonly SegmentEntry[];
  /** Resolved with the last record of the operation. */
  readonly done: Deferred<void> | undefined;
  readonly apply: () => void;
}

/** Records that one write and one sync make durable. */
class Group {
  readonly segment: OpenSegment;
  readonly parts: Uint8Array[] = [];
  readonly pending: Pending[] = [];
  /** Blobs with a chunk, and with a tombstone, in this group: the two never meet in one group. */
  readonly chunksOf = new Set<string>();
  /** Blobs with a chunk that was moved: such a chunk is in one group once. */
  readonly movedOf = new Set<string>();
  readonly tombstonesOf = new Set<string>();
  bytes = 0;
  entries = 0;

  constructor(segment: OpenSegment) {
    this.segment = segment;
  }

  /** Where the next record goes. */
  get next(): { readonly position: number; readonly groupStart: number } {
    return { position: this.segment.position + this.bytes, groupStart: this.segment.position };
  }
}

/**
 * The one writer of a store. Operations wait in a queue; a group of them is written and synced at once while the next group gathers. An
 * operation is acknowledged when its group is durable, and counts (index, figures) from that turn on.
 *
 * Ordering: operations take effect in the order in which they came. A tombstone is never in one group with a chunk of its blob, so that
 * what it names as killed was durable before it was written.
 */
export class SegmentWriter {
  readonly #options: WriterOptions;
  readonly #queue: Operation[] = [];
  #queuedBytes = 0;
  /** Appends that have not been acknowledged: a retry joins the first try. An unlink of the blob takes its chunks out. */
  readonly #inFlight = new Map<string, Map<number, ChunkOperation>>();
  /** Blobs with an unlink in the queue. */
  readonly #unlinking = new Map<string, number>();
  #current: OpenSegment | undefined;
  #nextSegmentId: number;
  #running: Promise<void> | undefined;
  #checkpointing: Promise<void> | undefined;
  #bytesSinceCheckpoint = 0;
  #checkpointed: Checkpoint;
  #idleTimer: Timer | undefined;
  #lastWriteMs = 0;
  #closed = false;

  constructor(options: WriterOptions, from: WriterStart) {
    this.#options = options;
    this.#current = from.current;
    this.#nextSegmentId = from.nextSegmentId;
    this.#checkpointed = from.checkpointed;
    this.#lastWriteMs = options.clock.monotonicMs();
    this.#armIdleTimer();
  }

  /** Everything in segments with a smaller id is in the index, durably. */
  get checkpointedSegmentId(): number {
    return this.#checkpointed.segmentId;
  }

  /** Bytes of chunks that have not been acknowledged. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The append of the same chunk that is under way. */
  inFlight(hex: string, chunkIndex: number): ChunkOperation | undefined {
    return this.#inFlight.get(hex)?.get(chunkIndex);
  }

  isUnlinking(hex: string): boolean {
    return this.#unlinking.has(hex);
  }

  /** Resolves when the chunk is durable. Rejects with SegmentError. */
  append(chunk: ChunkData): Promise<void> {
    this.#checkOpen();
    this.#options.health.checkAppend();
    if (this.#queuedBytes + chunk.length > this.#options.maxQueuedBytes) {
      throw new SegmentError("overloaded", `${this.#queuedBytes} bytes wait for the disk`);
    }
    const operation: ChunkOperation = {
      kind: "chunk",
      hex: toHex(chunk.blobId),
      chunk,
      done: new Deferred<void>(),
    };
    let chunks = this.#inFlight.get(operation.hex);
    if (chunks === undefined) {
      chunks = new Map();
      this.#inFlight.set(operation.hex, chunks);
    }
    chunks.set(chunk.chunkIndex, operation);
    this.#queuedBytes += chunk.length;
    return this.#enqueue(operation);
  }

  /** Resolves when the blob's chunks are dead, durably. Rejects with SegmentError. */
  unlink(blobId: Uint8Array): Promise<void> {
    this.#checkOpen();
    this.#options.health.checkUnlink();
    const hex = toHex(blobId);
    this.#inFlight.delete(hex);
    this.#unlinking.set(hex, (this.#unlinking.get(hex) ?? 0) + 1);
    return this.#enqueue({ kind: "unlink", hex, blobId, done: new Deferred<void>() });
  }

  /** Resolves when the chunk is durable at another place, or is not at `from` any more. The bytes must be verified. Rejects with SegmentError. */
  move(hex: string, chunk: ChunkData, from: ChunkRow): Promise<void> {
    this.#checkOpen();
    this.#options.health.checkUnlink();
    return this.#enqueue({ kind: "move", hex, chunk, from, done: new Deferred<void>() });
  }

  /** Writes the footer of the open segment, if it has records. */
  seal(): Promise<void> {
    return this.#enqueue({ kind: "seal", done: new Deferred<void>() });
  }

  /** Lets what is queued end, then writes a checkpoint. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idleTimer?.cancel();
    await this.#running;
    await this.#checkpointing;
    if (this.#options.health.problem === undefined) await this.#settle();
    this.#current?.release();
    this.#current = undefined;
  }

  /** Leaves little to read for the next one who opens the store. */
  async #settle(): Promise<void> {
    try {
      const isLarge = (this.#current?.entries.length ?? 0) >= SEAL_AT_CLOSE_RECORDS;
      if (isLarge) await this.#sealCurrent();
      else await this.checkpoint();
    } catch (error) {
      this.#options.health.degrade(fromDiskError(error, "a segment could not be sealed"));
    }
  }

  /** Makes the index durable up to now. A failure degrades the store. */
  async checkpoint(): Promise<void> {
    while (this.#checkpointing !== undefined) await this.#checkpointing;
    this.#checkpointing = this.#writeCheckpoint();
    await this.#checkpointing;
  }

  async #writeCheckpoint(): Promise<void> {
    const { index, table, health } = this.#options;
    const checkpoint: Checkpoint = {
      nextSegmentId: this.#nextSegmentId,
      segmentId: this.#current?.segmentId ?? this.#nextSegmentId,
      position: this.#current?.position ?? 0,
    };
    const changes = table.takeChanges();
    this.#bytesSinceCheckpoint = 0;
    try {
      if (await index.checkpoint(checkpoint, changes)) this.#checkpointed = checkpoint;
      else table.returnChanges(changes);
    } catch (error) {
      table.returnChanges(changes);
      health.degrade(fromDiskError(error, "the chunk index took no checkpoint"));
    } finally {
      this.#checkpointing = undefined;
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new SegmentError("closed", "the segment store has been closed");
  }

  #enqueue(operation: Operation): Promise<void> {
    this.#queue.push(operation);
    this.#running ??= this.#run();
    return operation.done.promise;
  }

  async #run(): Promise<void> {
    // Lets everything that is appended in this turn into the first group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      try {
        const group = await this.#gather();
        if (group !== undefined) await this.#commit(group);
      } catch (error) {
        this.#refuseQueued(fromDiskError(error, "a segment could not be written"));
      }
    }
    this.#running = undefined;
    this.#armIdleTimer();
  }

  /** Takes operations from the queue until the group is full or the next one must wait for it. */
  async #gather(): Promise<Group | undefined> {
    let group: Group | undefined;
    try {
      for (let operation = this.#queue[0]; operation !== undefined; operation = this.#queue[0]) {
        const added = await this.#add(group, operation);
        if (added === "full") break;
        group = added;
        this.#queue.shift();
        this.#forget(operation);
      }
      return group;
    } catch (error) {
      const failure = fromDiskError(error, "the chunk index could not be read");
      for (const { done } of group?.pending ?? []) done?.reject(failure);
      throw failure;
    }
  }

  /** The group with the operation in it; "full" when it has to wait for the next group. */
  async #add(group: Group | undefined, operation: Operation): Promise<Group | undefined | "full"> {
    switch (operation.kind) {
      case "chunk":
        return this.#addChunk(group, operation);
      case "move":
        return this.#addMove(group, operation);
      case "unlink":
        return this.#addUnlink(group, operation);
      case "seal":
        if (group !== undefined) return "full";
        await this.#sealCurrent();
        operation.done.resolve();
        return undefined;
    }
  }

  async #addChunk(group: Group | undefined, operation: ChunkOperation): Promise<Group | undefined | "full"> {
    const { chunk, hex, done } = operation;
    if (group?.tombstonesOf.has(hex) || group?.movedOf.has(hex)) return "full";
    const row = this.#options.index.get(chunk);
    if (row !== undefined && !row.quarantined) {
      done.resolve();
      return group;
    }
    return this.#addRecord(group, operation, row);
  }

  async #addMove(group: Group | undefined, operation: MoveOperation): Promise<Group | undefined | "full"> {
    const { chunk, hex, from, done } = operation;
    // What is in the group may be the same chunk, which counts only when the group is durable.
    if (group?.tombstonesOf.has(hex) || group?.chunksOf.has(hex)) return "full";
    const row = this.#options.index.get(chunk);
    if (
      row === undefined ||
      row.quarantined ||
      row.segmentId !== from.segmentId ||
      row.position !== from.position
    ) {
      done.resolve();
      return group;
    }
    const target = await this.#addRecord(group, operation, row);
    if (target !== "full") target.movedOf.add(hex);
    return target;
  }

  /** A record of the chunk in the place of the one that `row` points at. */
  async #addRecord(
    group: Group | undefined,
    operation: ChunkOperation | MoveOperation,
    row: ChunkRow | undefined,
  ): Promise<Group | "full"> {
    const { index } = this.#options;
    const { chunk, hex, done } = operation;
    const bytes = chunkRecordBytes(chunk.length);
    const target = await this.#room(group, bytes, 1);
    if (target === "full") return target;
    const { blobId, chunkIndex, length, blockChecksums } = chunk;
    const record: SegmentRecord = {
      kind: "chunk",
      ...target.next,
      blobId,
      chunkIndex,
      length,
      blockChecksums,
      supersedes: row?.segmentId ?? 0,
    };
    const place = { segmentId: target.segment.segmentId, position: record.position, length };
    const apply = (): void => {
      // Whoever told meanwhile that the bytes are others meant those that were moved.
      const quarantined = operation.kind === "move" && index.isQuarantined(chunk);
      index.put(chunk, { ...place, quarantined });
    };
    this.#put(target, record, { pieces: chunk.pieces, done, apply });
    target.chunksOf.add(hex);
    return target;
  }

  async #addUnlink(
    group: Group | undefined,
    operation: UnlinkOperation,
  ): Promise<Group | undefined | "full"> {
    const { index, room } = this.#options;
    const { blobId, hex, done } = operation;
    if (group?.chunksOf.has(hex) || group?.tombstonesOf.has(hex)) return "full";
    const rows = await index.rowsOf(blobId);
    if (rows.size === 0) {
      done.resolve();
      return group;
    }
    const kills = killsOf(rows);
    const lists = Array.from({ length: Math.ceil(kills.length / MAX_KILLS) }, (_, i) =>
      kills.slice(i * MAX_KILLS, (i + 1) * MAX_KILLS),
    );
    const bytes = lists.reduce((sum, list) => sum + tombstoneRecordBytes(list.length), 0);
    const takenBytes = bytes + kills.length * FOOTER_ENTRY_BYTES;
    const refusal = await room.refuseTombstone(takenBytes);
    if (refusal !== undefined) {
      done.reject(refusal);
      return group;
    }
    const target = await this.#room(group, bytes, kills.length);
    if (target === "full") return target;
    // Not before: an operation that waits for the next group comes here again.
    room.take(takenBytes);
    const forget = (): void => {
      for (const chunkIndex of rows.keys()) index.delete({ blobId, chunkIndex });
    };
    lists.forEach((list, i) => {
      const last = i === lists.length - 1;
      const record: SegmentRecord = { kind: "tombstone", ...target.next, blobId, kills: list };
      this.#put(target, record, last ? { done, apply: forget } : { apply: () => undefined });
    });
    target.tombstonesOf.add(hex);
    return target;
  }

  /** A group with room for so much: the one at hand, or a new one when there is none. */
  async #room(group: Group | undefined, bytes: number, entries: number): Promise<Group | "full"> {
    const { segmentBytes, index } = this.#options;
    if (group !== undefined) {
      const isSmall = group.bytes + bytes <= MAX_GROUP_BYTES;
      const fits = group.segment.fits(group.bytes + bytes, group.entries + entries, segmentBytes);
      return isSmall && fits ? group : "full";
    }
    if (index.waitingChanges > MAX_WAITING_CHANGES) await index.flush();
    const current = this.#current;
    if (current !== undefined && !current.usable) this.#abandonCurrent();
    // An empty segment takes anything, or a chunk larger than a segment would never find a place.
    else if (current?.isEmpty === false && !current.fits(bytes, entries, segmentBytes))
      await this.#sealCurrent();
    this.#current ??= await this.#createSegment();
    return new Group(this.#current);
  }

  #put(
    group: Group,
    record: SegmentRecord,
    what: { pieces?: readonly Uint8Array[]; done?: Deferred<void>; apply: () => void },
  ): void {
    const header = encodeRecord(this.#options.hasher, group.segment.salt, record);
    const dataBytes = record.kind === "chunk" ? record.length : 0;
    group.parts.push(header, ...(what.pieces ?? []));
    const padding = align(dataBytes) - dataBytes;
    if (padding > 0) group.parts.push(PADDING.subarray(0, padding));
    group.bytes += header.length + align(dataBytes);
    const entries = entriesOf(record);
    group.entries += entries.length;
    group.pending.push({ entries, done: what.done, apply: what.apply });
  }

  async #commit(group: Group): Promise<void> {
    const { index, table } = this.#options;
    const { segment } = group;
    try {
      await segment.append(group.parts);
    } catch (error) {
      const failure = fromDiskError(error, "a segment could not be written");
      for (const { done } of group.pending) done?.reject(failure);
      throw failure;
    }
    segment.advance(
      group.bytes,
      group.pending.flatMap((record) => record.entries),
    );
    for (const { entries, apply, done } of group.pending) {
      for (const entry of entries) table.apply(segment.segmentId, entry);
      apply();
      done?.resolve();
    }
    this.#lastWriteMs = this.#options.clock.monotonicMs();
    this.#bytesSinceCheckpoint += group.bytes;
    index.flushSoon();
    if (this.#bytesSinceCheckpoint >= this.#options.checkpointBytes && this.#checkpointing === undefined) {
      this.#checkpointing = this.#writeCheckpoint();
    }
  }

  async #createSegment(): Promise<OpenSegment> {
    const segmentId = this.#nextSegmentId;
    // Not reused after a failure: whatever is left of the file keeps its name.
    this.#nextSegmentId += 1;
    const segment = await OpenSegment.create(this.#options, segmentId);
    this.#options.table.add(newFigures(segmentId, segment.salt, "open", 0));
    return segment;
  }

  async #sealCurrent(): Promise<void> {
    const current = this.#current;
    if (current === undefined || current.isEmpty) return;
    if (!current.usable) return this.#abandonCurrent();
    await current.seal();
    this.#options.table.setState(current.segmentId, "sealed", current.position);
    current.release();
    this.#current = undefined;
    await this.checkpoint();
    this.#options.onSealed();
  }

  #abandonCurrent(): void {
    const current = this.#current;
    assert(current !== undefined, "there is a segment to abandon");
    this.#options.table.setState(current.segmentId, "abandoned", current.position);
    current.release();
    this.#current = undefined;
  }

  /** A disk that failed once would fail for all that wait: they are told at once. */
  #refuseQueued(failure: SegmentError): void {
    this.#options.health.degrade(failure);
    for (const operation of this.#queue.splice(0)) {
      this.#forget(operation);
      operation.done.reject(failure);
    }
  }

  /** The operation has left the queue; what later calls have to know about it is dropped when it is settled. */
  #forget(operation: Operation): void {
    if (operation.kind === "seal" || operation.kind === "move") return;
    const settled = (): void => this.#settled(operation);
    operation.done.promise.then(settled, settled);
  }

  #settled(operation: ChunkOperation | UnlinkOperation): void {
    const { hex } = operation;
    if (operation.kind === "unlink") {
      const count = this.#unlinking.get(hex) ?? 0;
      if (count > 1) this.#unlinking.set(hex, count - 1);
      else this.#unlinking.delete(hex);
      return;
    }
    this.#queuedBytes -= operation.chunk.length;
    const chunks = this.#inFlight.get(hex);
    if (chunks?.get(operation.chunk.chunkIndex) !== operation) return;
    chunks.delete(operation.chunk.chunkIndex);
    if (chunks.size === 0) this.#inFlight.delete(hex);
  }

  #armIdleTimer(): void {
    const { timers, clock, idleSealMs } = this.#options;
    if (this.#closed || this.#idleTimer !== undefined) return;
    if (this.#current === undefined || this.#current.isEmpty) return;
    const leftMs = this.#lastWriteMs + idleSealMs - clock.monotonicMs();
    this.#idleTimer = timers.after(Math.max(LEAST_IDLE_LOOK_MS, leftMs), () => {
      this.#idleTimer = undefined;
      if (this.#closed) return;
      const idleMs = clock.monotonicMs() - this.#lastWriteMs;
      if (idleMs < idleSealMs || this.#running !== undefined) return this.#armIdleTimer();
      if (this.#options.health.problem !== undefined) return;
      // A failure degrades the store, which tells everyone who wants to know.
      this.seal().catch(() => undefined);
    });
  }
}

function killsOf(rows: ReadonlyMap<number, ChunkRow>): Kill[] {
  const kills = new Map<number, { chunks: number; bytes: number }>();
  for (const { segmentId, length } of rows.values()) {
    const kill = kills.get(segmentId) ?? { chunks: 0, bytes: 0 };
    kill.chunks += 1;
    kill.bytes += length;
    kills.set(segmentId, kill);
  }
  return [...kills].sort(([a], [b]) => a - b).map(([segmentId, kill]) => ({ segmentId, ...kill }));
}
