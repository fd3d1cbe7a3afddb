/**
 * Secrets at rest: AES-256-GCM under a key derived from the cluster's key-encryption key.
 *
 *   0        1            5              17                     n-16
 *   +--------+------------+--------------+----------------------+----------------+
 *   | 1 ver  | 4 key id   | 12 nonce     | ciphertext           | 16 tag         |
 *   +--------+------------+--------------+----------------------+----------------+
 *
 * The tag covers version, key id and the context: a text that names the row and the field which the secret belongs to. A sealed secret that
 * is moved to another row does not open there. The key id is the beginning of a hash of the derived key; it tells which key to use after a
 * rotation and says nothing about the key itself. Nonces are random: a key is good for 2^32 sealings (NIST SP 800-38D, section 8.3).
 */

import { assert, concatBytes, equalBytes } from "../base/index.ts";
import {
  AES_KEY_BYTES,
  decryptGcm,
  deriveKey,
  encryptGcm,
  GCM_NONCE_BYTES,
  GCM_TAG_BYTES,
  sha256,
} from "./crypto.ts";
import { AccessError } from "./errors.ts";
import type { RandomBytes } from "./ports.ts";

const VERSION = 1;
const KEY_ID_BYTES = 4;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
/** What sealing adds. */
export const SEAL_OVERHEAD_BYTES = HEADER_BYTES + GCM_NONCE_BYTES + GCM_TAG_BYTES;
const PURPOSE = "skerry/seal/v1";

export interface Sealer {
  /** `context` names row and field, such as "key/SKAB.../secret"; the same must be given to `open`. */
  seal(plaintext: Uint8Array, context: string): Uint8Array;
  /** Throws AccessError: "sealed-malformed", "sealed-version", "sealed-key-unknown", "sealed-damaged". */
  open(sealed: Uint8Array, context: string): Uint8Array;
  /** Whether it was sealed under the present key; false: seal it again after a rotation. */
  isCurrent(sealed: Uint8Array): boolean;
}

export interface SealerOptions {
  /** 32 bytes: seals and opens. */
  readonly keyEncryptionKey: Uint8Array;
  /** Earlier keys, 32 bytes each: only open. */
  readonly previousKeys?: readonly Uint8Array[];
  readonly randomBytes: RandomBytes;
}

export function createSealer(options: SealerOptions): Sealer {
  const current = sealingKey(options.keyEncryptionKey);
  const keys = [current, ...(options.previousKeys ?? []).map(sealingKey)];
  const keyOf = (sealed: Uint8Array): SealingKey => {
    const id = sealed.subarray(1, HEADER_BYTES);
    const found = keys.find((candidate) => equalBytes(candidate.id, id));
    if (found !== undefined) return found;
    throw new AccessError(
      "sealed-key-unknown",
      "sealed under a key-encryption key that this node does not have",
    );
  };
  return {
    seal: (plaintext, context) => {
      const nonce = options.randomBytes(GCM_NONCE_BYTES);
      assert(nonce.length === GCM_NONCE_BYTES, "a nonce has GCM_NONCE_BYTES bytes");
      const header = concatBytes([Uint8Array.of(VERSION), current.id]);
      const sealed = encryptGcm(
        { key: current.key, nonce, associatedData: boundTo(header, context) },
        plaintext,
      );
      return concatBytes([header, nonce, sealed]);
    },
    open: (sealed, context) => {
      checkForm(sealed);
      const { key } = keyOf(sealed);
      const header = sealed.subarray(0, HEADER_BYTES);
      const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + GCM_NONCE_BYTES);
      const body = sealed.subarray(HEADER_BYTES + GCM_NONCE_BYTES);
      const plaintext = decryptGcm({ key, nonce, associatedData: boundTo(header, context) }, body);
      if (plaintext !== undefined) return plaintext;
      throw new AccessError(
        "sealed-damaged",
        `the sealed secret of ${context} is damaged or belongs elsewhere`,
      );
    },
    isCurrent: (sealed) => {
      checkForm(sealed);
      return keyOf(sealed) === current;
    },
  };
}

interface SealingKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

function sealingKey(keyEncryptionKey: Uint8Array): SealingKey {
  assert(keyEncryptionKey.length === AES_KEY_BYTES, "a key-encryption key has 32 bytes");
  const key = deriveKey(keyEncryptionKey, PURPOSE);
  return { key, id: sha256(key).subarray(0, KEY_ID_BYTES) };
}

function checkForm(sealed: Uint8Array): void {
  if (sealed.length < HEADER_BYTES + GCM_NONCE_BYTES + GCM_TAG_BYTES) {
    throw new AccessError("sealed-malformed", `a sealed secret of ${sealed.length} bytes is too short`);
  }
  if (sealed[0] !== VERSION) {
    throw new AccessError(
      "sealed-version",
      `sealed secret of version ${sealed[0]}; this program knows version ${VERSION}`,
    );
  }
}

function boundTo(header: Uint8Array, context: string): Uint8Array {
  return concatBytes([header, new TextEncoder().encode(context)]);
}
