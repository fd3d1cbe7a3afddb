/**
 * Credentials: how they are made, written down and stored.
 *
 *   S3     access key id   SK + 18 of [A-Z2-7]            90 random bits, public
 *          secret          40 of [A-Za-z0-9_-]            240 random bits; stored sealed, for SigV4 needs it in the clear
 *   API    sk_<id>_<secret>   id: 12 of [a-z2-7], public  secret: base64url of 32 random bytes; only a keyed hash of the whole is stored
 *          sk_<anything>      brought along by an operator: 16 to 200 of [A-Za-z0-9_-]
 *
 * What is shown once is in `secret`; what goes into the metadata is in `stored`.
 */

import { toBase64Url, toHex } from "../base/index.ts";
import { deriveKey, hmacSha256 } from "./crypto.ts";
import { AccessError } from "./errors.ts";
import { checkNamespaces } from "./namespaces.ts";
import { KEY_KIND, KEY_ROLE, type RandomBytes, type StoredKey } from "./ports.ts";
import type { Sealer } from "./seal.ts";
import type { Owner, Principal, Role } from "./types.ts";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const S3_KEY_ID_RANDOM_CHARACTERS = 18;
const S3_SECRET_BYTES = 30;
const API_KEY_ID_CHARACTERS = 12;
const API_SECRET_BYTES = 32;
const MINTED_API_KEY = /^sk_([a-z2-7]{12})_[A-Za-z0-9_-]{43}$/;
/** An API key that an operator brings along. */
const BROUGHT_API_KEY = /^sk_[A-Za-z0-9_-]{16,200}$/;
const BROUGHT_KEY_ID_BYTES = 8;
const API_HASH_PURPOSE = "skerry/api-key-hash/v1";
const API_ID_PURPOSE = "skerry/api-key-id/v1";

/** Limits on S3 keys that an operator brings along instead of having them minted. */
export const MIN_S3_KEY_ID_CHARACTERS = 3;
export const MAX_S3_KEY_ID_CHARACTERS = 128;
export const MIN_S3_SECRET_CHARACTERS = 8;
export const MAX_S3_SECRET_CHARACTERS = 256;
/** Most buckets on one key's allow-list. */
export const MAX_KEY_BUCKETS = 1000;

/** What a new key may do, and as whom. */
export interface KeyGrant {
  readonly role: Role;
  /** Undefined: every bucket. An empty list is refused. */
  readonly buckets: readonly string[] | undefined;
  /** Scopes; undefined: every namespace, unless it is limited to buckets. An empty list is refused. */
  readonly namespaces?: readonly string[] | undefined;
  readonly owner: Owner;
  /** The IAM user of the owner's account; undefined: the account itself. */
  readonly user?: { readonly name: string; readonly userId: string };
  readonly inflightLimit?: number;
}

export interface MintedKey {
  readonly stored: StoredKey;
  /** Shown once: the S3 secret access key, or the whole API key. */
  readonly secret: string;
}

export function mintS3Key(grant: KeyGrant, sealer: Sealer, randomBytes: RandomBytes): MintedKey {
  const keyId = `SK${randomBase32(S3_KEY_ID_RANDOM_CHARACTERS, randomBytes)}`;
  return storeS3Key({ keyId, secret: toBase64Url(randomBytes(S3_SECRET_BYTES)) }, grant, sealer);
}

/** For a key that the operator brings (root keys from the environment). Throws AccessError "key-invalid" with the reason. */
export function storeS3Key(
  credential: { readonly keyId: string; readonly secret: string },
  grant: KeyGrant,
  sealer: Sealer,
): MintedKey {
  const { keyId, secret } = credential;
  checkS3Key(keyId, secret);
  const sealed = sealer.seal(new TextEncoder().encode(secret), sealContext(keyId));
  return { stored: storedKey(keyId, KEY_KIND.s3, grant, { secretSealed: sealed }), secret };
}

/** The secret access key. Throws AccessError: "key-invalid" when it is not an S3 key, and those of `Sealer.open`. */
export function openS3Secret(key: StoredKey, sealer: Sealer): string {
  if (key.kind !== KEY_KIND.s3) throw new AccessError("key-invalid", `${key.keyId} is not an S3 key`);
  return new TextDecoder().decode(sealer.open(key.secretSealed, sealContext(key.keyId)));
}

export function mintApiKey(grant: KeyGrant, hasher: ApiKeyHasher, randomBytes: RandomBytes): MintedKey {
  const keyId = randomBase32(API_KEY_ID_CHARACTERS, randomBytes).toLowerCase();
  const secret = `sk_${keyId}_${toBase64Url(randomBytes(API_SECRET_BYTES))}`;
  return { stored: storedKey(keyId, KEY_KIND.api, grant, { secretHash: hasher.hash(secret) }), secret };
}

/**
 * Another secret for a minted API key of this id. Throws AccessError "key-invalid" for a key that an operator has brought along: its id is made from
 * its secret.
 */
export function rotateApiKey(
  keyId: string,
  hasher: ApiKeyHasher,
  randomBytes: RandomBytes,
): { readonly secret: string; readonly secretHash: Uint8Array } {
  const secret = `sk_${keyId}_${toBase64Url(randomBytes(API_SECRET_BYTES))}`;
  if (hasher.keyIdOf(secret) !== keyId)
    throw new AccessError(
      "key-invalid",
      "only minted API keys are rotated; make another key and revoke this one",
    );
  return { secret, secretHash: hasher.hash(secret) };
}

/** For a key that the operator brings (the root key from the environment). Throws AccessError "key-invalid" with the reason. */
export function storeApiKey(secret: string, grant: KeyGrant, hasher: ApiKeyHasher): MintedKey {
  const keyId = hasher.keyIdOf(secret);
  if (keyId === undefined) {
    throw new AccessError(
      "key-invalid",
      'an API key is "sk_" and 16 to 200 letters, digits, hyphens or underscores',
    );
  }
  return { stored: storedKey(keyId, KEY_KIND.api, grant, { secretHash: hasher.hash(secret) }), secret };
}

export interface ApiKeyHasher {
  /** Under which id a key of this form is stored; undefined for what is no key. */
  keyIdOf(apiKey: string): string | undefined;
  /** 32 bytes. */
  hash(apiKey: string): Uint8Array;
}

/**
 * HMAC-SHA-256 under keys derived from the key-encryption key: a stolen table of ids and hashes cannot even be searched without it, not even
 * for a weak key that an operator has brought along. Such a key has no public part; its id is made from it.
 */
export function createApiKeyHasher(keyEncryptionKey: Uint8Array): ApiKeyHasher {
  const hashKey = deriveKey(keyEncryptionKey, API_HASH_PURPOSE);
  const idKey = deriveKey(keyEncryptionKey, API_ID_PURPOSE);
  return {
    keyIdOf: (apiKey) => {
      const minted = MINTED_API_KEY.exec(apiKey)?.[1];
      if (minted !== undefined || !BROUGHT_API_KEY.test(apiKey)) return minted;
      return `own-${toHex(hmacSha256(idKey, apiKey).subarray(0, BROUGHT_KEY_ID_BYTES))}`;
    },
    hash: (apiKey) => hmacSha256(hashKey, apiKey),
  };
}

/** Who a stored key speaks for; undefined when it is switched off, or when its role is not one that this program knows. */
export function principalOf(key: StoredKey): Principal | undefined {
  const role = roleNumbered(key.role);
  if (role === undefined || key.inactive) return undefined;
  return {
    keyId: key.keyId,
    role,
    buckets: key.buckets.length === 0 ? undefined : key.buckets,
    owner: { id: key.ownerId, displayName: key.ownerDisplayName },
    ...(key.namespaces.length > 0 && { namespaces: key.namespaces }),
    ...(key.inflightLimit > 0 && { inflightLimit: key.inflightLimit }),
  };
}

function roleNumbered(value: number): Role | undefined {
  switch (value) {
    case KEY_ROLE.reader:
      return "reader";
    case KEY_ROLE.writer:
      return "writer";
    case KEY_ROLE.admin:
      return "admin";
    case KEY_ROLE.user:
      return "user";
    default:
      return undefined;
  }
}

function storedKey(
  keyId: string,
  kind: number,
  grant: KeyGrant,
  secret: { readonly secretSealed?: Uint8Array; readonly secretHash?: Uint8Array },
): StoredKey {
  checkBuckets(grant.buckets);
  checkNamespaces(grant.namespaces);
  return {
    keyId,
    kind,
    role: KEY_ROLE[grant.role],
    secretSealed: secret.secretSealed ?? new Uint8Array(0),
    secretHash: secret.secretHash ?? new Uint8Array(0),
    previousSecretHash: new Uint8Array(0),
    previousUntilMs: 0n,
    buckets: grant.buckets ?? [],
    namespaces: grant.namespaces ?? [],
    ownerId: grant.owner.id,
    ownerDisplayName: grant.owner.displayName,
    userName: grant.user?.name ?? "",
    userId: grant.user?.userId ?? "",
    inactive: false,
    inflightLimit: grant.inflightLimit ?? 0,
  };
}

/** In a row an empty list means every bucket: a grant of no bucket must not become one of all. */
function checkBuckets(buckets: readonly string[] | undefined): void {
  if (buckets === undefined) return;
  if (buckets.length === 0)
    throw new AccessError("key-invalid", "a bucket allow-list names at least one bucket");
  if (buckets.length > MAX_KEY_BUCKETS) {
    throw new AccessError("key-invalid", `a bucket allow-list names at most ${MAX_KEY_BUCKETS} buckets`);
  }
  if (buckets.includes("")) throw new AccessError("key-invalid", "a bucket allow-list has no empty names");
}

function checkS3Key(keyId: string, secret: string): void {
  if (!/^[A-Za-z0-9._-]+$/.test(keyId)) {
    throw new AccessError("key-invalid", "an access key id has only letters, digits, '.', '_' and '-'");
  }
  checkLength("an access key id", keyId, MIN_S3_KEY_ID_CHARACTERS, MAX_S3_KEY_ID_CHARACTERS);
  if (!/^[\x21-\x7e]*$/.test(secret)) {
    throw new AccessError("key-invalid", "a secret access key has only printable ASCII without spaces");
  }
  checkLength("a secret access key", secret, MIN_S3_SECRET_CHARACTERS, MAX_S3_SECRET_CHARACTERS);
}

function checkLength(what: string, text: string, least: number, most: number): void {
  if (text.length >= least && text.length <= most) return;
  throw new AccessError("key-invalid", `${what} has ${least} to ${most} characters, this one ${text.length}`);
}

/** Binds a sealed secret to its row and field. */
function sealContext(keyId: string): string {
  return `key/${keyId}/secret`;
}

export function randomBase32(characters: number, randomBytes: RandomBytes): string {
  let text = "";
  for (const byte of randomBytes(characters)) text += BASE32[byte & 31];
  return text;
}
