/**
 * A blob as it lies in a store outside the cluster: blocks of 128 KiB, each sealed to the blob, its size and the block's number, so that the store neither reads them nor
 * gives back another one, an older one or a part of one unnoticed.
 *
 *   0                    131,072 + o                  2 (131,072 + o)
 *   +--------------------+----------------------------+-- - - --+------------------+
 *   | block 0, sealed    | block 1, sealed            |         | the rest, sealed |      o: what sealing adds
 *   +--------------------+----------------------------+-- - - --+------------------+
 */

import { concatBytes } from "../../base/index.ts";
import type { BlockSeal } from "../cache/disk-cache.ts";
import { SearchError } from "../errors.ts";
import type { ByteRange } from "../ports.ts";

export const SEALED_BLOCK_BYTES = 128 * 1024;

export interface SealedBlob {
  /** 32 hexadecimal digits. */
  readonly blobHex: string;
  /** Of the blob, not of what is stored. */
  readonly sizeBytes: number;
}

/** The size of the object. */
export function sealedBytes({ sizeBytes }: SealedBlob, { overheadBytes }: BlockSeal): number {
  return sizeBytes + Math.ceil(sizeBytes / SEALED_BLOCK_BYTES) * overheadBytes;
}

/** The whole object, block after block, of the bytes of the blob in parts. */
export function* sealedBlocks(
  blob: SealedBlob,
  parts: readonly Uint8Array[],
  seal: BlockSeal,
): Iterable<Uint8Array> {
  const block = new Uint8Array(Math.min(SEALED_BLOCK_BYTES, blob.sizeBytes));
  let [filled, number] = [0, 0];
  for (const part of parts)
    for (let from = 0; from < part.length; ) {
      const piece = part.subarray(from, from + block.length - filled);
      block.set(piece, filled);
      filled += piece.length;
      from += piece.length;
      if (filled < block.length) continue;
      yield seal.seal(block, nameOf(blob, number++));
      filled = 0;
    }
  if (filled > 0) yield seal.seal(block.subarray(0, filled), nameOf(blob, number));
}

/** What of the object holds these bytes of the blob, which has them. */
export function storedRange({ sizeBytes }: SealedBlob, range: ByteRange, seal: BlockSeal): ByteRange {
  const storedBytes = SEALED_BLOCK_BYTES + seal.overheadBytes;
  const first = Math.floor(range.offset / SEALED_BLOCK_BYTES);
  const last = Math.floor((range.offset + range.length - 1) / SEALED_BLOCK_BYTES);
  const end = Math.min((last + 1) * SEALED_BLOCK_BYTES, sizeBytes) + (last + 1) * seal.overheadBytes;
  return { offset: first * storedBytes, length: end - first * storedBytes };
}

/** The bytes of the range, of what `storedRange` says. Throws SearchError "data-damaged" where it is not what was written. */
export function openRange(
  blob: SealedBlob,
  range: ByteRange,
  stored: Uint8Array,
  seal: BlockSeal,
): Uint8Array {
  const storedBytes = SEALED_BLOCK_BYTES + seal.overheadBytes;
  const first = Math.floor(range.offset / SEALED_BLOCK_BYTES);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at * storedBytes < stored.length; at++) {
    const block = seal.open(
      stored.subarray(at * storedBytes, (at + 1) * storedBytes),
      nameOf(blob, first + at),
    );
    if (block === undefined) throw damaged(blob, first + at);
    blocks.push(block);
  }
  const from = range.offset - first * SEALED_BLOCK_BYTES;
  const bytes = (blocks.length === 1 ? blocks[0]! : concatBytes(blocks)).subarray(from, from + range.length);
  if (bytes.length < range.length) throw damaged(blob, first + blocks.length);
  return bytes;
}

function damaged({ blobHex }: SealedBlob, block: number): SearchError {
  return new SearchError(
    "data-damaged",
    `block ${block} of blob ${blobHex} outside the cluster is not what was written`,
  );
}

function nameOf({ blobHex, sizeBytes }: SealedBlob, block: number): string {
  return `search-store/v1/${blobHex}/${sizeBytes}/${block}`;
}
