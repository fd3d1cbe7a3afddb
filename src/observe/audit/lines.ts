import { assert } from "../../base/index.ts";
import type { Hasher } from "../../platform/index.ts";
import { entryBody, headerBody, MAX_LINE_BYTES } from "./record.ts";

const HASH_BYTES = 32;
const BEFORE_HASH = new TextEncoder().encode(',"hash":"');
const BEHIND_HASH = new TextEncoder().encode('"}\n');
const ENDING_BYTES = BEFORE_HASH.length + 2 * HASH_BYTES + BEHIND_HASH.length;
const HEX_DIGITS = new TextEncoder().encode("0123456789abcdef");
const FIRST_BYTES = 64 * 1024;

/** The lines of one batch after the other, in memory that is used again: there is a line for every request. */
export class AuditLines {
  readonly #hasher: Hasher;
  readonly #encoder = new TextEncoder();
  /** What is hashed: the hash before, and the line's text up to its own hash. */
  readonly #hashed = new Uint8Array(HASH_BYTES + MAX_LINE_BYTES);
  #lines = new Uint8Array(FIRST_BYTES);
  #length = 0;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  /** The lines of the batch, until the next one begins. */
  get bytes(): Uint8Array {
    return this.#lines.subarray(0, this.#length);
  }

  /** A new batch, which goes on from `previous`. */
  begin(previous: Uint8Array): void {
    assert(previous.length === HASH_BYTES, "a line goes on from a hash");
    this.#length = 0;
    this.#hashed.set(previous);
  }

  /** Of the last line. */
  get hash(): Uint8Array {
    return this.#hashed.slice(0, HASH_BYTES);
  }

  /** Of a file: its first line. */
  addHeader(sequence: number, timeMs: number): void {
    this.#add(headerBody(sequence, this.hash, new Date(timeMs).toISOString()));
  }

  add(prepared: string, sequence: number): void {
    this.#add(entryBody(prepared, sequence));
  }

  #add(body: string): void {
    const { read, written } = this.#encoder.encodeInto(body, this.#hashed.subarray(HASH_BYTES));
    assert(read === body.length && written + ENDING_BYTES <= MAX_LINE_BYTES, "a line is within its limit");
    const hash = this.#hasher.blake3(this.#hashed.subarray(0, HASH_BYTES + written));
    this.#reserve(written + ENDING_BYTES);
    this.#append(this.#hashed.subarray(HASH_BYTES, HASH_BYTES + written));
    this.#append(BEFORE_HASH);
    for (const byte of hash) {
      this.#lines[this.#length++] = HEX_DIGITS[byte >> 4] as number;
      this.#lines[this.#length++] = HEX_DIGITS[byte & 15] as number;
    }
    this.#append(BEHIND_HASH);
    this.#hashed.set(hash);
  }

  #append(bytes: Uint8Array): void {
    this.#lines.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#lines.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#lines.length, this.#length + bytes));
    larger.set(this.#lines.subarray(0, this.#length));
    this.#lines = larger;
  }
}
