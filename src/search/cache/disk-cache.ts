/**
 * Blocks of blobs on the disk of this node, within two budgets: one for what is pinned, one for the rest. It lies in slabs of equal slots; what goes
 * first is decided by `Sieve`. Every block is sealed to its name (AES-256-GCM in production): what does not open is not served but forgotten, and read
 * again from the store. So nothing is synced, and no crash, torn write or other program can put a wrong byte into an answer. docs/internals/search-engine.md.
 */

import { toHex } from "../../base/index.ts";
import { type Disk, DiskError } from "../../platform/index.ts";
import type { Checksum } from "../batch/batch-file.ts";
import { Sieve } from "./sieve.ts";
import { removeFile, Slab } from "./slab.ts";
import { type SlabShape, tableBytes } from "./slab-format.ts";

const SLAB_SLOTS = 1024;
/** Blocks that wait to be written; what comes while so many do is not kept. */
const MAX_WAITING = 128;
const SLAB_NAME = /^slab-(\d{6})$/;

/** Seals blocks to their names. */
export interface BlockSeal {
  /** Bytes that a block grows by. */
  readonly overheadBytes: number;
  seal(block: Uint8Array, name: string): Uint8Array;
  /** Undefined: it is not what was sealed under this name. */
  open(sealed: Uint8Array, name: string): Uint8Array | undefined;
}

export interface DiskCacheOptions {
  readonly disk: Disk;
  /** Absolute; its own. Made when it is not there. */
  readonly directory: string;
  /** Bytes on disk for blocks of blobs that are not pinned. */
  readonly budgetBytes: number;
  /** Bytes on disk for blocks of pinned blobs; what is beyond counts to the rest. */
  readonly pinnedBytes: number;
  /** Greatest block. */
  readonly blockBytes: number;
  readonly slabSlots?: number;
  readonly seal: BlockSeal;
  readonly checksum: Checksum;
}

export interface DiskCacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Blocks that did not open, slabs that were none, and calls of the disk that failed. */
  readonly failures: number;
  readonly bytes: number;
  readonly pinnedBytes: number;
}

interface Slot {
  readonly blob: string;
  readonly block: number;
  readonly sealedBytes: number;
}

export class DiskCache {
  readonly #options: DiskCacheOptions;
  readonly #shape: SlabShape;
  readonly #slabs = new Map<number, Promise<Slab>>();
  readonly #slots: (Slot | undefined)[];
  readonly #free: number[] = [];
  /** Slots by blob and block. */
  readonly #blobs = new Map<string, Map<number, number>>();
  readonly #ordinary: Sieve;
  readonly #ordinarySlots: number;
  readonly #pinned = new Set<number>();
  readonly #pinnedSlots: number;
  #pinnedBlobs: ReadonlySet<string> = new Set();
  readonly #writes = new Set<Promise<void>>();
  /** Slots that are being written: their blocks are not there yet. */
  readonly #unwritten = new Set<number>();
  #isClosed = false;
  #counters = { hits: 0, misses: 0, evictions: 0, failures: 0 };

  private constructor(options: DiskCacheOptions) {
    this.#options = options;
    const slots = options.slabSlots ?? SLAB_SLOTS;
    this.#shape = { slots, slotBytes: options.blockBytes + options.seal.overheadBytes };
    this.#ordinarySlots = slotsWithin(options.budgetBytes, this.#shape);
    this.#pinnedSlots = slotsWithin(options.pinnedBytes, this.#shape);
    const total = this.#ordinarySlots + this.#pinnedSlots;
    this.#ordinary = new Sieve(total);
    this.#slots = new Array<Slot | undefined>(total).fill(undefined);
  }

  /** With what an earlier run has left. Rejects with DiskError when the directory cannot be used; a slab that cannot be read is removed. */
  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    const cache = new DiskCache(options);
    await cache.#load();
    return cache;
  }

  /** A block as it was put; undefined: it is not here. */
  async get(blobId: Uint8Array, block: number): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined;
    const blob = toHex(blobId);
    const at = this.#blobs.get(blob)?.get(block);
    const slot = at === undefined ? undefined : this.#slots[at];
    if (at === undefined || slot === undefined || this.#unwritten.has(at)) {
      this.#counters.misses++;
      return undefined;
    }
    this.#ordinary.use(at);
    const opened = await this.#read(at, slot);
    if (opened !== undefined) {
      this.#counters.hits++;
      return opened;
    }
    this.#counters.misses++;
    // The slot may have been given to another block while it was read.
    if (this.#slots[at] === slot) await this.#discard(at);
    return undefined;
  }

  /** Keeps a block, soon: it is written behind the caller's back. One that is there, or for which there is no time or place, is not kept. */
  put(blobId: Uint8Array, block: number, bytes: Uint8Array): void {
    const blob = toHex(blobId);
    const isBusy = this.#isClosed || this.#writes.size >= MAX_WAITING;
    if (isBusy || this.#blobs.get(blob)?.has(block) === true) return;
    const at = this.#take(this.#pinnedBlobs.has(blob));
    if (at === undefined) return;
    const sealed = this.#options.seal.seal(bytes, nameOf(blob, block));
    this.#own(at, { blob, block, sealedBytes: sealed.length });
    this.#unwritten.add(at);
    const write = this.#write(at, { blobId, block }, sealed).finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Resolves when what was put is written, or failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  has(blobId: Uint8Array, block: number): boolean {
    return this.#blobs.get(toHex(blobId))?.has(block) === true;
  }

  /** Whether blocks of pinned blobs find a place in the budget of pins. */
  get hasRoomForPins(): boolean {
    return this.#pinned.size < this.#pinnedSlots;
  }

  /** From now on these blobs are pinned, and no others: their blocks, those that are here and those to come, are not evicted. */
  pin(blobIds: Iterable<Uint8Array>): void {
    const wanted = new Set([...blobIds].map(toHex));
    for (const blob of this.#pinnedBlobs) if (!wanted.has(blob)) this.#unpin(blob);
    this.#pinnedBlobs = wanted;
    for (const blob of wanted) {
      for (const at of this.#blobs.get(blob)?.values() ?? []) {
        if (this.#pinned.size >= this.#pinnedSlots || this.#pinned.has(at)) continue;
        this.#ordinary.remove(at);
        this.#pinned.add(at);
      }
    }
    // After a start everything is among the rest.
    while (this.#ordinary.size > this.#ordinarySlots) this.#evict();
  }

  counters(): DiskCacheCounters {
    const { slotBytes } = this.#shape;
    return {
      ...this.#counters,
      bytes: this.#ordinary.size * slotBytes,
      pinnedBytes: this.#pinned.size * slotBytes,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.settled();
    for (const slab of this.#slabs.values()) await slab.then((open) => open.close()).catch(() => undefined);
    this.#slabs.clear();
  }

  // Slots

  #own(at: number, slot: Slot): void {
    this.#slots[at] = slot;
    let blocks = this.#blobs.get(slot.blob);
    if (blocks === undefined) {
      blocks = new Map();
      this.#blobs.set(slot.blob, blocks);
    }
    blocks.set(slot.block, at);
    if (this.#pinnedBlobs.has(slot.blob) && this.#pinned.size < this.#pinnedSlots) this.#pinned.add(at);
    else this.#ordinary.add(at);
  }

  /** A slot that nobody owns. */
  #take(isPinned: boolean): number | undefined {
    const isBeyond = !isPinned || this.#pinned.size >= this.#pinnedSlots;
    if (isBeyond && this.#ordinary.size >= this.#ordinarySlots && !this.#evict()) return undefined;
    return this.#free.pop();
  }

  #evict(): boolean {
    const at = this.#ordinary.evict();
    if (at === undefined) return false;
    this.#counters.evictions++;
    this.#forget(at);
    return true;
  }

  #unpin(blob: string): void {
    for (const at of [...(this.#blobs.get(blob)?.values() ?? [])]) {
      if (!this.#pinned.delete(at)) continue;
      this.#ordinary.add(at);
    }
  }

  /** Nobody owns the slot any more. One that is being written becomes free when that has ended. */
  #forget(at: number): void {
    const slot = this.#slots[at];
    if (slot === undefined) return;
    this.#slots[at] = undefined;
    const blocks = this.#blobs.get(slot.blob);
    blocks?.delete(slot.block);
    if (blocks?.size === 0) this.#blobs.delete(slot.blob);
    if (this.#ordinary.has(at)) this.#ordinary.remove(at);
    this.#pinned.delete(at);
    if (!this.#unwritten.has(at)) this.#free.push(at);
  }

  // Files

  #pathOf(slab: number): string {
    return `${this.#options.directory}/slab-${String(slab).padStart(6, "0")}`;
  }

  #slabOf(at: number): Promise<Slab> {
    const { disk, checksum } = this.#options;
    const number = Math.floor(at / this.#shape.slots);
    let slab = this.#slabs.get(number);
    if (slab === undefined) {
      slab = Slab.create(disk, this.#pathOf(number), this.#shape, checksum);
      this.#slabs.set(number, slab);
      slab.catch(() => this.#slabs.delete(number));
    }
    return slab;
  }

  async #read(at: number, { blob, block, sealedBytes }: Slot): Promise<Uint8Array | undefined> {
    try {
      const slab = await this.#slabOf(at);
      const sealed = await slab.read(at % this.#shape.slots, sealedBytes);
      return this.#options.seal.open(sealed, nameOf(blob, block));
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
  }

  async #write(
    at: number,
    name: { readonly blobId: Uint8Array; readonly block: number },
    sealed: Uint8Array,
  ): Promise<void> {
    try {
      const slab = await this.#slabOf(at);
      await slab.write(at % this.#shape.slots, name, sealed);
      this.#unwritten.delete(at);
    } catch (error) {
      this.#unwritten.delete(at);
      if (!(error instanceof DiskError)) throw error;
      this.#counters.failures++;
      if (this.#slots[at] !== undefined) return this.#forget(at);
    }
    // It was evicted meanwhile.
    if (this.#slots[at] === undefined) this.#free.push(at);
  }

  /** What lies in the slot is not what it should be. */
  async #discard(at: number): Promise<void> {
    this.#counters.failures++;
    this.#forget(at);
    try {
      const slab = await this.#slabOf(at);
      await slab.erase(at % this.#shape.slots);
    } catch (error) {
      // What could not be erased does not open after the next start either.
      if (!(error instanceof DiskError)) throw error;
    }
  }

  async #load(): Promise<void> {
    const { disk, directory } = this.#options;
    await disk.makeDirectory(directory);
    for (const { name, kind } of await disk.list(directory)) {
      const match = SLAB_NAME.exec(name);
      if (match === null || kind !== "file") continue;
      const number = Number(match[1]);
      const first = number * this.#shape.slots;
      if (first >= this.#slots.length || !(await this.#loadSlab(number))) {
        await removeFile(disk, `${directory}/${name}`);
      }
    }
    for (let at = this.#slots.length - 1; at >= 0; at--)
      if (this.#slots[at] === undefined) this.#free.push(at);
  }

  async #loadSlab(number: number): Promise<boolean> {
    const { disk, checksum } = this.#options;
    const { slots } = this.#shape;
    const opened = await Slab.open(disk, this.#pathOf(number), this.#shape, checksum).catch(ifDiskError);
    if (opened === undefined) {
      this.#counters.failures++;
      return false;
    }
    this.#slabs.set(number, Promise.resolve(opened.slab));
    await opened.slab.cut(Math.min(slots, this.#slots.length - number * slots));
    for (const [slot, entry] of opened.entries.entries()) {
      const at = number * slots + slot;
      if (entry === undefined || at >= this.#slots.length) continue;
      const blob = toHex(entry.blobId);
      const isKnown = this.#blobs.get(blob)?.has(entry.block) === true;
      // What is pinned is not known yet; pins are taken out of this as soon as they are.
      if (!isKnown && this.#ordinary.size < this.#ordinarySlots + this.#pinnedSlots) {
        this.#own(at, { blob, block: entry.block, sealedBytes: entry.sealedBytes });
      }
    }
    return true;
  }
}

function ifDiskError(error: unknown): undefined {
  if (!(error instanceof DiskError)) throw error;
  return undefined;
}

function nameOf(blob: string, block: number): string {
  return `search-cache/${blob}/${block}`;
}

/** So many that, with heads and tables, they are within the budget. */
function slotsWithin(budgetBytes: number, { slots, slotBytes }: SlabShape): number {
  const slabBytes = tableBytes(slots) + slots * slotBytes;
  const whole = Math.floor(budgetBytes / slabBytes);
  const left = budgetBytes - whole * slabBytes - tableBytes(slots);
  return whole * slots + Math.max(0, Math.floor(left / slotBytes));
}
