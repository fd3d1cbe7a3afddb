import type { ByteWriter } from "./byte-writer.ts";

/** Wider numbers take whole 32 bits each, so that unpacking stays within 32-bit arithmetic. */
const MAX_PACKED_BITS = 24;

/** Bits that each of the numbers (0 to 2^32 - 1) takes when packed together. */
export function bitsFor(values: ArrayLike<number>, count: number): number {
  let all = 0;
  for (let i = 0; i < count; i++) all |= values[i]!;
  const bits = 32 - Math.clz32(all);
  return bits > MAX_PACKED_BITS ? 32 : bits;
}

export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Writes `count` numbers of `bits` bits one after the other, the lowest bits first. */
export function packBits(writer: ByteWriter, values: ArrayLike<number>, count: number, bits: number): void {
  if (bits === 32) {
    for (let i = 0; i < count; i++) writer.uint32(values[i]!);
    return;
  }
  let buffer = 0;
  let filled = 0;
  for (let i = 0; i < count; i++) {
    buffer |= values[i]! << filled;
    filled += bits;
    while (filled >= 8) {
      writer.uint8(buffer & 0xff);
      buffer >>>= 8;
      filled -= 8;
    }
  }
  if (filled > 0) writer.uint8(buffer & 0xff);
}

/** The inverse: reads `packedBytes(count, bits)` bytes at `start`, which the caller has checked to be there, into `into`. */
export function unpackBits(
  bytes: Uint8Array,
  start: number,
  { into, count, bits }: { readonly into: Uint32Array; readonly count: number; readonly bits: number },
): void {
  let at = start;
  if (bits === 32) {
    for (let i = 0; i < count; i++, at += 4)
      into[i] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    return;
  }
  const mask = 2 ** bits - 1;
  let buffer = 0;
  let filled = 0;
  for (let i = 0; i < count; i++) {
    while (filled < bits) {
      buffer |= bytes[at++]! << filled;
      filled += 8;
    }
    into[i] = buffer & mask;
    buffer >>>= bits;
    filled -= bits;
  }
}

/** Whether a width stands for packed numbers at all. */
export function isPackedWidth(bits: number): boolean {
  return bits <= MAX_PACKED_BITS || bits === 32;
}
