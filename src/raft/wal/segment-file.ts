import type { Disk, DiskFile } from "../../platform/index.ts";
import { WalError } from "../errors.ts";
import { type Crc32c, SEGMENT_HEADER_BYTES, segmentName } from "./format.ts";
import { encodeHeader, type SegmentHeader } from "./segment-header.ts";

/** Zeros are written and synced in pieces, so that a segment made ahead of need never holds up the sync of a batch for long. */
const ZERO_PIECE_BYTES = 1024 * 1024;
const ZERO_SYNC_EVERY_BYTES = 4 * ZERO_PIECE_BYTES;
const ZEROS = new Uint8Array(ZERO_PIECE_BYTES);

/** A segment that is open for writing. */
export interface SegmentFile {
  readonly sequence: number;
  readonly sizeBytes: number;
  readonly file: DiskFile;
}

export interface NewSegment {
  readonly disk: Disk;
  readonly directory: string;
  readonly header: SegmentHeader;
  readonly sizeBytes: number;
  readonly crc32c: Crc32c;
  /** What is in it from the start, behind the header. */
  readonly firstBatch?: Uint8Array;
  /** True: nobody wants it any more; the call rejects. */
  readonly isGivenUp?: () => boolean;
}

/**
 * Makes a segment that is durable under its name, with its full size as real zeros: later writes change no metadata, which halves the cost
 * of their sync. Rejects with a `DiskError`.
 */
export async function createSegment(options: NewSegment): Promise<SegmentFile> {
  await writeSegment(options);
  return nameSegment(options);
}

/** The first half: the whole segment, durable, under a name that nobody looks for. What an earlier attempt left there is replaced. */
export async function writeSegment(options: NewSegment): Promise<void> {
  const { disk, header, sizeBytes, crc32c, firstBatch, isGivenUp } = options;
  const path = temporaryPath(options);
  if (await disk.exists(path)) await disk.remove(path);
  const temporary = await disk.open(path, "create");
  try {
    await writeZeros(temporary, sizeBytes, isGivenUp);
    await temporary.write(0, [encodeHeader(header, crc32c)]);
    if (firstBatch !== undefined) await temporary.write(SEGMENT_HEADER_BYTES, [firstBatch]);
    await temporary.syncData();
  } finally {
    await temporary.close();
  }
}

/** The second half: from here on the log counts it as its own. */
export async function nameSegment(options: NewSegment): Promise<SegmentFile> {
  const { disk, directory, header, sizeBytes } = options;
  const path = `${directory}/${segmentName(header.sequence)}`;
  await disk.rename(temporaryPath(options), path);
  await disk.syncDirectory(directory);
  return { sequence: header.sequence, sizeBytes, file: await disk.open(path, "read-write") };
}

/** Gives back what `writeSegment` took before it failed, as far as the disk allows. */
export async function discardUnnamed(options: NewSegment): Promise<void> {
  await options.disk.remove(temporaryPath(options)).catch(() => undefined);
}

function temporaryPath({ directory, header }: NewSegment): string {
  return `${directory}/${segmentName(header.sequence).slice(0, -".wal".length)}.tmp`;
}

async function writeZeros(file: DiskFile, sizeBytes: number, isGivenUp?: () => boolean): Promise<void> {
  let unsynced = 0;
  for (let at = 0; at < sizeBytes; at += ZERO_PIECE_BYTES) {
    if (isGivenUp?.() === true) throw new WalError("stopped", "the log stopped");
    const piece = ZEROS.subarray(0, Math.min(ZERO_PIECE_BYTES, sizeBytes - at));
    await file.write(at, [piece]);
    unsynced += piece.length;
    if (unsynced < ZERO_SYNC_EVERY_BYTES) continue;
    await file.syncData();
    unsynced = 0;
  }
}

/** Overwrites [from, to) with zeros and makes that durable. */
export async function zeroRange(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZERO_PIECE_BYTES) {
    await file.write(at, [ZEROS.subarray(0, Math.min(ZERO_PIECE_BYTES, to - at))]);
  }
  await file.syncData();
}

/** The whole file. */
export async function readWhole(file: DiskFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.sizeBytes());
  let at = 0;
  while (at < bytes.length) {
    const count = await file.read(at, bytes.subarray(at, Math.min(bytes.length, at + ZERO_PIECE_BYTES)));
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}
