/**
 * The end of a sealed segment: a footer record whose list is the index of all records before it, and a trailer in the last 32 bytes.
 * Only a file whose trailer and footer are both whole is sealed.
 *
 * An entry (48 bytes, little endian). A tombstone has one for each segment that it names.
 *
 *        0                                16     20            24       32         40
 *        +--------------------------------+------+-------------+--------+----------+-----------+
 *        | blob id                        | kind | chunk index | bytes  | position | segment   |
 *        |                                | 1, 2 | or chunks   |        |          | or 0      |
 *        +--------------------------------+------+-------------+--------+----------+-----------+
 *   kind 1, a chunk: bytes = its length; segment = the one that it supersedes a record in.
 *   kind 2, a kill: `chunks` chunks with `bytes` bytes in `segment` are dead.
 *
 * The trailer (32 bytes):
 *
 *        0                 8        16         20         24
 *        +-----------------+--------+----------+----------+------------+
 *        | footer position | salt   | version  | CRC32C   | "SKRYSEAL" |
 *        +-----------------+--------+----------+----------+------------+
 *   The CRC covers bytes 0 to 19. The salt stands here again so that a segment whose header block is damaged is still readable.
 */

import { assert } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import { SALT_BYTES, SEGMENT_VERSION } from "./header.ts";
import { getUint64, setUint64, viewOf } from "./little-endian.ts";
import { CHUNK_BYTES } from "./ports.ts";
import { BLOB_ID_BYTES, FOOTER_ENTRY_BYTES, type SegmentRecord } from "./record.ts";

export const TRAILER_BYTES = 32;
const TRAILER_MAGIC = new TextEncoder().encode("SKRYSEAL");
const KIND_CHUNK = 1;
const KIND_KILL = 2;

/** What one record of a segment says, without the data: from these, in order, the chunk index can be made again. */
export type SegmentEntry = ChunkEntry | KillEntry;

export interface ChunkEntry {
  readonly kind: "chunk";
  readonly blobId: Uint8Array;
  readonly chunkIndex: number;
  readonly length: number;
  /** Where the record begins. */
  readonly position: number;
  /** The segment that holds an earlier record of the chunk; 0: none. */
  readonly supersedes: number;
}

export interface KillEntry {
  readonly kind: "kill";
  readonly blobId: Uint8Array;
  readonly position: number;
  readonly segmentId: number;
  readonly chunks: number;
  readonly bytes: number;
}

export function entriesOf(record: SegmentRecord): SegmentEntry[] {
  switch (record.kind) {
    case "chunk": {
      const { blobId, chunkIndex, length, position, supersedes } = record;
      return [{ kind: "chunk", blobId, chunkIndex, length, position, supersedes }];
    }
    case "tombstone": {
      const { blobId, position } = record;
      return record.kills.map((kill) => ({ kind: "kill", blobId, position, ...kill }));
    }
    case "footer":
      return [];
  }
}

export function encodeEntries(entries: readonly SegmentEntry[]): Uint8Array {
  const list = new Uint8Array(entries.length * FOOTER_ENTRY_BYTES);
  const view = viewOf(list);
  entries.forEach((entry, i) => {
    const at = i * FOOTER_ENTRY_BYTES;
    const isChunk = entry.kind === "chunk";
    list.set(entry.blobId, at);
    view.setUint32(at + 16, isChunk ? KIND_CHUNK : KIND_KILL, true);
    view.setUint32(at + 20, isChunk ? entry.chunkIndex : entry.chunks, true);
    setUint64(view, at + 24, isChunk ? entry.length : entry.bytes);
    setUint64(view, at + 32, entry.position);
    setUint64(view, at + 40, isChunk ? entry.supersedes : entry.segmentId);
  });
  return list;
}

/** Undefined when any entry is not one that `encodeEntries` writes for a footer at `footerPosition`. */
export function decodeEntries(list: Uint8Array, footerPosition: number): SegmentEntry[] | undefined {
  const view = viewOf(list);
  const entries: SegmentEntry[] = [];
  for (let at = 0; at < list.length; at += FOOTER_ENTRY_BYTES) {
    const blobId = list.slice(at, at + BLOB_ID_BYTES);
    const number = view.getUint32(at + 20, true);
    const bytes = getUint64(view, at + 24);
    const position = getUint64(view, at + 32);
    const segmentId = getUint64(view, at + 40);
    if (bytes === undefined || position === undefined || segmentId === undefined) return undefined;
    if (position >= footerPosition) return undefined;
    switch (view.getUint32(at + 16, true)) {
      case KIND_CHUNK:
        if (bytes < 1 || bytes > CHUNK_BYTES) return undefined;
        entries.push({
          kind: "chunk",
          blobId,
          chunkIndex: number,
          length: bytes,
          position,
          supersedes: segmentId,
        });
        break;
      case KIND_KILL:
        entries.push({ kind: "kill", blobId, position, segmentId, chunks: number, bytes });
        break;
      default:
        return undefined;
    }
  }
  return entries;
}

export function encodeTrailer(hasher: Hasher, salt: Uint8Array, footerPosition: number): Uint8Array {
  assert(salt.length === SALT_BYTES, "a segment's salt has 8 bytes");
  const bytes = new Uint8Array(TRAILER_BYTES);
  const view = viewOf(bytes);
  setUint64(view, 0, footerPosition);
  bytes.set(salt, 8);
  view.setUint32(16, SEGMENT_VERSION, true);
  view.setUint32(20, hasher.crc32c(bytes.subarray(0, 20)), true);
  bytes.set(TRAILER_MAGIC, 24);
  return bytes;
}

export interface Trailer {
  readonly footerPosition: number;
  readonly salt: Uint8Array;
}

/** Undefined when the bytes are not a whole trailer. */
export function decodeTrailer(hasher: Hasher, bytes: Uint8Array): Trailer | undefined {
  if (bytes.length !== TRAILER_BYTES || !TRAILER_MAGIC.every((byte, i) => bytes[24 + i] === byte))
    return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(20, true) !== hasher.crc32c(bytes.subarray(0, 20))) return undefined;
  const footerPosition = getUint64(view, 0);
  if (footerPosition === undefined || view.getUint32(16, true) !== SEGMENT_VERSION) return undefined;
  return { footerPosition, salt: bytes.slice(8, 8 + SALT_BYTES) };
}
