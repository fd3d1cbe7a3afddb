import { type Disk, DiskError, type DiskFile } from "../../platform/index.ts";
import type { Checksum } from "../batch/batch-file.ts";
import {
  decodeTable,
  ENTRY_BYTES,
  encodeEntry,
  encodeHead,
  entryOffset,
  type SlabEntry,
  type SlabShape,
  slotOffset,
  tableBytes,
} from "./slab-format.ts";

/** One file of the disk cache. Nothing in it is ever synced: what a crash takes is read again from where it came. Rejects with DiskError. */
export class Slab {
  readonly #file: DiskFile;
  readonly #shape: SlabShape;
  readonly #checksum: Checksum;

  private constructor(file: DiskFile, shape: SlabShape, checksum: Checksum) {
    this.#file = file;
    this.#shape = shape;
    this.#checksum = checksum;
  }

  static async create(disk: Disk, path: string, shape: SlabShape, checksum: Checksum): Promise<Slab> {
    if (await disk.exists(path)) await disk.remove(path);
    const file = await disk.open(path, "create");
    try {
      await file.write(0, [encodeHead(shape, checksum)]);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Slab(file, shape, checksum);
  }

  /** What was left by an earlier run, and what its slots hold; undefined: it is no slab of this shape. */
  static async open(
    disk: Disk,
    path: string,
    shape: SlabShape,
    checksum: Checksum,
  ): Promise<{ readonly slab: Slab; readonly entries: readonly (SlabEntry | undefined)[] } | undefined> {
    const file = await disk.open(path, "read-write");
    try {
      const bytes = new Uint8Array(tableBytes(shape.slots));
      const length = await file.read(0, bytes);
      const entries = decodeTable(bytes.subarray(0, length), shape, checksum);
      if (entries !== undefined) return { slab: new Slab(file, shape, checksum), entries };
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  /** The sealed bytes of a slot; fewer when the file ends before. */
  async read(slot: number, sealedBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(sealedBytes);
    const length = await this.#file.read(slotOffset(this.#shape, slot), bytes);
    return bytes.subarray(0, length);
  }

  async write(slot: number, name: Pick<SlabEntry, "blobId" | "block">, sealed: Uint8Array): Promise<void> {
    await this.#file.write(slotOffset(this.#shape, slot), [sealed]);
    const entry = encodeEntry({ ...name, sealedBytes: sealed.length }, this.#checksum);
    await this.#file.write(entryOffset(slot), [entry]);
  }

  async erase(slot: number): Promise<void> {
    await this.#file.write(entryOffset(slot), [new Uint8Array(ENTRY_BYTES)]);
  }

  /** Cuts off all slots from this one on. */
  async cut(slots: number): Promise<void> {
    const sizeBytes = await this.#file.sizeBytes();
    const kept = slotOffset(this.#shape, slots);
    if (sizeBytes > kept) await this.#file.truncate(kept);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Of a file that is in the way or damaged. One that is gone is fine. */
export async function removeFile(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== "not-found") throw error;
  }
}
