/**
 * A batch file: the writes that went into one commit, one frame each. Little-endian.
 *
 *   offset  bytes
 *   0       8      magic "SKYBATCH"
 *   8       2      format version, 1
 *   10      2      0
 *   12      4      number of frames, 1 to 256
 *   16      4      CRC32C of bytes 0 to 15
 *   then for each frame
 *   0       4      length of the payload
 *   4       4      CRC32C of the payload
 *   8       n      StoredBatch (storage.proto)
 *
 * Nothing follows the last frame. Which versions the frames have is not in the file: metadata gives them when the file is committed.
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { assert, concatBytes } from "../../base/index.ts";
import { type StoredBatch, StoredBatchSchema } from "../../gen/skerry/search/storage/v1/storage_pb.js";
import { SearchError } from "../errors.ts";
import type { Document, DocumentId } from "../model/document.ts";
import { decodeDocument, encodeDocument } from "../model/encode-document.ts";
import { decodeId, encodeId } from "../model/encode-id.ts";

/** CRC32C (Castagnoli). */
export type Checksum = (bytes: Uint8Array) => number;

/** One write, resolved: what there is afterwards and what there is not. */
export interface BatchFrame {
  readonly upserts: readonly Document[];
  readonly deletes: readonly DocumentId[];
}

const MAGIC = "SKYBATCH";
const FORMAT_VERSION = 1;
const HEADER_BYTES = 20;
const FRAME_HEADER_BYTES = 8;
/** Of one file. */
export const MAX_FRAMES = 256;

/** The payload of one frame: done once, when the write is resolved. */
export function encodeFrame({ upserts, deletes }: BatchFrame): Uint8Array {
  return toBinary(
    StoredBatchSchema,
    create(StoredBatchSchema, { upserts: upserts.map(encodeDocument), deletes: deletes.map(encodeId) }),
  );
}

export function encodeBatchFile(frames: readonly Uint8Array[], checksum: Checksum): Uint8Array {
  assert(frames.length >= 1 && frames.length <= MAX_FRAMES, "search.batch-frames");
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  for (let i = 0; i < MAGIC.length; i++) header[i] = MAGIC.charCodeAt(i);
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint32(12, frames.length, true);
  view.setUint32(16, checksum(header.subarray(0, 16)), true);
  const parts: Uint8Array[] = [header];
  for (const payload of frames) {
    const frameHeader = new Uint8Array(FRAME_HEADER_BYTES);
    const frameView = new DataView(frameHeader.buffer);
    frameView.setUint32(0, payload.length, true);
    frameView.setUint32(4, checksum(payload), true);
    parts.push(frameHeader, payload);
  }
  return concatBytes(parts);
}

/** Refuses "data-damaged" what `encodeBatchFile` has not written, and "format-too-new" what a later release has. */
export function decodeBatchFile(bytes: Uint8Array, checksum: Checksum): readonly BatchFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isWhole = bytes.length >= HEADER_BYTES && hasMagic(bytes);
  if (!isWhole || checksum(bytes.subarray(0, 16)) !== view.getUint32(16, true)) throw damaged("header");
  if (view.getUint16(8, true) > FORMAT_VERSION)
    throw new SearchError("format-too-new", "a batch file was written by a newer release");
  const count = view.getUint32(12, true);
  if (count < 1 || count > MAX_FRAMES) throw damaged("number of frames");
  const frames: BatchFrame[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + FRAME_HEADER_BYTES > bytes.length) throw damaged("length");
    const length = view.getUint32(at, true);
    const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
    if (payload.length < length || checksum(payload) !== view.getUint32(at + 4, true)) throw damaged("frame");
    frames.push(decodeFrame(payload));
    at += FRAME_HEADER_BYTES + length;
  }
  if (at !== bytes.length) throw damaged("length");
  return frames;
}

function decodeFrame(payload: Uint8Array): BatchFrame {
  let message: StoredBatch;
  try {
    message = fromBinary(StoredBatchSchema, payload, { readUnknownFields: false });
  } catch (error) {
    throw new SearchError("data-damaged", "a frame of a batch file cannot be read", {}, error);
  }
  return { upserts: message.upserts.map(decodeDocument), deletes: message.deletes.map(decodeId) };
}

function hasMagic(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC.charCodeAt(i)) return false;
  return true;
}

function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `the ${what} of a batch file is not what was written`);
}
