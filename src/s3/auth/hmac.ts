/** The one file of the gateway that touches node:crypto: HMAC-SHA256 with prepared keys, SHA-256, and comparison in constant time. */

import { createHash, createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from "node:crypto";
import { assert } from "../../base/index.ts";

const SHA256_BLOCK_BYTES = 64;
const SHA256_BYTES = 32;
/** Longest text, in bytes, that is signed without asking for an HMAC: what SigV4 signs has some 150. */
const SHORT_TEXT_BYTES = 768;
const MAX_UTF8_BYTES = 3;

/**
 * A key for HMAC-SHA256. What a request signs is short: for that, the two hashes of which an HMAC consists, each in one call over a block that is prepared,
 * take half of what making, feeding and finishing an object for it does.
 * Source: RFC 2104, section 2.
 */
export class SigningKey {
  readonly #key: KeyObject;
  /** (K xor ipad), and behind it the text. */
  readonly #inner = Buffer.alloc(SHA256_BLOCK_BYTES + SHORT_TEXT_BYTES);
  /** (K xor opad), and behind it the inner hash. */
  readonly #outer = Buffer.alloc(SHA256_BLOCK_BYTES + SHA256_BYTES);

  /** `key`: at most 64 bytes, as a derived one has (32). */
  constructor(key: Uint8Array) {
    assert(key.length <= SHA256_BLOCK_BYTES, "a longer key would have to be hashed");
    this.#key = createSecretKey(key);
    for (let i = 0; i < SHA256_BLOCK_BYTES; i++) {
      this.#inner[i] = (key[i] ?? 0) ^ 0x36;
      this.#outer[i] = (key[i] ?? 0) ^ 0x5c;
    }
  }

  /** HMAC-SHA256 of the text as UTF-8, in lower-case hexadecimal digits. */
  hmacHex(text: string): string {
    if (text.length * MAX_UTF8_BYTES > SHORT_TEXT_BYTES) {
      return createHmac("sha256", this.#key).update(text, "utf8").digest("hex");
    }
    const end = SHA256_BLOCK_BYTES + this.#inner.write(text, SHA256_BLOCK_BYTES, "utf8");
    // As characters that are bytes: a buffer for the hash would cost more than the hash.
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end), "binary"), SHA256_BLOCK_BYTES, "latin1");
    return hash("sha256", this.#outer, "hex");
  }
}

/**
 * AWS4 signing key: HMAC chain over date, region and service.
 * Source: AWS General Reference, "Create a signed AWS API request", derive a signing key.
 */
export function deriveSigningKey(secret: string, date: string, region: string, service: string): SigningKey {
  let key: Uint8Array = Buffer.from(`AWS4${secret}`, "utf8");
  for (const part of [date, region, service, "aws4_request"]) {
    key = createHmac("sha256", createSecretKey(key)).update(part, "utf8").digest();
  }
  return new SigningKey(key);
}

/** HMAC-SHA-1, which signs the policies of older POST forms. */
export function hmacSha1(secret: string, text: string): Uint8Array {
  return createHmac("sha1", secret).update(text, "utf8").digest();
}

/** Of a text whose characters are bytes (Latin-1). */
export function sha256HexOfBytes(text: string): string {
  return hash("sha256", Buffer.from(text, "latin1"), "hex");
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

/** A digest of bytes that arrive in pieces. */
export interface RunningSha256 {
  update(bytes: Uint8Array): void;
  hex(): string;
}

export function startSha256(): RunningSha256 {
  const digest = createHash("sha256");
  return {
    update: (bytes) => {
      digest.update(bytes);
    },
    hex: () => digest.digest("hex"),
  };
}

const LEFT = Buffer.alloc(2 * SHA256_BYTES);
const RIGHT = Buffer.alloc(2 * SHA256_BYTES);

/** How long it takes tells nothing about where two signatures differ. */
export function equalSignatures(computed: string, given: string): boolean {
  if (computed.length !== given.length) return false;
  if (computed.length !== LEFT.length) {
    return timingSafeEqual(Buffer.from(computed, "latin1"), Buffer.from(given, "latin1"));
  }
  LEFT.write(computed, "latin1");
  RIGHT.write(given, "latin1");
  return timingSafeEqual(LEFT, RIGHT);
}
