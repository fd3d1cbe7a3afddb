import { Mutex } from "../base/index.ts";
import { DiskError, type OrderedStore, type StoreChange, type StoreRow } from "../platform/index.ts";
import type { SegmentChange, SegmentFigures } from "./accounting.ts";
import { ignoreDiskError } from "./errors.ts";
import type { SegmentIdentity } from "./header.ts";
import {
  addressOf,
  blobRows,
  CHECKPOINT_KEY,
  CHUNK_ROWS,
  type Checkpoint,
  type ChunkRow,
  chunkKey,
  decodeCheckpoint,
  decodeChunkRow,
  decodeIdentity,
  decodeSegmentRow,
  encodeCheckpoint,
  encodeChunkRow,
  encodeIdentity,
  encodeSegmentRow,
  hexOf,
  IDENTITY_KEY,
  SEGMENT_ROWS,
  SYNC_KEY,
  segmentKey,
} from "./index-rows.ts";
import { MemoryIndexStore } from "./memory-index-store.ts";
import type { ChunkAddress } from "./ports.ts";

/** Changes in one write to the store: bounds how long a write holds up the ones behind it. */
const MAX_CHANGES_PER_WRITE = 4096;
/** Changes that may wait for the store before appends have to wait for it. */
export const MAX_WAITING_CHANGES = 65_536;
/** Rows that are read at a time. */
const PAGE_ROWS = 1000;

/** The part of an `OrderedStore` that the index needs. */
export type IndexStore = Pick<OrderedStore, "get" | "getMany" | "page" | "write" | "clear" | "close">;

export interface IndexEvents {
  /** The store refused a write and takes no more until it is opened again; the changes stay here. Told once. */
  readonly onWriteError: (error: DiskError) => void;
  /** The store could not read a row, or refused a write because it found damage; told once. */
  readonly onDamage: () => void;
}

export interface IndexContents {
  readonly identity: SegmentIdentity | undefined;
  readonly checkpoint: Checkpoint | undefined;
  readonly segments: readonly SegmentFigures[];
}

/**
 * Where each chunk lies. A change counts at once and reaches the store behind the caller's back, without sync: what a crash loses of it is
 * made again from the segments, from the last checkpoint on. A checkpoint is written only when everything before it is durable.
 *
 * Once the store has refused a write nothing is written to it any more: reads go on, changes gather in memory, and whoever owns the index has to open it again.
 */
export class ChunkIndex {
  /** What was given, to be closed in the end. */
  readonly #opened: IndexStore;
  #store: IndexStore;
  readonly #events: IndexEvents;
  /** Not yet in the store: blob id -> chunk index -> row, null for a deletion. */
  readonly #waiting = new Map<string, Map<number, ChunkRow | null>>();
  readonly #writing = new Mutex();
  #waitingChanges = 0;
  /** Why the store refused a write. */
  #refusal: DiskError | undefined;
  #flushing: Promise<void> | undefined;
  /** Set when a row could not be read: the index is made again when the store is opened the next time. */
  #distrusting: Promise<void> | undefined;

  constructor(store: IndexStore, events: IndexEvents) {
    this.#opened = store;
    this.#store = store;
    this.#events = events;
  }

  /** What the store knew when it was opened. */
  async load(): Promise<IndexContents> {
    const identity = this.#store.get(IDENTITY_KEY);
    const checkpoint = this.#store.get(CHECKPOINT_KEY);
    const segments: SegmentFigures[] = [];
    for await (const row of this.#rows(SEGMENT_ROWS)) {
      const figures = decodeSegmentRow(row.key, row.value);
      if (figures === undefined) return { identity: undefined, checkpoint: undefined, segments: [] };
      segments.push(figures);
    }
    return {
      identity: identity === undefined ? undefined : decodeIdentity(identity),
      checkpoint: checkpoint === undefined ? undefined : decodeCheckpoint(checkpoint),
      segments,
    };
  }

  /** Forgets everything and notes whose index this is. Rejects with `DiskError`; then it is empty all the same, and kept in memory. */
  async reset(identity: SegmentIdentity): Promise<void> {
    this.#waiting.clear();
    this.#waitingChanges = 0;
    try {
      await this.#write([{ kind: "delete", key: CHECKPOINT_KEY }], { sync: true });
      await this.#change(() => this.#store.clear(CHUNK_ROWS));
      await this.#change(() => this.#store.clear(SEGMENT_ROWS));
      await this.#write([{ kind: "put", key: IDENTITY_KEY, value: encodeIdentity(identity) }], {
        sync: true,
      });
    } catch (error) {
      this.#store = new MemoryIndexStore();
      this.#refusal = undefined;
      throw error;
    }
  }

  get(address: ChunkAddress): ChunkRow | undefined {
    const hex = hexOf(address);
    const waiting = this.#waiting.get(hex)?.get(address.chunkIndex);
    if (waiting !== undefined) return waiting ?? undefined;
    try {
      const bytes = this.#store.get(chunkKey(hex, address.chunkIndex));
      return bytes === undefined ? undefined : decodeChunkRow(bytes);
    } catch (error) {
      throw this.#distrust(error);
    }
  }

  /** False also when the row cannot be read, which is noted. */
  isQuarantined(address: ChunkAddress): boolean {
    try {
      return this.get(address)?.quarantined === true;
    } catch (error) {
      ignoreDiskError(error);
      return false;
    }
  }

  /** The rows of many chunks at a time: for scans, which must not hold the thread. */
  async getMany(addresses: readonly ChunkAddress[]): Promise<readonly (ChunkRow | undefined)[]> {
    const waiting = addresses.map((address) => this.#waiting.get(hexOf(address))?.get(address.chunkIndex));
    const keys = addresses.map((address) => chunkKey(hexOf(address), address.chunkIndex));
    const stored = await this.#store
      .getMany(keys)
      .catch((error: unknown) => Promise.reject(this.#distrust(error)));
    return addresses.map((_, i) => {
      const row = waiting[i];
      if (row !== undefined) return row ?? undefined;
      const bytes = stored[i];
      return bytes === undefined ? undefined : decodeChunkRow(bytes);
    });
  }

  /** All chunks of a blob, in no particular order. The caller must be the only one that changes them. */
  async rowsOf(blobId: Uint8Array): Promise<Map<number, ChunkRow>> {
    const hex = hexOf({ blobId, chunkIndex: 0 });
    // Taken before the store is read: what a flush moves there meanwhile would otherwise be seen in neither.
    const waiting = [...(this.#waiting.get(hex) ?? [])];
    const rows = new Map<number, ChunkRow>();
    for await (const stored of this.#rows(blobRows(hex))) {
      const row = decodeChunkRow(stored.value);
      if (row !== undefined) rows.set(addressOf(stored.key).chunkIndex, row);
    }
    for (const [chunkIndex, row] of waiting) {
      if (row === null) rows.delete(chunkIndex);
      else rows.set(chunkIndex, row);
    }
    return rows;
  }

  put(address: ChunkAddress, row: ChunkRow): void {
    this.#note(address, row);
  }

  delete(address: ChunkAddress): void {
    this.#note(address, null);
  }

  get waitingChanges(): number {
    return this.#waitingChanges;
  }

  /** False once the store has refused a write. */
  get takesWrites(): boolean {
    return this.#refusal === undefined;
  }

  /** The store takes no writes because it has found damage, as it will again: only another one helps. */
  get isDamaged(): boolean {
    return this.#refusal?.code === "damaged";
  }

  /** All chunks in order of address, as of now. Rejects with `DiskError`, also when changes wait that the store does not take. */
  async *all(): AsyncIterable<ChunkAddress & ChunkRow> {
    await this.flush();
    for await (const stored of this.#rows(CHUNK_ROWS)) {
      const row = decodeChunkRow(stored.value);
      if (row !== undefined) yield { ...addressOf(stored.key), ...row };
    }
  }

  /** Begins to move changes to the store, unless that is going on already. Failures are told to `onWriteError`. */
  flushSoon(): void {
    if (this.#flushing !== undefined || this.#waitingChanges === 0 || !this.takesWrites) return;
    this.#flushing = this.#flushBehind();
  }

  async #flushBehind(): Promise<void> {
    try {
      while (this.#waitingChanges > 0) await this.flush();
    } catch (error) {
      ignoreDiskError(error);
    } finally {
      this.#flushing = undefined;
    }
  }

  /** Resolves when the changes made before the call are in the store; rejects with `DiskError`. */
  async flush(): Promise<void> {
    await this.#writing.run(() => this.#writeWaiting());
  }

  /**
   * Makes everything up to now durable, then says so. `changes` are the figures as of `checkpoint`. False when the index is damaged and
   * is to be made again: then there is no checkpoint any more. Rejects with `DiskError`; the checkpoint before then stays.
   */
  async checkpoint(checkpoint: Checkpoint, changes: readonly SegmentChange[]): Promise<boolean> {
    return this.#writing.run(async () => {
      await this.#writeWaiting();
      if (this.#distrusting !== undefined) return false;
      // Two writes: a store that lost part of its log in a crash may keep a later write and lose an earlier one that was not synced.
      await this.#write([{ kind: "put", key: SYNC_KEY, value: new Uint8Array(1) }], { sync: true });
      const rows = changes.map(({ segmentId, figures }): StoreChange => {
        const key = segmentKey(segmentId);
        return figures === undefined
          ? { kind: "delete", key }
          : { kind: "put", key, value: encodeSegmentRow(figures) };
      });
      const mark: StoreChange = { kind: "put", key: CHECKPOINT_KEY, value: encodeCheckpoint(checkpoint) };
      // Durable too, because segments that lie before it may now be removed.
      await this.#write([...rows, mark], { sync: true });
      return true;
    });
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#distrusting;
    await this.#writing.run(() => this.#opened.close());
  }

  /** Takes the checkpoint away, so that nobody believes the index the next time. Gives back the error. */
  #distrust(error: unknown): unknown {
    if (!(error instanceof DiskError) || this.#distrusting !== undefined) return error;
    this.#distrusting = this.#writing
      .run(() => this.#write([{ kind: "delete", key: CHECKPOINT_KEY }], { sync: true }))
      // Who owns the index has been told, and opens it again.
      .catch(ignoreDiskError);
    this.#events.onDamage();
    return error;
  }

  #note(address: ChunkAddress, row: ChunkRow | null): void {
    const hex = hexOf(address);
    let chunks = this.#waiting.get(hex);
    if (chunks === undefined) {
      chunks = new Map();
      this.#waiting.set(hex, chunks);
    }
    if (!chunks.has(address.chunkIndex)) this.#waitingChanges += 1;
    chunks.set(address.chunkIndex, row);
  }

  /** Every change of the store comes by here. */
  async #change(action: () => Promise<void>): Promise<void> {
    this.#refuseAfterRefusal();
    try {
      await action();
    } catch (error) {
      if (error instanceof DiskError && this.#refusal === undefined) {
        this.#refusal = error;
        this.#events.onWriteError(error);
        if (this.isDamaged && this.#distrusting === undefined) this.#events.onDamage();
      }
      throw error;
    }
  }

  #write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void> {
    return this.#change(() => this.#store.write(changes, options));
  }

  #refuseAfterRefusal(): void {
    if (this.#refusal === undefined) return;
    const { code, path, message } = this.#refusal;
    throw new DiskError(code, path, message, { cause: this.#refusal });
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waitingChanges > 0) {
      // Before thousands of rows are encoded in vain.
      this.#refuseAfterRefusal();
      const taken = this.#take();
      await this.#write(
        taken.map(({ hex, chunkIndex, row }): StoreChange => {
          const key = chunkKey(hex, chunkIndex);
          return row === null ? { kind: "delete", key } : { kind: "put", key, value: encodeChunkRow(row) };
        }),
      );
      for (const { hex, chunkIndex, row } of taken) this.#settle(hex, chunkIndex, row);
    }
  }

  #take(): { readonly hex: string; readonly chunkIndex: number; readonly row: ChunkRow | null }[] {
    const taken = [];
    for (const [hex, chunks] of this.#waiting) {
      for (const [chunkIndex, row] of chunks) {
        taken.push({ hex, chunkIndex, row });
        if (taken.length === MAX_CHANGES_PER_WRITE) return taken;
      }
    }
    return taken;
  }

  /** A change that was written no longer waits, unless there is a newer one. */
  #settle(hex: string, chunkIndex: number, written: ChunkRow | null): void {
    const chunks = this.#waiting.get(hex);
    if (chunks === undefined || chunks.get(chunkIndex) !== written) return;
    chunks.delete(chunkIndex);
    this.#waitingChanges -= 1;
    if (chunks.size === 0) this.#waiting.delete(hex);
  }

  async *#rows(range: { readonly gte: string; readonly lt: string }): AsyncGenerator<StoreRow> {
    let from: { readonly gte: string } | { readonly gt: string } = { gte: range.gte };
    for (;;) {
      const page: readonly StoreRow[] = await this.#store
        .page({ ...from, lt: range.lt, limit: PAGE_ROWS })
        .catch((error: unknown) => Promise.reject(this.#distrust(error)));
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) return;
      from = { gt: last.key };
    }
  }
}
