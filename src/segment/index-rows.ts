/**
 * Rows of the chunk index, version 1. Numbers are little endian.
 *
 *   "c/<blob id, 32 hex digits>/<chunk index, 8 hex digits>"  24 bytes: segment id u64, record position u64, length u32, flags u32
 *                                                             (bit 0: quarantined)
 *   "s/<segment id, 16 hex digits>"                           state u8, 0 (7 bytes), salt 8 bytes, live chunks u64, live bytes u64,
 *                                                             dead bytes u64, end position u64, kills: segment ids u64 ...
 *   "m/checkpoint"                                            24 bytes: next segment id u64, segment id u64, position u64: everything
 *                                                             before that position of that segment is in the index, durably
 *   "m/identity"                                              JSON: version, cluster id, node incarnation, disk id
 *   "m/sync"                                                  written to make what was written before durable; no content
 *
 * The index can be made again from the segments at any time, so a version that is not this one is thrown away.
 */

import { assert, toHex } from "../base/index.ts";
import type { SegmentFigures, SegmentState } from "./accounting.ts";
import { hexId } from "./file-names.ts";
import { SALT_BYTES, type SegmentIdentity } from "./header.ts";
import { getUint64, setUint64, viewOf } from "./little-endian.ts";
import type { ChunkAddress } from "./ports.ts";
import { BLOB_ID_BYTES } from "./record.ts";

export const INDEX_VERSION = 1;
export const CHECKPOINT_KEY = "m/checkpoint";
export const IDENTITY_KEY = "m/identity";
export const SYNC_KEY = "m/sync";
export const CHUNK_ROWS = { gte: "c/", lt: "c0" } as const;
export const SEGMENT_ROWS = { gte: "s/", lt: "s0" } as const;

const CHUNK_ROW_BYTES = 24;
const SEGMENT_ROW_BYTES = 48;
const FLAG_QUARANTINED = 1;
const STATES: readonly SegmentState[] = ["open", "sealed", "abandoned", "aside"];

/** Where a chunk lies. */
export interface ChunkRow {
  readonly segmentId: number;
  readonly position: number;
  readonly length: number;
  /** Does not match its checksums: never served. */
  readonly quarantined: boolean;
}

/** The place in the sequence of all records up to which the index is complete and durable. */
export interface Checkpoint {
  readonly nextSegmentId: number;
  readonly segmentId: number;
  readonly position: number;
}

export function chunkKey(blobHex: string, chunkIndex: number): string {
  return `c/${blobHex}/${chunkIndex.toString(16).padStart(8, "0")}`;
}

export function blobRows(blobHex: string): { readonly gte: string; readonly lt: string } {
  return { gte: `c/${blobHex}/`, lt: `c/${blobHex}0` };
}

/** The address in a chunk's key. */
export function addressOf(key: string): ChunkAddress {
  assert(key.length === 2 + 2 * BLOB_ID_BYTES + 1 + 8, "a chunk's key has its fixed length");
  const blobId = new Uint8Array(BLOB_ID_BYTES);
  for (let i = 0; i < BLOB_ID_BYTES; i++) blobId[i] = Number.parseInt(key.slice(2 + 2 * i, 4 + 2 * i), 16);
  return { blobId, chunkIndex: Number.parseInt(key.slice(-8), 16) };
}

export function hexOf(address: ChunkAddress): string {
  assert(address.blobId.length === BLOB_ID_BYTES, "a blob id has 16 bytes");
  return toHex(address.blobId);
}

export function encodeChunkRow(row: ChunkRow): Uint8Array {
  const bytes = new Uint8Array(CHUNK_ROW_BYTES);
  const view = viewOf(bytes);
  setUint64(view, 0, row.segmentId);
  setUint64(view, 8, row.position);
  view.setUint32(16, row.length, true);
  view.setUint32(20, row.quarantined ? FLAG_QUARANTINED : 0, true);
  return bytes;
}

/** Undefined for a row that this version does not write. */
export function decodeChunkRow(bytes: Uint8Array): ChunkRow | undefined {
  if (bytes.length !== CHUNK_ROW_BYTES) return undefined;
  const view = viewOf(bytes);
  const segmentId = getUint64(view, 0);
  const position = getUint64(view, 8);
  const flags = view.getUint32(20, true);
  if (segmentId === undefined || position === undefined || flags > FLAG_QUARANTINED) return undefined;
  return { segmentId, position, length: view.getUint32(16, true), quarantined: flags === FLAG_QUARANTINED };
}

export function segmentKey(segmentId: number): string {
  return `s/${hexId(segmentId)}`;
}

export function encodeSegmentRow(figures: SegmentFigures): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_ROW_BYTES + figures.kills.size * 8);
  const view = viewOf(bytes);
  bytes[0] = STATES.indexOf(figures.state);
  bytes.set(figures.salt, 8);
  setUint64(view, 16, figures.liveChunks);
  setUint64(view, 24, figures.liveBytes);
  setUint64(view, 32, figures.deadBytes);
  setUint64(view, 40, figures.endPosition);
  let offset = SEGMENT_ROW_BYTES;
  for (const killed of figures.kills) {
    setUint64(view, offset, killed);
    offset += 8;
  }
  return bytes;
}

export function decodeSegmentRow(key: string, bytes: Uint8Array): SegmentFigures | undefined {
  const state = STATES[bytes[0] ?? STATES.length];
  if (bytes.length < SEGMENT_ROW_BYTES || bytes.length % 8 !== 0 || state === undefined) return undefined;
  const view = viewOf(bytes);
  const segmentId = Number.parseInt(key.slice(2), 16);
  const [liveChunks, liveBytes, deadBytes, endPosition] = [16, 24, 32, 40].map((at) => getUint64(view, at));
  if (!Number.isSafeInteger(segmentId) || endPosition === undefined) return undefined;
  if (liveChunks === undefined || liveBytes === undefined || deadBytes === undefined) return undefined;
  const kills = new Set<number>();
  for (let offset = SEGMENT_ROW_BYTES; offset < bytes.length; offset += 8) {
    const killed = getUint64(view, offset);
    if (killed === undefined) return undefined;
    kills.add(killed);
  }
  const salt = bytes.slice(8, 8 + SALT_BYTES);
  return { segmentId, salt, state, endPosition, liveChunks, liveBytes, deadBytes, kills };
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = viewOf(bytes);
  setUint64(view, 0, checkpoint.nextSegmentId);
  setUint64(view, 8, checkpoint.segmentId);
  setUint64(view, 16, checkpoint.position);
  return bytes;
}

export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  if (bytes.length !== 24) return undefined;
  const view = viewOf(bytes);
  const [nextSegmentId, segmentId, position] = [0, 8, 16].map((offset) => getUint64(view, offset));
  if (nextSegmentId === undefined || segmentId === undefined || position === undefined) return undefined;
  return { nextSegmentId, segmentId, position };
}

export function encodeIdentity(identity: SegmentIdentity): Uint8Array {
  const { clusterId, incarnation, diskId } = identity;
  return new TextEncoder().encode(JSON.stringify({ version: INDEX_VERSION, clusterId, incarnation, diskId }));
}

/** Undefined when the row is not of this version. */
export function decodeIdentity(bytes: Uint8Array): SegmentIdentity | undefined {
  let row: unknown;
  try {
    row = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof row !== "object" || row === null) return undefined;
  if (!("version" in row) || row.version !== INDEX_VERSION) return undefined;
  if (!("clusterId" in row) || typeof row.clusterId !== "string") return undefined;
  if (!("incarnation" in row) || typeof row.incarnation !== "string") return undefined;
  if (!("diskId" in row) || typeof row.diskId !== "string") return undefined;
  return { clusterId: row.clusterId, incarnation: row.incarnation, diskId: row.diskId };
}
