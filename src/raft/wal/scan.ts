import { crcOfCrcs } from "./batch-encoder.ts";
import { type Crc32c, RECORD_ALIGNMENT_BYTES, SEGMENT_HEADER_BYTES } from "./format.ts";
import { type BatchEnd, decodeRecord, nextOffset, type WalRecord } from "./record.ts";

/** The good records of one batch, as far as a segment still has them. */
export interface ScannedBatch {
  readonly segment: number;
  readonly batch: number;
  readonly startOffset: number;
  /** After the last good record. */
  readonly endOffset: number;
  /** Without the BatchEnd. */
  readonly records: readonly WalRecord[];
  readonly end: BatchEnd | undefined;
  /** Of the BatchEnd; 0 without one. */
  readonly endCrc: number;
  /** The BatchEnd is there and says that nothing is missing. */
  readonly whole: boolean;
}

export interface SegmentScan {
  readonly segment: number;
  readonly batches: readonly ScannedBatch[];
  /** After the last byte that is not zero. */
  readonly usedEnd: number;
}

/**
 * Finds every good record in the bytes of a segment, also behind bad ones: pure, total, never throws and never believes a record whose
 * checksum is wrong. What the gaps mean is decided by `recover`, which sees all segments.
 */
export function scanSegment(bytes: Uint8Array, segment: number, seed: number, crc32c: Crc32c): SegmentScan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const usedEnd = endOfUse(bytes, view);
  const batches: ScannedBatch[] = [];
  let open: OpenBatch | undefined;
  let offset = SEGMENT_HEADER_BYTES;
  while (offset < usedEnd) {
    const record = decodeRecord(bytes, view, offset, seed, crc32c);
    if (record === undefined) {
      offset += RECORD_ALIGNMENT_BYTES;
      continue;
    }
    if (open !== undefined && open.batch !== record.batch) {
      batches.push(closeBatch(open, segment, undefined, crc32c));
      open = undefined;
    }
    open ??= { batch: record.batch, startOffset: offset, endOffset: offset, records: [] };
    offset = nextOffset(record);
    open.endOffset = offset;
    if (record.body.kind === "batch-end") {
      batches.push(closeBatch(open, segment, { end: record.body.end, crc: record.crc }, crc32c));
      open = undefined;
    } else {
      open.records.push(record);
    }
  }
  if (open !== undefined) batches.push(closeBatch(open, segment, undefined, crc32c));
  return { segment, batches, usedEnd };
}

interface OpenBatch {
  readonly batch: number;
  readonly startOffset: number;
  endOffset: number;
  readonly records: WalRecord[];
}

function closeBatch(
  open: OpenBatch,
  segment: number,
  seal: { readonly end: BatchEnd; readonly crc: number } | undefined,
  crc32c: Crc32c,
): ScannedBatch {
  const whole =
    seal !== undefined &&
    seal.end.recordCount === open.records.length &&
    seal.end.recordsCrc ===
      crcOfCrcs(
        open.records.map((record) => record.crc),
        crc32c,
      );
  return { ...open, segment, end: seal?.end, endCrc: seal?.crc ?? 0, whole };
}

function endOfUse(bytes: Uint8Array, view: DataView): number {
  let end = bytes.length;
  while (end % 8 !== 0 && end > 0 && bytes[end - 1] === 0) end--;
  while (
    end % 8 === 0 &&
    end >= 8 &&
    view.getUint32(end - 8, true) === 0 &&
    view.getUint32(end - 4, true) === 0
  ) {
    end -= 8;
  }
  return Math.max(end, 0);
}
