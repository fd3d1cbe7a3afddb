import {
  type Crc32c,
  MAX_IDENTITY_TEXT_BYTES,
  readUint64,
  SEGMENT_FLAG_RESET,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
  SEGMENT_VERSION,
  writeUint64,
} from "./format.ts";

/** Whose log it is. */
export interface WalIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly incarnation: string;
}

export interface SegmentHeader extends WalIdentity {
  readonly sequence: number;
  readonly reset: boolean;
}

export type DecodedHeader =
  | { readonly kind: "header"; readonly header: SegmentHeader }
  /** The checksum is right and the version is not ours. */
  | { readonly kind: "unknown-version"; readonly version: number }
  | { readonly kind: "damaged" };

const VERSION_AT = 8;
const LENGTH_AT = 12;
const SEQUENCE_AT = 16;
const NODE_ID_AT = 24;
const FLAGS_AT = 32;
const CLUSTER_ID_AT = 36;
const INCARNATION_AT = CLUSTER_ID_AT + MAX_IDENTITY_TEXT_BYTES;
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

/** Throws a RangeError when a text of the identity is longer than 64 bytes. */
export function encodeHeader(header: SegmentHeader, crc32c: Crc32c): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  writeText(bytes, 0, SEGMENT_MAGIC);
  view.setUint32(VERSION_AT, SEGMENT_VERSION, true);
  view.setUint32(LENGTH_AT, SEGMENT_HEADER_BYTES, true);
  writeUint64(view, SEQUENCE_AT, header.sequence);
  writeUint64(view, NODE_ID_AT, header.nodeId);
  view.setUint32(FLAGS_AT, header.reset ? SEGMENT_FLAG_RESET : 0, true);
  writeText(bytes, CLUSTER_ID_AT, header.clusterId);
  writeText(bytes, INCARNATION_AT, header.incarnation);
  view.setUint32(CRC_AT, crc32c(bytes.subarray(0, CRC_AT)), true);
  return bytes;
}

/** Reads the first 256 bytes of a segment. Never throws. */
export function decodeHeader(bytes: Uint8Array, crc32c: Crc32c): DecodedHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { kind: "damaged" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (readText(bytes, 0, SEGMENT_MAGIC.length) !== SEGMENT_MAGIC) return { kind: "damaged" };
  if (view.getUint32(CRC_AT, true) !== crc32c(bytes.subarray(0, CRC_AT))) return { kind: "damaged" };
  const version = view.getUint32(VERSION_AT, true);
  if (version !== SEGMENT_VERSION) return { kind: "unknown-version", version };
  const sequence = readUint64(view, SEQUENCE_AT);
  const nodeId = readUint64(view, NODE_ID_AT);
  const clusterId = readText(bytes, CLUSTER_ID_AT, MAX_IDENTITY_TEXT_BYTES);
  const incarnation = readText(bytes, INCARNATION_AT, MAX_IDENTITY_TEXT_BYTES);
  if (sequence === undefined || nodeId === undefined) return { kind: "damaged" };
  if (clusterId === undefined || incarnation === undefined) return { kind: "damaged" };
  const header: SegmentHeader = {
    clusterId,
    nodeId,
    incarnation,
    sequence,
    reset: (view.getUint32(FLAGS_AT, true) & SEGMENT_FLAG_RESET) !== 0,
  };
  return { kind: "header", header };
}

/**
 * What the checksums of all records in a segment begin from. It is made from what the reader knows anyway, not from the header's bytes, so
 * that the records of a segment can be checked although its header is damaged.
 */
export function segmentSeed(identity: WalIdentity, sequence: number, crc32c: Crc32c): number {
  const header: SegmentHeader = {
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    incarnation: identity.incarnation,
    sequence,
    reset: false,
  };
  const crc = new DataView(encodeHeader(header, crc32c).buffer).getUint32(CRC_AT, true);
  // Zero would make the first records of zeroed space one step more plausible.
  return crc === 0 ? 1 : crc;
}

function writeText(bytes: Uint8Array, offset: number, text: string): void {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length > MAX_IDENTITY_TEXT_BYTES) {
    throw new RangeError(`"${text}" is longer than ${MAX_IDENTITY_TEXT_BYTES} bytes`);
  }
  bytes.set(encoded, offset);
}

/** Up to the first zero; undefined when that is not UTF-8, which nobody wrote. */
function readText(bytes: Uint8Array, offset: number, length: number): string | undefined {
  const zero = bytes.subarray(offset, offset + length).indexOf(0);
  try {
    return DECODER.decode(bytes.subarray(offset, offset + (zero < 0 ? length : zero)));
  } catch {
    return undefined;
  }
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
