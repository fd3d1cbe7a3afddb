/**
 * Finds chunks that were acknowledged, for the index knows them, and whose headers cannot be told: where the index does not say how far a segment was, they would be taken
 * for a torn write.
 */

import type { DiskFile } from "../platform/index.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import type { ChunkRow } from "./index-rows.ts";
import type { ChunkAddress } from "./ports.ts";
import { BLOB_ID_BYTES, BLOB_ID_OFFSET, chunkRecordBytes } from "./record.ts";
import { type Region, readUpTo, type ScannedRecord } from "./scan.ts";

/** Rows that are gone through: a second or two, which a start after a power loss may take longer. */
export const MAX_SEARCHED_ROWS = 1_000_000;

export interface UnreadableOptions {
  readonly file: DiskFile;
  readonly index: ChunkIndex;
  readonly segmentId: number;
  /** What lies between whole records. */
  readonly gaps: readonly Region[];
  /** Of the file. */
  readonly sizeBytes: number;
}

/** All chunks of which the index says that they begin in a gap or behind the end: all rows are gone through. Rejects with `DiskError`. */
export async function searchAcknowledged(options: UnreadableOptions): Promise<ScannedRecord[]> {
  const { index, segmentId, gaps, sizeBytes } = options;
  const found: ScannedRecord[] = [];
  const isInGap = (position: number): boolean =>
    position >= sizeBytes ||
    gaps.some(({ offset, lengthBytes }) => position >= offset && position < offset + lengthBytes);
  for await (const row of index.all()) {
    if (row.segmentId === segmentId && isInGap(row.position)) found.push(recordOf(row, row));
  }
  return found.sort((a, b) => a.position - b.position);
}

/** The same where there are too many rows: those of which the blob id can be told, one behind the other from the begin of each gap. */
export async function followAcknowledged(options: UnreadableOptions): Promise<ScannedRecord[]> {
  const found: ScannedRecord[] = [];
  for (const { offset, lengthBytes } of options.gaps) {
    for (let position = offset; position < offset + lengthBytes; ) {
      const record = await acknowledgedAt(position, options);
      if (record === undefined) break;
      found.push(record);
      position = record.end;
    }
  }
  return found;
}

async function acknowledgedAt(
  position: number,
  { file, index, segmentId }: UnreadableOptions,
): Promise<ScannedRecord | undefined> {
  const blobId = await readUpTo(file, position + BLOB_ID_OFFSET, BLOB_ID_BYTES);
  if (blobId.length < BLOB_ID_BYTES) return undefined;
  for (const [chunkIndex, row] of await index.rowsOf(blobId)) {
    if (row.segmentId === segmentId && row.position === position)
      return recordOf({ blobId, chunkIndex }, row);
  }
  return undefined;
}

function recordOf({ blobId, chunkIndex }: ChunkAddress, { position, length }: ChunkRow): ScannedRecord {
  const entry = { kind: "chunk", blobId, chunkIndex, length, position, supersedes: 0 } as const;
  return { position, end: position + chunkRecordBytes(length), groupStart: position, entries: [entry] };
}
