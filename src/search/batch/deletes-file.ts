/**
 * A deletes file: which rows of one segment are deleted, all of them. Little-endian.
 *
 *   offset  bytes
 *   0       8      magic "SKYDELET"
 *   8       2      format version, 1
 *   10      2      0
 *   12      4      rows of the segment
 *   16      4      deleted rows, at least 1
 *   20      n      each row's distance from the one before it (the first one's from -1), less 1, as varints
 *   20 + n  4      CRC32C of everything before
 */

import { assert, readVarint, varintLength, writeVarint } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import { RowSet } from "../rows/row-set.ts";
import type { Checksum } from "./batch-file.ts";

const MAGIC = "SKYDELET";
const FORMAT_VERSION = 1;
const HEADER_BYTES = 20;
/** Rows of a segment: what a reader takes memory for, an eighth of a byte each. */
const MAX_SEGMENT_ROWS = 100_000_000;
const CHECKSUM_BYTES = 4;

export function encodeDeletesFile(deleted: RowSet, checksum: Checksum): Uint8Array {
  const rows = deleted.toRows();
  assert(rows.length > 0, "search.deletes-some");
  let length = HEADER_BYTES + CHECKSUM_BYTES;
  let previous = -1;
  for (const row of rows) {
    length += varintLength(row - previous - 1);
    previous = row;
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint32(12, deleted.size, true);
  view.setUint32(16, rows.length, true);
  let at = HEADER_BYTES;
  previous = -1;
  for (const row of rows) {
    at = writeVarint(bytes, at, row - previous - 1);
    previous = row;
  }
  view.setUint32(at, checksum(bytes.subarray(0, at)), true);
  return bytes;
}

/** Refuses "data-damaged" and "format-too-new" as `decodeBatchFile` does. */
export function decodeDeletesFile(bytes: Uint8Array, checksum: Checksum): RowSet {
  const end = bytes.length - CHECKSUM_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (end < HEADER_BYTES || !hasMagic(bytes)) throw damaged();
  if (checksum(bytes.subarray(0, end)) !== view.getUint32(end, true)) throw damaged();
  if (view.getUint16(8, true) > FORMAT_VERSION)
    throw new SearchError("format-too-new", "a deletes file was written by a newer release");
  const size = view.getUint32(12, true);
  const count = view.getUint32(16, true);
  if (count < 1 || count > size || size > MAX_SEGMENT_ROWS) throw damaged();
  const deleted = RowSet.empty(size);
  let [at, row] = [HEADER_BYTES, -1];
  for (let i = 0; i < count; i++) {
    const distance = readVarint(bytes, at);
    if (distance === undefined || distance.next > end) throw damaged();
    row += distance.value + 1;
    at = distance.next;
    if (row >= deleted.size) throw damaged();
    deleted.add(row);
  }
  if (at !== end) throw damaged();
  return deleted;
}

function hasMagic(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC.charCodeAt(i)) return false;
  return true;
}

function damaged(): SearchError {
  return new SearchError("data-damaged", "a deletes file is not what was written");
}
