/** CRC32C of blocks: one for each `BLOCK_BYTES` of a chunk, so that a ranged read verifies just the blocks that it touches. */

import { assert } from "../base/index.ts";
import type { Hasher } from "../platform/index.ts";
import { BLOCK_BYTES } from "./ports.ts";

/** Bytes of one block's checksum. */
export const CHECKSUM_BYTES = 4;

/** How many blocks a chunk of `length` bytes has. */
export function blockCount(length: number): number {
  return Math.ceil(length / BLOCK_BYTES);
}

/**
 * The CRC32C of each block of `BLOCK_BYTES` of the `length` bytes in `pieces`, 4 bytes little endian each; the last block may be short.
 * A block may begin and end anywhere in a piece; nothing is copied.
 */
export function blockChecksums(hasher: Hasher, pieces: readonly Uint8Array[], length: number): Uint8Array {
  const checksums = new Uint8Array(blockCount(length) * CHECKSUM_BYTES);
  const view = new DataView(checksums.buffer);
  let block = 0;
  let filled = 0;
  let crc = 0;
  let seen = 0;
  for (const piece of pieces) {
    seen += piece.length;
    for (let start = 0; start < piece.length; ) {
      const end = Math.min(piece.length, start + BLOCK_BYTES - filled);
      const part = start === 0 && end === piece.length ? piece : piece.subarray(start, end);
      crc = hasher.crc32c(part, crc);
      filled += end - start;
      start = end;
      if (filled === BLOCK_BYTES) {
        view.setUint32(block * CHECKSUM_BYTES, crc, true);
        block += 1;
        filled = 0;
        crc = 0;
      }
    }
  }
  assert(seen === length, "the pieces of a chunk have its length");
  if (filled > 0) view.setUint32(block * CHECKSUM_BYTES, crc, true);
  return checksums;
}

/** Whether each block of `pieces`, which begin at a block's begin, has the checksum that `checksums` says. */
export function blocksMatch(
  hasher: Hasher,
  pieces: readonly Uint8Array[],
  length: number,
  checksums: Uint8Array,
): boolean {
  if (checksums.length !== blockCount(length) * CHECKSUM_BYTES) return false;
  const actual = blockChecksums(hasher, pieces, length);
  for (let i = 0; i < actual.length; i++) if (actual[i] !== checksums[i]) return false;
  return true;
}
