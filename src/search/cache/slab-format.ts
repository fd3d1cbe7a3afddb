/**
 * The head and the table of a slab: a file of the disk cache. Little-endian.
 *
 *   offset          bytes
 *   0               8        magic "SKYCACHE"
 *   8               2        format version, 1
 *   10              2        0
 *   12              4        slots of the file
 *   16              4        bytes of a slot
 *   20              4        CRC32C of 0 to 19
 *   24              8        0
 *   32              32 n     table, an entry for each slot:
 *                            16   blob id
 *                            4    block: which part of the blob
 *                            4    bytes in the slot
 *                            4    0
 *                            4    CRC32C of the 28 before
 *   32 + 32 n       ...      slots: a sealed block at the beginning of each
 *
 * An entry with another checksum is a free slot; so is one of zeroes. An entry lies within one sector of 512 bytes, so that it is written whole or not at
 * all. It may be newer or older than what lies in its slot: the block is sealed to its name, and what does not open under the entry's name is not there.
 */

import { assert } from "../../base/index.ts";
import type { Checksum } from "../batch/batch-file.ts";

const MAGIC = new TextEncoder().encode("SKYCACHE");
const FORMAT_VERSION = 1;
const HEAD_BYTES = 32;
export const ENTRY_BYTES = 32;
const BLOB_ID_BYTES = 16;
const ENTRY_CHECKED_BYTES = 28;
const HEAD_CHECKED_BYTES = 20;

export interface SlabShape {
  readonly slots: number;
  readonly slotBytes: number;
}

export interface SlabEntry {
  /** 16 bytes. */
  readonly blobId: Uint8Array;
  readonly block: number;
  /** 1 to the bytes of a slot. */
  readonly sealedBytes: number;
}

/** Bytes of head and table. */
export function tableBytes(slots: number): number {
  return HEAD_BYTES + ENTRY_BYTES * slots;
}

export function entryOffset(slot: number): number {
  return HEAD_BYTES + ENTRY_BYTES * slot;
}

export function slotOffset({ slots, slotBytes }: SlabShape, slot: number): number {
  return tableBytes(slots) + slotBytes * slot;
}

export function encodeHead({ slots, slotBytes }: SlabShape, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint32(12, slots, true);
  view.setUint32(16, slotBytes, true);
  view.setUint32(HEAD_CHECKED_BYTES, checksum(bytes.subarray(0, HEAD_CHECKED_BYTES)), true);
  return bytes;
}

export function encodeEntry({ blobId, block, sealedBytes }: SlabEntry, checksum: Checksum): Uint8Array {
  assert(blobId.length === BLOB_ID_BYTES && sealedBytes > 0, "search.cache-entry");
  const bytes = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(blobId);
  view.setUint32(16, block, true);
  view.setUint32(20, sealedBytes, true);
  view.setUint32(ENTRY_CHECKED_BYTES, checksum(bytes.subarray(0, ENTRY_CHECKED_BYTES)), true);
  return bytes;
}

/** What the table says of each slot, from the beginning of the file; undefined: it is not a slab of this shape and version. */
export function decodeTable(
  bytes: Uint8Array,
  shape: SlabShape,
  checksum: Checksum,
): readonly (SlabEntry | undefined)[] | undefined {
  const head = encodeHead(shape, checksum);
  if (bytes.length < HEAD_BYTES || head.some((byte, at) => bytes[at] !== byte)) return undefined;
  return Array.from({ length: shape.slots }, (_, slot) => {
    const entry = bytes.subarray(entryOffset(slot), entryOffset(slot + 1));
    return decodeEntry(entry, shape, checksum);
  });
}

function decodeEntry(bytes: Uint8Array, { slotBytes }: SlabShape, checksum: Checksum): SlabEntry | undefined {
  // The table of a file that was never full ends early.
  if (bytes.length < ENTRY_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_BYTES);
  const sum = checksum(bytes.subarray(0, ENTRY_CHECKED_BYTES));
  if (view.getUint32(ENTRY_CHECKED_BYTES, true) !== sum || view.getUint32(24, true) !== 0) return undefined;
  const sealedBytes = view.getUint32(20, true);
  if (sealedBytes === 0 || sealedBytes > slotBytes) return undefined;
  return { blobId: bytes.slice(0, BLOB_ID_BYTES), block: view.getUint32(16, true), sealedBytes };
}
