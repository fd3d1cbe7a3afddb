/** Byte strings: joining, comparing and writing them down as text. */

import { assert } from "./assert.ts";

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** One array with all parts in order; always a copy. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(totalBytes(parts));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** The sum of the lengths. */
export function totalBytes(parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const part of parts) total += part.length;
  return total;
}

/** Negative, zero or positive, as `a` sorts before, with or after `b`: byte by byte, a prefix before what it is a prefix of. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Not for secrets: the time it takes tells where the first difference is. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

const HEX_DIGITS = "0123456789abcdef";
/** Characters that are made at a time. */
const HEX_PIECE = 8192;

/** Lower case. */
export function toHex(bytes: Uint8Array): string {
  const units = new Array<number>(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    units[2 * i] = HEX_DIGITS.charCodeAt(byte >> 4);
    units[2 * i + 1] = HEX_DIGITS.charCodeAt(byte & 15);
  }
  // In pieces: a call takes only so many arguments.
  let text = "";
  for (let at = 0; at < units.length; at += HEX_PIECE)
    text += String.fromCharCode(...units.slice(at, at + HEX_PIECE));
  return text;
}

/** Accepts both cases; undefined for anything that is not pairs of hexadecimal digits. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** Big endian, 32 bits, unsigned. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + 4 <= bytes.length, "a 32-bit read lies inside its bytes");
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

/** Big endian, 32 bits, unsigned. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  assert(offset >= 0 && offset + 4 <= bytes.length, "a 32-bit write lies inside its bytes");
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
