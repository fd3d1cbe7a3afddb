/** Bytes of a fingerprint's key, which is secret and random. */
export const FINGERPRINT_KEY_BYTES = 16;
/** 32-bit words of a fingerprint. */
export const FINGERPRINT_WORDS = 4;

const ROUNDS = 12;
const BLOCK_UNITS = 8;
// Where the subkeys lie: after the key itself that of a last block that is whole, that of one that is padded, and that of all blocks before the last.
const KEY = 0;
const WHOLE = 4;
const PADDED = 8;
const NO_SUBKEY = 12;

/**
 * Fingerprints of texts: two texts have the same one only by chance, and nobody who does not know the key finds two that do. The function is Chaskey-12
 * (Mouha and others, SAC 2014; ISO/IEC 29192-6) over the UTF-16 code units in little endian, because it needs 32-bit arithmetic only.
 */
export class Fingerprinter {
  readonly #keys = new Int32Array(NO_SUBKEY + FINGERPRINT_WORDS);
  /** Of the text that `take` was last given. */
  readonly words = new Int32Array(FINGERPRINT_WORDS);

  /** `key`: `FINGERPRINT_WORDS` words. */
  constructor(key: Int32Array) {
    this.#keys.set(key.subarray(0, FINGERPRINT_WORDS));
    double(this.#keys, KEY, WHOLE);
    double(this.#keys, WHOLE, PADDED);
  }

  take(text: string): void {
    const keys = this.#keys;
    const { length } = text;
    let a = keys[0]!;
    let b = keys[1]!;
    let c = keys[2]!;
    let d = keys[3]!;
    for (let at = 0, isLast = false; !isLast; at += BLOCK_UNITS) {
      isLast = length - at <= BLOCK_UNITS;
      const subkey = isLast ? (length - at === BLOCK_UNITS ? WHOLE : PADDED) : NO_SUBKEY;
      a ^= twoUnits(text, at) ^ keys[subkey]!;
      b ^= twoUnits(text, at + 2) ^ keys[subkey + 1]!;
      c ^= twoUnits(text, at + 4) ^ keys[subkey + 2]!;
      d ^= twoUnits(text, at + 6) ^ keys[subkey + 3]!;
      for (let round = 0; round < ROUNDS; round++) {
        a = (a + b) | 0;
        b = ((b << 5) | (b >>> 27)) ^ a;
        a = (a << 16) | (a >>> 16);
        c = (c + d) | 0;
        d = ((d << 8) | (d >>> 24)) ^ c;
        a = (a + d) | 0;
        d = ((d << 13) | (d >>> 19)) ^ a;
        c = (c + b) | 0;
        b = ((b << 7) | (b >>> 25)) ^ c;
        c = (c << 16) | (c >>> 16);
      }
      a ^= keys[subkey]!;
      b ^= keys[subkey + 1]!;
      c ^= keys[subkey + 2]!;
      d ^= keys[subkey + 3]!;
    }
    const { words } = this;
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
  }
}

/** Behind the text comes a 1, then zeros. */
function unit(text: string, at: number): number {
  if (at < text.length) return text.charCodeAt(at);
  return at === text.length ? 1 : 0;
}

function twoUnits(text: string, at: number): number {
  return unit(text, at) | (unit(text, at + 1) << 16);
}

/** The key at `from` times x in GF(2^128), to `to`. */
function double(keys: Int32Array, from: number, to: number): void {
  let carry = keys[from + 3]! < 0 ? 0x87 : 0;
  for (let word = 0; word < FINGERPRINT_WORDS; word++) {
    keys[to + word] = (keys[from + word]! << 1) ^ carry;
    carry = keys[from + word]! >>> 31;
  }
}
