import { concatBytes, equalBytes } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import type { BlockSeal } from "../cache/disk-cache.ts";

const hasher = new PlainHasher();

/** A checksum of block and name stands for the cipher, so that torn blocks and those of other names do not open. */
export const CHECKSUM_SEAL: BlockSeal = {
  overheadBytes: 4,
  seal: (block, name) => concatBytes([block, sumOf(block, name)]),
  open: (sealed, name) => {
    const block = sealed.subarray(0, Math.max(0, sealed.length - 4));
    return equalBytes(sealed.subarray(block.length), sumOf(block, name)) ? block : undefined;
  },
};

function sumOf(block: Uint8Array, name: string): Uint8Array {
  const sum = new Uint8Array(4);
  const text = new TextEncoder().encode(name);
  new DataView(sum.buffer).setUint32(0, hasher.crc32c(text, hasher.crc32c(block)));
  return sum;
}
