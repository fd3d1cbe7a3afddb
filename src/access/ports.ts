/** What access asks of others. */

/** Unpredictable bytes: `Random.bytes` of the platform. */
export type RandomBytes = (length: number) => Uint8Array;

/** The fields of a key's row that access reads; a row of the replicated metadata has this shape. */
export interface StoredKey {
  readonly keyId: string;
  /** One of KEY_KIND. */
  readonly kind: number;
  /** One of KEY_ROLE. */
  readonly role: number;
  /** S3: the secret, sealed. API: empty. */
  readonly secretSealed: Uint8Array;
  /** API: the keyed hash of the whole key. S3: empty. */
  readonly secretHash: Uint8Array;
  /** API: the hash of the secret before the last rotation, or empty. */
  readonly previousSecretHash: Uint8Array;
  /** Until when that one works, in milliseconds since the Unix epoch; 0: it does not. */
  readonly previousUntilMs: bigint;
  /** Empty: every bucket. */
  readonly buckets: readonly string[];
  /** Scopes; empty: every namespace, unless it is limited to buckets. */
  readonly namespaces: readonly string[];
  readonly ownerId: string;
  readonly ownerDisplayName: string;
  /** The IAM user of the owner's account whose key it is, as it was called then; "": the account's own. */
  readonly userName: string;
  /** The unique id of that user. */
  readonly userId: string;
  /** Switched off. */
  readonly inactive: boolean;
  /** 0: the configured number. */
  readonly inflightLimit: number;
}

/** Where keys are looked up. It follows the replicated metadata, so that a revoked key is gone as soon as the revocation is applied. */
export interface KeyDirectory {
  key(keyId: string): StoredKey | undefined;
}

/** Numbers of `skerry.meta.v1.KeyKind`. */
export const KEY_KIND = { s3: 1, api: 2 } as const;

/** Numbers of `skerry.meta.v1.KeyRole`. */
export const KEY_ROLE = { reader: 1, writer: 2, admin: 3, user: 4 } as const;
