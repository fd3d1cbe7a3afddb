/**
 * The messages of ChunkService as bytes. Small ones go through the generated code. Those that carry chunk data are put together and taken
 * apart here, so that the data is never copied: it is the last field (15), so a message is a short prefix and then the data as it lies in
 * memory. The bytes are those that the generated code would write, which a test proves.
 *
 *        +------------------------+------------------------+------------------+------------------+
 *        | 0x0a, length (varint)  | header message         | 0x7a, length     | data             |
 *        +------------------------+------------------------+------------------+------------------+
 *        only in a chunk's first message                    only if there is data
 */

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { varintLength, writeVarint } from "../base/index.ts";
import {
  type ChunkHeader,
  ChunkHeaderSchema,
  type ReadChunkHeader,
  ReadChunkHeaderSchema,
  type ReadChunkRequest,
  ReadChunkRequestSchema,
  type WriteChunksResponse,
  WriteChunksResponseSchema,
} from "../gen/skerry/segment/v1/chunk_pb.js";
import { PieceReader } from "./piece-reader.ts";

const HEADER_FIELD = 1;
const DATA_FIELD = 15;
const LENGTH_DELIMITED = 2;

/** A message with data, taken apart. */
export interface DataMessage<Header> {
  readonly header: Header | undefined;
  readonly data: readonly Uint8Array[];
  readonly dataBytes: number;
}

/** What comes before the data in a `WriteChunksRequest`. */
export function writeRequestPrefix(header: ChunkHeader | undefined, dataBytes: number): Uint8Array {
  return prefix(header === undefined ? undefined : toBinary(ChunkHeaderSchema, header), dataBytes);
}

/** What comes before the data in a `ReadChunkResponse`. */
export function readResponsePrefix(header: ReadChunkHeader | undefined, dataBytes: number): Uint8Array {
  return prefix(header === undefined ? undefined : toBinary(ReadChunkHeaderSchema, header), dataBytes);
}

/** Undefined for bytes that are not such a message. The data are views of the pieces. */
export function parseWriteRequest(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
): DataMessage<ChunkHeader> | undefined {
  return parse(pieces, sizeBytes, (bytes) => fromBinary(ChunkHeaderSchema, bytes));
}

export function parseReadResponse(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
): DataMessage<ReadChunkHeader> | undefined {
  return parse(pieces, sizeBytes, (bytes) => fromBinary(ReadChunkHeaderSchema, bytes));
}

export function encodeWriteResponse(response: WriteChunksResponse): Uint8Array {
  return toBinary(WriteChunksResponseSchema, response);
}

export function parseWriteResponse(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
): WriteChunksResponse | undefined {
  return small(pieces, sizeBytes, (bytes) => fromBinary(WriteChunksResponseSchema, bytes));
}

export function encodeReadRequest(request: ReadChunkRequest): Uint8Array {
  return toBinary(ReadChunkRequestSchema, request);
}

export function parseReadRequest(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
): ReadChunkRequest | undefined {
  return small(pieces, sizeBytes, (bytes) => fromBinary(ReadChunkRequestSchema, bytes));
}

/** The parts of `pieces` in runs of at most `limitBytes`: one message each. */
export function* messagesOf(
  pieces: readonly Uint8Array[],
  limitBytes: number,
): Iterable<readonly Uint8Array[]> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      const part = piece.subarray(start, start + limitBytes - bytes);
      parts.push(part);
      bytes += part.length;
      start += part.length;
      if (bytes < limitBytes) continue;
      yield parts;
      parts = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield parts;
}

function prefix(header: Uint8Array | undefined, dataBytes: number): Uint8Array {
  const headerBytes = header === undefined ? 0 : 1 + varintLength(header.length) + header.length;
  const bytes = new Uint8Array(headerBytes + (dataBytes === 0 ? 0 : 1 + varintLength(dataBytes)));
  let offset = 0;
  if (header !== undefined) {
    bytes[offset] = (HEADER_FIELD << 3) | LENGTH_DELIMITED;
    offset = writeVarint(bytes, offset + 1, header.length);
    bytes.set(header, offset);
    offset += header.length;
  }
  if (dataBytes > 0) {
    bytes[offset] = (DATA_FIELD << 3) | LENGTH_DELIMITED;
    writeVarint(bytes, offset + 1, dataBytes);
  }
  return bytes;
}

/** As protobuf has it, fields may come in any order, the last one counts, and unknown ones are skipped. */
function parse<Header>(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
  parseHeader: (bytes: Uint8Array) => Header,
): DataMessage<Header> | undefined {
  const reader = new PieceReader(pieces, sizeBytes);
  let header: Header | undefined;
  let data: readonly Uint8Array[] = [];
  let dataBytes = 0;
  while (reader.left > 0) {
    const tag = reader.varint();
    if (tag === undefined || tag < 8) return undefined;
    if ((tag & 7) !== LENGTH_DELIMITED) {
      if (!skip(reader, tag & 7)) return undefined;
      continue;
    }
    const length = reader.varint();
    if (length === undefined) return undefined;
    const field = tag >>> 3;
    if (field === HEADER_FIELD) {
      const bytes = reader.join(length);
      header = bytes === undefined ? undefined : tryParse(bytes, parseHeader);
      if (header === undefined) return undefined;
    } else {
      const value = reader.take(length);
      if (value === undefined) return undefined;
      if (field === DATA_FIELD) [data, dataBytes] = [value, length];
    }
  }
  return { header, data, dataBytes };
}

function skip(reader: PieceReader, wireType: number): boolean {
  if (wireType === 0) return reader.varint() !== undefined;
  if (wireType === 1) return reader.take(8) !== undefined;
  return wireType === 5 && reader.take(4) !== undefined;
}

function small<T>(
  pieces: readonly Uint8Array[],
  sizeBytes: number,
  parseMessage: (bytes: Uint8Array) => T,
): T | undefined {
  const bytes = new PieceReader(pieces, sizeBytes).join(sizeBytes);
  return bytes === undefined ? undefined : tryParse(bytes, parseMessage);
}

/** The generated code throws on bytes that are no message. */
function tryParse<T>(bytes: Uint8Array, parseMessage: (bytes: Uint8Array) => T): T | undefined {
  try {
    return parseMessage(bytes);
  } catch {
    return undefined;
  }
}
