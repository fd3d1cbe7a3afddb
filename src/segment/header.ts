/**
 * The first block of a segment file, version 1. Numbers are little endian; what is not named is zero.
 *
 *        0        8    10   12       16              24              32              40
 *        +--------+----+----+--------+---------------+---------------+---------------+
 *        | magic  | v  | 0  | 4096   | segment id    | salt          | created (ms)  |
 *        +--------+----+----+--------+---------------+---------------+---------------+
 *   40   | cluster id: length u8, 63 bytes of UTF-8                                   |
 *   104  | node incarnation: the same                                                 |
 *   168  | disk id: the same                                                          |
 *   232  | zero                                                                       |
 *   4092 | CRC32C of bytes 0 to 4091                                                  |
 *        +----------------------------------------------------------------------------+
 *
 * The salt is random for each segment and stands in each of its records: bytes that were written elsewhere, or that look like a record
 * because a client stored such bytes, are not taken for one.
 */

import { assert } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import { getUint64, setUint64, viewOf } from "./little-endian.ts";

export const SEGMENT_VERSION = 1;
/** Length of the header block; the first record begins there. */
export const HEADER_BYTES = 4096;
export const SALT_BYTES = 8;
/** Greatest length of an identity string in UTF-8. */
export const MAX_IDENTITY_BYTES = 63;

const MAGIC = new TextEncoder().encode("SKRYSEGM");
const IDENTITY_OFFSETS = { clusterId: 40, incarnation: 104, diskId: 168 } as const;
const CRC_OFFSET = HEADER_BYTES - 4;

/** Whose bytes a data directory holds. All three must match for it to be opened. */
export interface SegmentIdentity {
  readonly clusterId: string;
  readonly incarnation: string;
  readonly diskId: string;
}

export interface SegmentHeader {
  readonly segmentId: number;
  /** 8 random bytes. */
  readonly salt: Uint8Array;
  readonly createdMs: number;
  readonly identity: SegmentIdentity;
}

export type DecodedHeader =
  | { readonly kind: "header"; readonly header: SegmentHeader }
  /** The block is whole, but of a version that this code does not know. */
  | { readonly kind: "unknown-version"; readonly version: number }
  | { readonly kind: "damaged" };

export function encodeHeader(hasher: Hasher, header: SegmentHeader): Uint8Array {
  assert(header.salt.length === SALT_BYTES, "a segment's salt has 8 bytes");
  const block = new Uint8Array(HEADER_BYTES);
  const view = viewOf(block);
  block.set(MAGIC, 0);
  view.setUint16(8, SEGMENT_VERSION, true);
  view.setUint32(12, HEADER_BYTES, true);
  setUint64(view, 16, header.segmentId);
  block.set(header.salt, 24);
  setUint64(view, 32, header.createdMs);
  for (const field of ["clusterId", "incarnation", "diskId"] as const) {
    const text = new TextEncoder().encode(header.identity[field]);
    assert(text.length <= MAX_IDENTITY_BYTES, "an identity fits its field");
    block[IDENTITY_OFFSETS[field]] = text.length;
    block.set(text, IDENTITY_OFFSETS[field] + 1);
  }
  view.setUint32(CRC_OFFSET, hasher.crc32c(block.subarray(0, CRC_OFFSET)), true);
  return block;
}

/** The checksum comes first, then the version: a damaged block is never mistaken for a newer one. */
export function decodeHeader(hasher: Hasher, block: Uint8Array): DecodedHeader {
  if (block.length < HEADER_BYTES || !MAGIC.every((byte, i) => block[i] === byte)) return { kind: "damaged" };
  const view = viewOf(block);
  if (view.getUint32(CRC_OFFSET, true) !== hasher.crc32c(block.subarray(0, CRC_OFFSET))) {
    return { kind: "damaged" };
  }
  const version = view.getUint16(8, true);
  if (version !== SEGMENT_VERSION || view.getUint32(12, true) !== HEADER_BYTES) {
    return { kind: "unknown-version", version };
  }
  const segmentId = getUint64(view, 16);
  const createdMs = getUint64(view, 32);
  const clusterId = identityText(block, IDENTITY_OFFSETS.clusterId);
  const incarnation = identityText(block, IDENTITY_OFFSETS.incarnation);
  const diskId = identityText(block, IDENTITY_OFFSETS.diskId);
  if (segmentId === undefined || createdMs === undefined) return { kind: "damaged" };
  if (clusterId === undefined || incarnation === undefined || diskId === undefined)
    return { kind: "damaged" };
  const salt = block.slice(24, 24 + SALT_BYTES);
  return {
    kind: "header",
    header: { segmentId, salt, createdMs, identity: { clusterId, incarnation, diskId } },
  };
}

function identityText(block: Uint8Array, offset: number): string | undefined {
  const length = block[offset]!;
  if (length > MAX_IDENTITY_BYTES) return undefined;
  try {
    return DECODER.decode(block.subarray(offset + 1, offset + 1 + length));
  } catch {
    // Not UTF-8: nobody wrote that.
    return undefined;
  }
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
