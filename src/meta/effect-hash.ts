/**
 * The running hash over everything that was applied. For each entry it is BLAKE3 of
 *
 *   previous hash (32) | index u64 | time u64 | effects in order | 0xff | outcome parts, each with its length u32
 *   effect:  0x01 | key length u32 | key | value length u32 | value        put
 *            0x02 | key length u32 | key                                   delete
 *
 * with big-endian numbers. It does not depend on how entries are cut into batches, so replicas can compare it at any index.
 */

const FIRST_BUFFER_BYTES = 64 * 1024;
/** What a huge entry needed is given back after it. */
const KEPT_BUFFER_BYTES = 1024 * 1024;
const HEADER_BYTES = 32 + 8 + 8;

export class EffectHash {
  readonly #blake3: (bytes: Uint8Array) => Uint8Array;
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #length = HEADER_BYTES;

  constructor(blake3: (bytes: Uint8Array) => Uint8Array) {
    this.#blake3 = blake3;
  }

  put(key: string, value: Uint8Array): void {
    this.#key(1, key);
    this.#bytes(value);
  }

  delete(key: string): void {
    this.#key(2, key);
  }

  /** Ends an entry: its hash, 32 bytes. */
  finish(entry: {
    readonly previous: Uint8Array;
    readonly index: number;
    readonly timeMs: bigint;
    readonly outcome: readonly Uint8Array[];
  }): Uint8Array {
    this.#buffer.set(entry.previous, 0);
    this.#view.setUint32(32, Math.floor(entry.index / 2 ** 32));
    this.#view.setUint32(36, entry.index >>> 0);
    this.#view.setBigUint64(40, entry.timeMs);
    this.#reserve(1);
    this.#buffer[this.#length++] = 0xff;
    for (const part of entry.outcome) this.#bytes(part);
    const hash = this.#blake3(this.#buffer.subarray(0, this.#length));
    this.#length = HEADER_BYTES;
    if (this.#buffer.length > KEPT_BUFFER_BYTES) this.#resize(FIRST_BUFFER_BYTES);
    // A copy: what the hasher gives may be a view of something larger.
    return hash.slice();
  }

  #key(effect: number, key: string): void {
    this.#reserve(5 + 3 * key.length);
    this.#buffer[this.#length] = effect;
    const start = this.#length + 5;
    let end = this.#writeAscii(key, start);
    if (end < 0) end = start + this.#encoder.encodeInto(key, this.#buffer.subarray(start)).written;
    this.#view.setUint32(this.#length + 1, end - start);
    this.#length = end;
  }

  /** Nearly all keys are ASCII; -1 for the others. */
  #writeAscii(key: string, start: number): number {
    const buffer = this.#buffer;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) return -1;
      buffer[start + i] = unit;
    }
    return start + key.length;
  }

  #bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#view.setUint32(this.#length, value.length);
    this.#buffer.set(value, this.#length + 4);
    this.#length += 4 + value.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    this.#resize(Math.max(2 * this.#buffer.length, this.#length + more));
  }

  #resize(sizeBytes: number): void {
    const buffer = new Uint8Array(sizeBytes);
    buffer.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }
}
