import { crc32c } from "@node-rs/crc32";

/**
 * How LevelDB's logs, and its manifest, lie on the disk (LevelDB, doc/log_format.md): blocks of 32 KiB, in them pieces of records, none across the end of a block.
 *
 *   | masked crc32c of type and data: 4 | length: 2 | type: 1 | data ... |     little endian; up to 6 zeros fill a block up
 *
 * A record is one piece (full), or several (first, middle ..., last).
 */
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;
const MASK_DELTA = 0xa282ead8;

interface LogRecord {
  /** Where the next one begins, or the zeros before it. */
  readonly end: number;
  readonly data: Uint8Array;
}

/** The records of a log, up to the first place where there is none as it was written, or the end. Pure. */
export function* recordsOf(log: Uint8Array): Generator<LogRecord> {
  let pieces: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) at += left;
    const piece = pieceAt(log, at);
    if (piece === undefined) return;
    const { type, data } = piece;
    const begins = type === FULL || type === FIRST;
    if (begins !== (pieces.length === 0)) return;
    pieces.push(data);
    at += HEADER_BYTES + data.length;
    if (type === MIDDLE || type === FIRST) continue;
    yield { end: at, data: pieces.length === 1 ? data : Buffer.concat(pieces) };
    pieces = [];
  }
}

/** Undefined: there is none that is whole and what was written. */
function pieceAt(
  log: Uint8Array,
  at: number,
): { readonly type: number; readonly data: Uint8Array } | undefined {
  if (at + HEADER_BYTES > log.length) return undefined;
  const header = new DataView(log.buffer, log.byteOffset + at, HEADER_BYTES);
  const length = header.getUint16(4, true);
  const type = header.getUint8(6);
  const end = at + HEADER_BYTES + length;
  const isOfBlock = (at % BLOCK_BYTES) + HEADER_BYTES + length <= BLOCK_BYTES;
  if (type < FULL || type > LAST || !isOfBlock || end > log.length) return undefined;
  // Of the type and the data, which follow each other.
  const checksum = crc32c(log.subarray(at + HEADER_BYTES - 1, end));
  if (masked(checksum) !== header.getUint32(0, true)) return undefined;
  return { type, data: log.subarray(at + HEADER_BYTES, end) };
}

/** As LevelDB stores a checksum: rotated, so that that of bytes which hold one is no special case. */
function masked(checksum: number): number {
  return (((checksum >>> 15) | (checksum << 17)) + MASK_DELTA) >>> 0;
}
