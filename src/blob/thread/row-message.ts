import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { EMPTY_BYTES } from "../../base/index.ts";
import { BlobChunkSchema, type BlobRow, BlobRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";

/** As much of a blob's row as a read needs: of a large blob, with a thousand chunks, mostly two or three. */
export interface RowMessage {
  /** A BlobRow. */
  readonly row: Uint8Array;
  /** How many chunks before the first one in it were left out. */
  readonly skippedChunks: number;
  /** Length of each of those, in bytes. */
  readonly chunkBytes: number;
}

export function encodeRow(blob: BlobRow, offset: number, length: number): RowMessage {
  // All but the last have the length of the first.
  const chunkBytes = blob.chunks[0]?.length ?? 1;
  const skippedChunks = Math.min(blob.chunks.length, Math.floor(offset / chunkBytes));
  const chunks = blob.chunks.slice(skippedChunks, Math.ceil((offset + length) / chunkBytes));
  const row = toBinary(BlobRowSchema, { ...blob, chunks, inlineData: EMPTY_BYTES });
  return { row, skippedChunks, chunkBytes };
}

/** In the place of chunks that were left out are some of their length that nobody has. */
export function decodeRow({ row, skippedChunks, chunkBytes }: RowMessage): BlobRow {
  const blob = fromBinary(BlobRowSchema, row);
  const skipped = create(BlobChunkSchema, { length: chunkBytes });
  return {
    ...blob,
    chunks: [...Array.from({ length: skippedChunks }, () => skipped), ...blob.chunks],
  };
}
