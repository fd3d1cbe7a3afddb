/** Unsigned LEB128 numbers, as protobuf writes them: seven bits a byte, least significant first, the top bit says that more follow. */

import { assert } from "./assert.ts";

/** Bytes of the longest varint that is read or written: 2^53 - 1 takes eight. */
export const MAX_VARINT_BYTES = 8;

export interface Varint {
  readonly value: number;
  /** Where the next field begins. */
  readonly next: number;
}

/** Bytes that `value`, a whole number from 0 to 2^53 - 1, takes. */
export function varintLength(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "a varint is a whole number of at most 53 bits");
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes `value` at `offset` and returns the offset after it. */
export function writeVarint(into: Uint8Array, offset: number, value: number): number {
  const length = varintLength(value);
  assert(offset + length <= into.length, "a varint fits where it is written");
  let rest = value;
  for (let i = 0; i < length - 1; i++) {
    into[offset + i] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  into[offset + length - 1] = rest;
  return offset + length;
}

/** Undefined when the bytes end too early, the number is over 2^53 - 1, or it is not in its shortest form. */
export function readVarint(bytes: Uint8Array, offset: number): Varint | undefined {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[offset + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) * scale;
    if (byte < 128) {
      const shortest = i === 0 || byte !== 0;
      return shortest && Number.isSafeInteger(value) ? { value, next: offset + i + 1 } : undefined;
    }
    scale *= 128;
  }
  return undefined;
}
