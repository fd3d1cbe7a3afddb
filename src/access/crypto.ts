/** The only file of this module that touches node:crypto: thin names for what the rest is made of. */

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  type JsonWebKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from "node:crypto";

export const AES_KEY_BYTES = 32;
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

export function sha256(bytes: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

export function hmacSha256(key: Uint8Array, bytes: Uint8Array | string): Uint8Array {
  // With the bytes alone, Node takes three times as long to see that they are no key object.
  return createHmac("sha256", createSecretKey(key)).update(bytes).digest();
}

/** RFC 5869 with SHA-256 and no salt; 32 bytes. `purpose` keeps keys for different uses apart. */
export function deriveKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), purpose, AES_KEY_BYTES));
}

/** RFC 5869 with SHA-256 and a salt; 32 bytes. */
export function deriveSaltedKey(secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, purpose, AES_KEY_BYTES));
}

/** The time it takes depends on the lengths only. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface GcmKey {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** AES-256-GCM: the ciphertext with the tag behind it. */
export function encryptGcm({ key, nonce, associatedData }: GcmKey, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: GCM_TAG_BYTES });
  cipher.setAAD(associatedData);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when the tag does not match. */
export function decryptGcm(
  { key, nonce, associatedData }: GcmKey,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < GCM_TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(sealed.length - GCM_TAG_BYTES));
  try {
    return Buffer.concat([
      decipher.update(sealed.subarray(0, sealed.length - GCM_TAG_BYTES)),
      decipher.final(),
    ]);
  } catch {
    return undefined;
  }
}

/** A public key that signatures are verified with, and the algorithms (RFC 7518, section 3.1) that it may be used for. */
export interface SignatureKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  "P-256": "ES256",
  "P-384": "ES384",
  "P-521": "ES512",
};

/** Undefined: a key of another kind, one that is too short, or none at all. */
export function signatureKeyOfJwk(jwk: Readonly<Record<string, unknown>>): SignatureKey | undefined {
  const { kty, crv, n, e, x, y, alg } = jwk;
  // Only what makes a public key is looked at: a private one that an issuer lets slip is not taken into memory.
  const members = kty === "RSA" ? { kty, n, e } : { kty, crv, x, y };
  const usable = kty === "RSA" ? RSA_ALGORITHMS : kty === "EC" ? [CURVE_ALGORITHMS[String(crv)]] : [];
  const algorithms = usable.filter((name) => name !== undefined && (alg === undefined || alg === name));
  if (algorithms.length === 0) return undefined;
  try {
    const key = createPublicKey({ key: members as JsonWebKey, format: "jwk" });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)) return undefined;
    return { key, algorithms: algorithms as readonly string[] };
  } catch {
    return undefined;
  }
}

/** False also for an algorithm that the key is not for. */
export function verifySignature(
  { key, algorithms }: SignatureKey,
  algorithm: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!algorithms.includes(algorithm)) return false;
  const hash = `sha${algorithm.slice(2)}`;
  switch (algorithm.slice(0, 2)) {
    case "RS":
      return verify(hash, bytes, key, signature);
    case "PS":
      return verify(
        hash,
        bytes,
        {
          key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        },
        signature,
      );
    default:
      return verify(hash, bytes, { key, dsaEncoding: "ieee-p1363" }, signature);
  }
}
