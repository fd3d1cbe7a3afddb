/** Whole numbers up to 2^53 - 1 in 8 bytes, little endian, without going through bigint. */

import { assert } from "../base/index.ts";

const HIGH = 2 ** 32;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function setUint64(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a stored number is whole and at most 53 bits");
  view.setUint32(offset, value % HIGH, true);
  view.setUint32(offset + 4, Math.floor(value / HIGH), true);
}

/** Undefined for a number over 2^53 - 1, which nothing here ever writes. */
export function getUint64(view: DataView, offset: number): number | undefined {
  const value = view.getUint32(offset + 4, true) * HIGH + view.getUint32(offset, true);
  return Number.isSafeInteger(value) ? value : undefined;
}
