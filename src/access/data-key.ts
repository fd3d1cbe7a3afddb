/**
 * Encryption of object bytes: a data key of its own for every object, wrapped by a key of the key ring or by the customer's key, and a body key
 * made of it for every body (a single upload, or a part).
 *
 *   wrapped data key                                     frame i of a body
 *   0       1         13              45          61     0                      n          n+16
 *   +-------+---------+---------------+-----------+      +----------------------+-----------+
 *   | 1 ver | 12 nonce| 32 ciphertext | 16 tag    |      | ciphertext           | 16 tag    |
 *   +-------+---------+---------------+-----------+      +----------------------+-----------+
 *
 * Nonces. A wrapping uses a random one: a ring key is good for 2^32 wrappings (NIST SP 800-38D, section 8.3). A frame's is its place: 3 bytes
 * zero, 1 byte "last frame", 8 bytes number. That is safe because a body key encrypts one body once: it is HKDF-SHA-256 of the data key and
 * a salt that is drawn anew for every body that is written, also when the same part is sent again. A frame that is moved, left out, or cut off
 * at the end does not open (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizar, 2015).
 */

import { assert, concatBytes } from "../base/index.ts";
import {
  AES_KEY_BYTES,
  decryptGcm,
  deriveSaltedKey,
  encryptGcm,
  GCM_NONCE_BYTES,
  GCM_TAG_BYTES,
} from "./crypto.ts";
import type { RandomBytes } from "./ports.ts";

const VERSION = 1;
const WRAPPED_BYTES = 1 + GCM_NONCE_BYTES + AES_KEY_BYTES + GCM_TAG_BYTES;
const BODY_PURPOSE = "skerry/body/v1";
const NO_DATA = new Uint8Array(0);
const encoder = new TextEncoder();

export const DATA_KEY_BYTES = AES_KEY_BYTES;

/** `context` names what the wrapping key is; the same must be given to `unwrapDataKey`. */
export function wrapDataKey(
  wrappingKey: Uint8Array,
  dataKey: Uint8Array,
  context: string,
  randomBytes: RandomBytes,
): Uint8Array {
  assert(dataKey.length === DATA_KEY_BYTES, "a data key has 32 bytes");
  const nonce = randomBytes(GCM_NONCE_BYTES);
  const associatedData = encoder.encode(context);
  return concatBytes([
    Uint8Array.of(VERSION),
    nonce,
    encryptGcm({ key: wrappingKey, nonce, associatedData }, dataKey),
  ]);
}

/** Undefined when it was wrapped by another key, in another context or another version, or is damaged. */
export function unwrapDataKey(
  wrappingKey: Uint8Array,
  wrapped: Uint8Array,
  context: string,
): Uint8Array | undefined {
  if (wrapped.length !== WRAPPED_BYTES || wrapped[0] !== VERSION) return undefined;
  const nonce = wrapped.subarray(1, 1 + GCM_NONCE_BYTES);
  const associatedData = encoder.encode(context);
  return decryptGcm({ key: wrappingKey, nonce, associatedData }, wrapped.subarray(1 + GCM_NONCE_BYTES));
}

/** Encrypts or decrypts the frames of one body. */
export class FrameCipher {
  readonly #key: Uint8Array;
  readonly #nonce = new Uint8Array(GCM_NONCE_BYTES);

  constructor(dataKey: Uint8Array, salt: Uint8Array) {
    this.#key = deriveSaltedKey(dataKey, salt, BODY_PURPOSE);
  }

  seal(index: number, last: boolean, plaintext: Uint8Array): Uint8Array {
    return encryptGcm(this.#at(index, last), plaintext);
  }

  /** Undefined when the frame is not what was sealed at this place. */
  open(index: number, last: boolean, sealed: Uint8Array): Uint8Array | undefined {
    return decryptGcm(this.#at(index, last), sealed);
  }

  #at(index: number, last: boolean) {
    this.#nonce[3] = last ? 1 : 0;
    new DataView(this.#nonce.buffer).setBigUint64(4, BigInt(index));
    return { key: this.#key, nonce: this.#nonce, associatedData: NO_DATA };
  }
}
