/**
 * Temporary credentials. Everything that they are is in the token itself, sealed under the cluster's key, so that no table of them is kept and
 * every node can verify them. What they may do is looked up when they are used: a role or a user that is gone ends its sessions.
 *
 * Format 1 of a token: base64url of the sealed bytes (`seal.ts`) whose plaintext is one byte 0x01 and JSON in UTF-8, the members of
 * `SessionClaims`. It is sealed for the access key id that it belongs to, and opens for no other.
 */

import { concatBytes, fromBase64Url, toBase64Url } from "../base/index.ts";
import { AccessError } from "./errors.ts";
import { randomBase32 } from "./keys.ts";
import type { RandomBytes } from "./ports.ts";
import type { Sealer } from "./seal.ts";

export type SessionSubject =
  | { readonly kind: "account" }
  | { readonly kind: "user"; readonly userId: string }
  | {
      readonly kind: "role";
      readonly roleName: string;
      readonly roleId: string;
      readonly sessionName: string;
      /** ARN of the identity provider whose token it came of. */
      readonly provider?: string;
    };

export interface SessionClaims {
  readonly secret: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** The account that the session acts in. */
  readonly canonicalId: string;
  readonly subject: SessionSubject;
  /** Texts that confine the session further; undefined: nothing does. */
  readonly policies?: readonly string[];
}

export interface MintedSession {
  readonly keyId: string;
  readonly secret: string;
  readonly token: string;
}

const PREFIX = "ST";
const KEY_ID_CHARACTERS = 18;
const SECRET_BYTES = 30;
const FORMAT = 1;
/** Longest token that is looked at, in characters; headers are bounded anyway. */
export const MAX_SESSION_TOKEN_CHARACTERS = 12 * 1024;

export function mintSession(
  claims: Omit<SessionClaims, "secret">,
  sealer: Sealer,
  randomBytes: RandomBytes,
): MintedSession {
  const keyId = PREFIX + randomBase32(KEY_ID_CHARACTERS, randomBytes);
  const secret = toBase64Url(randomBytes(SECRET_BYTES));
  const json = new TextEncoder().encode(JSON.stringify({ secret, ...claims }));
  const sealed = sealer.seal(concatBytes([Uint8Array.of(FORMAT), json]), contextOf(keyId));
  return { keyId, secret, token: toBase64Url(sealed) };
}

/** Throws AccessError "session-invalid": not a token, not of this cluster, or another key's. Does not look at the time. */
export function openSession(keyId: string, token: string, sealer: Sealer): SessionClaims {
  const sealed = token.length > MAX_SESSION_TOKEN_CHARACTERS ? undefined : fromBase64Url(token);
  if (sealed === undefined) throw invalid();
  let plain: Uint8Array;
  try {
    plain = sealer.open(sealed, contextOf(keyId));
  } catch (error) {
    if (error instanceof AccessError) throw invalid();
    throw error;
  }
  // Whoever sealed it wrote it whole; another format is of another version.
  if (plain[0] !== FORMAT) throw invalid();
  return JSON.parse(new TextDecoder().decode(plain.subarray(1))) as SessionClaims;
}

function contextOf(keyId: string): string {
  return `session/${keyId}`;
}

function invalid(): AccessError {
  return new AccessError("session-invalid", "The provided token is malformed or otherwise invalid.");
}
