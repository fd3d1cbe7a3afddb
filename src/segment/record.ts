/**
 * Records of a segment, version 1. All begin at a multiple of 8 with the same 64 bytes; numbers are little endian.
 *
 *        0        4    5    6      8               16              24       28       32
 *        +--------+----+----+------+---------------+---------------+--------+--------+
 *        | magic  |type|flag| 0    | salt          | position      | group  | count  |
 *        +--------+----+----+------+---------------+---------------+--------+--------+
 *   32   | blob id                                | chunk   | length | supersedes     |
 *        +----------------------------------------+---------+--------+---------------+
 *   64   | list: count entries                                                       |
 *        +---------------------------------------------------------------------------+
 *        | CRC32C of everything above, zeros up to a multiple of 8                    |
 *        +---------------------------------------------------------------------------+
 *        | data: `length` bytes, zeros up to a multiple of 8                          |
 *        +---------------------------------------------------------------------------+
 *
 *   type   1 chunk: list = CRC32C of each 64 KiB block of the data (4 bytes each); `supersedes` = the segment that holds an earlier,
 *            damaged or moved record of the same chunk, 0 when there is none.
 *          2 tombstone: the blob's chunks in earlier records are dead; list = how many of them each segment held (24 bytes each:
 *            segment id u64, chunks u32, 0 u32, bytes u64). No data.
 *          3 footer: see `footer.ts`.
 *   flags  compression and encryption: 0 in version 1, anything else is refused.
 *   group  how far before this record its group of appends begins. A group is written only when all before it are durable, so only the
 *          last group of a file may be torn.
 *   position  where the record lies in its file: with the salt it proves that the record was meant to be here.
 *
 * Decoders answer undefined for anything that this version would not have written.
 */

import { assert } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import { blockCount, CHECKSUM_BYTES } from "./checksums.ts";
import { SALT_BYTES } from "./header.ts";
import { getUint64, setUint64, viewOf } from "./little-endian.ts";
import { CHUNK_BYTES } from "./ports.ts";

export const RECORD_ALIGN_BYTES = 8;
export const BLOB_ID_BYTES = 16;
/** Where it stands in a record. */
export const BLOB_ID_OFFSET = 32;
/** Length of what all records begin with. */
export const PREFIX_BYTES = 64;
/** Greatest number of records in one segment: bounds the footer and what is kept in memory about an open segment. */
export const MAX_SEGMENT_RECORDS = 262_144;
/** Greatest number of segments that one tombstone names: a blob that lies in more is killed by several. */
export const MAX_KILLS = 4096;

/** "SKRr". */
const MAGIC = 0x72524b53;
const KILL_BYTES = 24;
/** One entry of a footer, and how many of them there may be: tombstones have one for each segment that they name. */
export const FOOTER_ENTRY_BYTES = 48;
export const MAX_FOOTER_ENTRIES = 2 * MAX_SEGMENT_RECORDS;

const TYPE_CHUNK = 1;
const TYPE_TOMBSTONE = 2;
const TYPE_FOOTER = 3;

/** What one tombstone kills in one segment. */
export interface Kill {
  readonly segmentId: number;
  readonly chunks: number;
  readonly bytes: number;
}

interface Located {
  readonly position: number;
  /** Where the record's group begins. */
  readonly groupStart: number;
}

export interface ChunkRecord extends Located {
  readonly kind: "chunk";
  readonly blobId: Uint8Array;
  readonly chunkIndex: number;
  readonly length: number;
  readonly blockChecksums: Uint8Array;
  /** 0: none. */
  readonly supersedes: number;
}

export interface TombstoneRecord extends Located {
  readonly kind: "tombstone";
  readonly blobId: Uint8Array;
  readonly kills: readonly Kill[];
}

export interface FooterRecord extends Located {
  readonly kind: "footer";
  /** The entries as they lie in the file. */
  readonly list: Uint8Array;
}

export type SegmentRecord = ChunkRecord | TombstoneRecord | FooterRecord;

/** A whole record with flags that this version does not know: a reason to stop, not damage. */
export interface UnsupportedRecord extends Located {
  readonly kind: "unsupported";
}

export function align(length: number): number {
  return Math.ceil(length / RECORD_ALIGN_BYTES) * RECORD_ALIGN_BYTES;
}

/** From the begin of a chunk record to its data. */
export function chunkHeaderBytes(length: number): number {
  return align(PREFIX_BYTES + blockCount(length) * CHECKSUM_BYTES + 4);
}

/** The whole chunk record. */
export function chunkRecordBytes(length: number): number {
  return chunkHeaderBytes(length) + align(length);
}

export function tombstoneRecordBytes(kills: number): number {
  return align(PREFIX_BYTES + kills * KILL_BYTES + 4);
}

export function footerRecordBytes(entries: number): number {
  return align(PREFIX_BYTES + entries * FOOTER_ENTRY_BYTES + 4);
}

/** Length of a record with its data and padding. */
export function recordBytes(record: SegmentRecord): number {
  switch (record.kind) {
    case "chunk":
      return chunkRecordBytes(record.length);
    case "tombstone":
      return tombstoneRecordBytes(record.kills.length);
    case "footer":
      return footerRecordBytes(record.list.length / FOOTER_ENTRY_BYTES);
  }
}

/** The record up to its data: for tombstones and footers that is all of it. */
export function encodeRecord(hasher: Hasher, salt: Uint8Array, record: SegmentRecord): Uint8Array {
  assert(record.position % RECORD_ALIGN_BYTES === 0, "a record begins at a multiple of 8");
  assert(record.groupStart <= record.position, "a record lies in or after its group's begin");
  const list = listOf(record);
  const end = PREFIX_BYTES + list.length;
  const bytes = new Uint8Array(align(end + 4));
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC, true);
  bytes[4] = typeOf(record);
  bytes.set(salt, 8);
  setUint64(view, 16, record.position);
  view.setUint32(24, record.position - record.groupStart, true);
  view.setUint32(28, countOf(record), true);
  if (record.kind !== "footer") {
    assert(record.blobId.length === BLOB_ID_BYTES, "a blob id has 16 bytes");
    bytes.set(record.blobId, BLOB_ID_OFFSET);
  }
  if (record.kind === "chunk") {
    view.setUint32(48, record.chunkIndex, true);
    view.setUint32(52, record.length, true);
    setUint64(view, 56, record.supersedes);
  }
  bytes.set(list, PREFIX_BYTES);
  view.setUint32(end, hasher.crc32c(bytes.subarray(0, end)), true);
  return bytes;
}

/**
 * How long the record that begins with these bytes claims to be up to its data; undefined when they cannot be the begin of a record that
 * was meant for `position`. Only `PREFIX_BYTES` are looked at; nothing is believed before `decodeRecord` has checked the CRC.
 */
export function claimedHeaderBytes(
  bytes: Uint8Array,
  salt: Uint8Array,
  position: number,
): number | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  for (let i = 0; i < SALT_BYTES; i++) if (bytes[8 + i] !== salt[i]) return undefined;
  if (getUint64(view, 16) !== position) return undefined;
  const count = view.getUint32(28, true);
  switch (bytes[4]) {
    case TYPE_CHUNK:
      return count <= blockCount(CHUNK_BYTES) ? align(PREFIX_BYTES + count * CHECKSUM_BYTES + 4) : undefined;
    case TYPE_TOMBSTONE:
      return count <= MAX_KILLS ? tombstoneRecordBytes(count) : undefined;
    case TYPE_FOOTER:
      return count <= MAX_FOOTER_ENTRIES ? footerRecordBytes(count) : undefined;
    default:
      return undefined;
  }
}

/** The record whose header begins `bytes`; undefined when it is not whole, not meant for `position`, or not of this version. */
export function decodeRecord(
  hasher: Hasher,
  bytes: Uint8Array,
  salt: Uint8Array,
  position: number,
): SegmentRecord | UnsupportedRecord | undefined {
  const length = claimedHeaderBytes(bytes, salt, position);
  if (length === undefined || bytes.length < length) return undefined;
  const view = viewOf(bytes);
  const end = PREFIX_BYTES + view.getUint32(28, true) * entryBytes(bytes[4]!);
  if (view.getUint32(end, true) !== hasher.crc32c(bytes.subarray(0, end))) return undefined;
  const groupStart = position - view.getUint32(24, true);
  if (groupStart < 0) return undefined;
  const located = { position, groupStart };
  if (bytes[5] !== 0 || view.getUint16(6, true) !== 0) return { kind: "unsupported", ...located };
  const list = bytes.subarray(PREFIX_BYTES, end);
  switch (bytes[4]) {
    case TYPE_CHUNK:
      return decodeChunk(located, view, bytes, list);
    case TYPE_TOMBSTONE: {
      const kills = decodeKills(list);
      const blobId = bytes.slice(BLOB_ID_OFFSET, BLOB_ID_OFFSET + BLOB_ID_BYTES);
      return kills === undefined ? undefined : { kind: "tombstone", ...located, blobId, kills };
    }
    default:
      return { kind: "footer", ...located, list };
  }
}

function decodeChunk(
  located: Located,
  view: DataView,
  bytes: Uint8Array,
  list: Uint8Array,
): ChunkRecord | undefined {
  const length = view.getUint32(52, true);
  const supersedes = getUint64(view, 56);
  if (length < 1 || length > CHUNK_BYTES || supersedes === undefined) return undefined;
  if (list.length !== blockCount(length) * CHECKSUM_BYTES) return undefined;
  const blobId = bytes.slice(BLOB_ID_OFFSET, BLOB_ID_OFFSET + BLOB_ID_BYTES);
  const chunkIndex = view.getUint32(48, true);
  return { kind: "chunk", ...located, blobId, chunkIndex, length, blockChecksums: list.slice(), supersedes };
}

function decodeKills(list: Uint8Array): Kill[] | undefined {
  const view = viewOf(list);
  const kills: Kill[] = [];
  for (let offset = 0; offset < list.length; offset += KILL_BYTES) {
    const segmentId = getUint64(view, offset);
    const bytes = getUint64(view, offset + 16);
    if (segmentId === undefined || bytes === undefined) return undefined;
    kills.push({ segmentId, chunks: view.getUint32(offset + 8, true), bytes });
  }
  return kills;
}

function typeOf(record: SegmentRecord): number {
  switch (record.kind) {
    case "chunk":
      return TYPE_CHUNK;
    case "tombstone":
      return TYPE_TOMBSTONE;
    case "footer":
      return TYPE_FOOTER;
  }
}

function entryBytes(type: number): number {
  return type === TYPE_CHUNK ? CHECKSUM_BYTES : type === TYPE_TOMBSTONE ? KILL_BYTES : FOOTER_ENTRY_BYTES;
}

function countOf(record: SegmentRecord): number {
  return listLength(record) / entryBytes(typeOf(record));
}

function listLength(record: SegmentRecord): number {
  switch (record.kind) {
    case "chunk":
      return record.blockChecksums.length;
    case "tombstone":
      return record.kills.length * KILL_BYTES;
    case "footer":
      return record.list.length;
  }
}

function listOf(record: SegmentRecord): Uint8Array {
  switch (record.kind) {
    case "chunk":
      assert(record.length >= 1 && record.length <= CHUNK_BYTES, "a chunk has 1 byte to 4 MiB");
      assert(
        record.blockChecksums.length === blockCount(record.length) * CHECKSUM_BYTES,
        "one checksum a block",
      );
      return record.blockChecksums;
    case "tombstone":
      return encodeKills(record.kills);
    case "footer":
      assert(record.list.length <= MAX_FOOTER_ENTRIES * FOOTER_ENTRY_BYTES, "a footer's entries are limited");
      return record.list;
  }
}

function encodeKills(kills: readonly Kill[]): Uint8Array {
  assert(kills.length <= MAX_KILLS, "a tombstone's kills are limited");
  const list = new Uint8Array(kills.length * KILL_BYTES);
  const view = viewOf(list);
  kills.forEach((kill, i) => {
    setUint64(view, i * KILL_BYTES, kill.segmentId);
    view.setUint32(i * KILL_BYTES + 8, kill.chunks, true);
    setUint64(view, i * KILL_BYTES + 16, kill.bytes);
  });
  return list;
}
