/**
 * Time-ordered ids of 16 bytes in the form of UUID version 7 (RFC 9562, section 5.7): sorted by bytes, they sort by the time at which they
 * were made.
 *
 *   byte 0      48-bit Unix time, milliseconds, big endian
 *   byte 6      0111, then the upper 12 bits of a counter
 *   byte 8      10, then the lower 14 bits of the counter
 *   byte 10     48 random bits
 *
 * The counter begins at a random number below 2^25 in every millisecond and goes up by one with every id made in it (section 6.2, method 1), so
 * that one generator never gives two equal ids and never a smaller one than before, also when the clock stands still or goes back.
 */

import { assert } from "./assert.ts";
import { fromHex, toHex } from "./bytes.ts";

export const ID_BYTES = 16;
/** Random bytes that each id takes. */
export const ID_RANDOM_BYTES = 10;

const COUNTER_LIMIT = 2 ** 26;
const TIME_LIMIT_MS = 2 ** 48;

export class TimeOrderedIds {
  #timeMs = 0;
  #counter = COUNTER_LIMIT;

  /** `timeMs` is the wall clock's; `random` are ID_RANDOM_BYTES fresh random bytes. */
  next(timeMs: number, random: Uint8Array): Uint8Array<ArrayBuffer> {
    assert(random.length === ID_RANDOM_BYTES, "an id takes ID_RANDOM_BYTES random bytes");
    const now = Math.floor(timeMs);
    if (now > this.#timeMs) this.#startMillisecond(now, random);
    else if (this.#counter + 1 < COUNTER_LIMIT) this.#counter++;
    // The counter is used up: borrow the next millisecond.
    else this.#startMillisecond(this.#timeMs + 1, random);
    return layOut(this.#timeMs, this.#counter, random);
  }

  #startMillisecond(timeMs: number, random: Uint8Array): void {
    assert(timeMs >= 0 && timeMs < TIME_LIMIT_MS, "the time of an id fits in 48 bits");
    this.#timeMs = timeMs;
    this.#counter =
      ((random[0]! << 17) | (random[1]! << 9) | (random[2]! << 1) | (random[3]! & 1)) &
      (COUNTER_LIMIT / 2 - 1);
  }
}

function layOut(timeMs: number, counter: number, random: Uint8Array): Uint8Array<ArrayBuffer> {
  const id = new Uint8Array(ID_BYTES);
  // Byte by byte: a view would need the array's buffer, which an array this small does not have until it is asked for.
  setUint16(id, 0, Math.floor(timeMs / 2 ** 32));
  setUint16(id, 2, (timeMs % 2 ** 32) >>> 16);
  setUint16(id, 4, timeMs % 2 ** 16);
  setUint16(id, 6, 0x7000 | (counter >>> 14));
  setUint16(id, 8, 0x8000 | (counter & 0x3fff));
  for (let at = 4; at < ID_RANDOM_BYTES; at++) id[at + 6] = random[at]!;
  return id;
}

function setUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}

/** When the id was made, in milliseconds since the Unix epoch. */
export function timeOfIdMs(id: Uint8Array): number {
  assert(id.length === ID_BYTES, "an id has ID_BYTES bytes");
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}

/** "0190163d-8694-739b-aea5-966c26f8ad91", as UUIDs are written. */
export function formatUuid(id: Uint8Array): string {
  assert(id.length === ID_BYTES, "an id has ID_BYTES bytes");
  const hex = toHex(id);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Undefined for anything that is not a UUID in its usual form, in either case of letters. */
export function parseUuid(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
  return fromHex(text.replaceAll("-", ""));
}
