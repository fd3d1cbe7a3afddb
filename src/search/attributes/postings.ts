import type { RowSet } from "../rows/row-set.ts";
import { attributeDamaged } from "./attribute-layout.ts";

const LIST = 0;
const BITS = 1;

/** The rows of one value, ascending: differences as LEB128 numbers, or a bit for every row of the unit, whichever is shorter. */
export function encodePosting(rows: readonly number[], rowCount: number): Uint8Array {
  const list = [LIST];
  let next = 0;
  for (const row of rows) {
    let difference = row - next;
    for (; difference >= 128; difference = Math.floor(difference / 128)) list.push((difference % 128) | 128);
    list.push(difference);
    next = row + 1;
  }
  const bitBytes = Math.ceil(rowCount / 8);
  if (list.length <= 1 + bitBytes) return Uint8Array.from(list);
  const bytes = new Uint8Array(1 + bitBytes);
  bytes[0] = BITS;
  for (const row of rows) bytes[1 + (row >>> 3)] = (bytes[1 + (row >>> 3)] ?? 0) | (1 << (row & 7));
  return bytes;
}

/** Adds the rows of one posting, which is all of `bytes`. "data-damaged" for rows that the unit does not have. */
export function addPosting(bytes: Uint8Array, into: RowSet): void {
  if (bytes[0] === LIST) addList(bytes, into);
  else if (bytes[0] === BITS && bytes.length === 1 + Math.ceil(into.size / 8)) addBits(bytes, into);
  else throw attributeDamaged("has a posting that is none");
}

function addList(bytes: Uint8Array, into: RowSet): void {
  let [row, at] = [-1, 1];
  while (at < bytes.length) {
    let [difference, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 28) throw attributeDamaged("has a posting that ends too early");
      difference += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    row += difference + 1;
    if (row >= into.size) throw attributeDamaged("names rows that the unit does not have");
    into.add(row);
  }
}

function addBits(bytes: Uint8Array, into: RowSet): void {
  const used = into.size & 7;
  if (used !== 0 && (bytes.at(-1) ?? 0) >>> used !== 0)
    throw attributeDamaged("names rows that the unit does not have");
  for (let i = 1; i < bytes.length; i++) {
    const place = (i - 1) >>> 2;
    into.words[place] = (into.words[place] ?? 0) | ((bytes[i] ?? 0) << (((i - 1) & 3) * 8));
  }
}
