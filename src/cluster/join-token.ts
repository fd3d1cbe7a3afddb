/**
 * Join tokens: what an operator carries from the cluster to a new node.
 *
 *   skj_<43 characters: base64url of 32 random bytes>.<64 hexadecimal digits: SHA-256 of the CA certificate>
 *
 * The first part proves to the cluster that the operator let this node in; the second proves to the node that it talks to that cluster. The
 * cluster keeps only the SHA-256 of the first part. A token is good once and until it expires; the state machine sees to both, in the same
 * entry that registers the node.
 */

import { fromBase64Url, toBase64Url } from "../base/index.ts";
import type { Hasher, Random } from "../platform/ports.ts";
import { ClusterError } from "./errors.ts";

export const JOIN_TOKEN_BYTES = 32;
export const DEFAULT_JOIN_TOKEN_VALIDITY_MS = 3600 * 1000;
export const MAX_JOIN_TOKEN_VALIDITY_MS = 7 * 24 * 3600 * 1000;

const PREFIX = "skj_";
const TOKEN = /^skj_([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/;
/** Characters of the secret that lists show: 48 of its 256 bits. */
const TOKEN_ID_CHARACTERS = 8;

export interface JoinToken {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** 64 lower-case hexadecimal digits. */
  readonly caFingerprint: string;
}

/** The row that the metadata keeps of a token (`JoinTokenRow`). */
export interface JoinTokenRecord {
  readonly tokenId: string;
  readonly tokenHash: Uint8Array;
  readonly expiresAtMs: bigint;
  readonly createdAtMs: bigint;
}

export function formatJoinToken(token: JoinToken): string {
  return `${PREFIX}${toBase64Url(token.secret)}.${token.caFingerprint}`;
}

/** Surrounding white space is fine. Throws ClusterError "token-malformed". */
export function parseJoinToken(text: string): JoinToken {
  const found = TOKEN.exec(text.trim());
  const secret = fromBase64Url(found?.[1] ?? "");
  if (found?.[2] === undefined || secret?.length !== JOIN_TOKEN_BYTES) {
    throw new ClusterError(
      "token-malformed",
      "this is not a join token: it looks like skj_<43 characters>.<64 hexadecimal digits>",
      "copy the whole token that `skerry cluster join-token` printed, or make a new one",
    );
  }
  return { secret, caFingerprint: found[2] };
}

/** SHA-256 of the secret part, 32 bytes: the fingerprint is no secret and does not count. */
export function joinTokenHash(token: JoinToken, hasher: Pick<Hasher, "digest">): Uint8Array {
  return hasher.digest("sha256", token.secret);
}

export interface MintJoinTokenOptions {
  readonly caFingerprint: string;
  readonly nowMs: number;
  readonly validityMs?: number;
  readonly random: Random;
  readonly hasher: Pick<Hasher, "digest">;
}

/** A new token: `text` is shown once, `record` goes into the metadata. */
export function mintJoinToken(options: MintJoinTokenOptions): {
  readonly text: string;
  readonly record: JoinTokenRecord;
} {
  const validityMs = options.validityMs ?? DEFAULT_JOIN_TOKEN_VALIDITY_MS;
  if (!(validityMs > 0 && validityMs <= MAX_JOIN_TOKEN_VALIDITY_MS)) {
    throw new ClusterError(
      "token-malformed",
      `a join token is valid for at most ${MAX_JOIN_TOKEN_VALIDITY_MS / 3_600_000} hours`,
      "ask for a shorter time",
    );
  }
  const token = { secret: options.random.bytes(JOIN_TOKEN_BYTES), caFingerprint: options.caFingerprint };
  const text = formatJoinToken(token);
  return {
    text,
    record: {
      tokenId: text.slice(PREFIX.length, PREFIX.length + TOKEN_ID_CHARACTERS),
      tokenHash: joinTokenHash(token, options.hasher),
      createdAtMs: BigInt(Math.floor(options.nowMs)),
      expiresAtMs: BigInt(Math.floor(options.nowMs + validityMs)),
    },
  };
}

/** Whether one of these rows is this token and not yet over. Used rows are gone, so that "used" and "unknown" are the same. */
export function findJoinToken<Row extends JoinTokenRecord>(
  rows: readonly Row[],
  tokenHash: Uint8Array,
  nowMs: number,
): Row | undefined {
  return rows.find((row) => equalHashes(row.tokenHash, tokenHash) && Number(row.expiresAtMs) > nowMs);
}

/** Looks at every byte, whatever the first ones say. */
function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
