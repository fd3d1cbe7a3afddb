/** The one file of the gateway that touches node:crypto: HMAC-SHA256 with prepared keys, SHA-256, and comparison in constant time. */

import { createHash, createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from "node:crypto";

/** A derived signing key. Held as a prepared key, with which an HMAC costs a sixth of what it costs with raw bytes. */
export type SigningKey = KeyObject;

/**
 * AWS4 signing key: HMAC chain over date, region and service.
 * Source: AWS General Reference, "Create a signed AWS API request", derive a signing key.
 */
export function deriveSigningKey(secret: string, date: string, region: string, service: string): SigningKey {
  let key: Uint8Array = Buffer.from(`AWS4${secret}`, "utf8");
  for (const part of [date, region, service, "aws4_request"]) {
    key = createHmac("sha256", createSecretKey(key)).update(part, "utf8").digest();
  }
  return createSecretKey(key);
}

/** Lower-case hexadecimal digits. */
export function hmacHex(key: SigningKey, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("hex");
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

/** How long it takes tells nothing about where two signatures differ. */
export function equalSignatures(computed: string, given: string): boolean {
  const left = Buffer.from(computed, "latin1");
  const right = Buffer.from(given, "latin1");
  return left.length === right.length && timingSafeEqual(left, right);
}
