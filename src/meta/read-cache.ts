import { LRUCache } from "lru-cache";
import { EMPTY_BYTES, equalBytes } from "../base/index.ts";
import type { BlobRow, ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { MAX_READ_CACHE_BYTES, MAX_READ_CACHE_CHUNKS, MAX_READ_CACHE_ROW_BYTES } from "./limits.ts";
import type { RowMark, RowVersions } from "./row-versions.ts";

/** What a decoded row takes beside the bytes that it was read from, in bytes: roughly. */
const DECODED_ROW_BYTES = 1_024;

interface Kept {
  readonly row: ObjectRow | BlobRow;
  readonly sizeBytes: number;
  /** Of the inline data, where there is any. */
  readonly checksum: Uint8Array | undefined;
  readonly mark: RowMark;
}

/**
 * Rows of objects and of small blobs, with their bytes where they lie in them, decoded, for those who read them again: those that have changed since are read anew.
 */
export class ReadCache {
  readonly #rows = new LRUCache<string, Kept>({
    maxSize: MAX_READ_CACHE_BYTES,
    maxEntrySize: MAX_READ_CACHE_ROW_BYTES,
    sizeCalculation: ({ sizeBytes }) => sizeBytes,
  });
  readonly #checksumOf: (bytes: Uint8Array) => Uint8Array;
  readonly #versions: RowVersions;

  constructor(checksumOf: (bytes: Uint8Array) => Uint8Array, versions: RowVersions) {
    this.#checksumOf = checksumOf;
    this.#versions = versions;
  }

  /** Bytes are compared with their checksum every time: those that do not match any more are forgotten, and come from the store again. */
  get(key: string): ObjectRow | BlobRow | undefined {
    const kept = this.#rows.get(key);
    if (kept === undefined) return undefined;
    const { row, checksum, mark } = kept;
    const isCurrent = this.#versions.isCurrent(mark);
    if (isCurrent && (checksum === undefined || equalBytes(this.#checksumOf(inlineDataOf(row)), checksum)))
      return row;
    this.#rows.delete(key);
    return undefined;
  }

  /** A row that was read from the store just now, `sizeBytes` long; `mark` was taken before. */
  keep(key: string, row: ObjectRow | BlobRow, sizeBytes: number, mark: RowMark): void {
    const bytes = inlineDataOf(row);
    // What has many chunks is read in large pieces: looking it up costs little beside that.
    if (row.$typeName === "skerry.meta.v1.BlobRow" && row.chunks.length > MAX_READ_CACHE_CHUNKS) return;
    const checksum = bytes.length === 0 ? undefined : this.#checksumOf(bytes);
    this.#rows.set(key, { row, checksum, mark, sizeBytes: sizeBytes + DECODED_ROW_BYTES });
  }
}

function inlineDataOf(row: ObjectRow | BlobRow): Uint8Array {
  return row.$typeName === "skerry.meta.v1.BlobRow" ? row.inlineData : EMPTY_BYTES;
}
