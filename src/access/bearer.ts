/** From an `Authorization: Bearer sk_...` header to a principal. */

import { equalSecrets } from "./crypto.ts";
import { type ApiKeyHasher, principalOf } from "./keys.ts";
import { KEY_KIND, type KeyDirectory, type StoredKey } from "./ports.ts";
import type { Principal } from "./types.ts";

export type Authentication =
  | { readonly kind: "authenticated"; readonly principal: Principal }
  /** No credential at all: the gate decides. */
  | { readonly kind: "anonymous" }
  /**
   * A credential that does not hold. `claimedKeyId` is what the caller says (for the limit on failures and the audit log); the answer to
   * the caller must be the same for every reason.
   */
  | {
      readonly kind: "refused";
      readonly reason: "malformed" | "unknown-key" | "wrong-secret" | "unknown-role";
      readonly claimedKeyId: string | undefined;
    };

/** Longest header that is looked at, in characters. */
export const MAX_AUTHORIZATION_CHARACTERS = 1024;

/** What an unknown key is compared with, so that the answer takes as long as for a known one. */
const NO_HASH = new Uint8Array(32);

export interface BearerOptions {
  readonly keys: KeyDirectory;
  readonly hasher: ApiKeyHasher;
  /** Milliseconds since the Unix epoch: whether a secret of before a rotation still works. */
  readonly nowMs: number;
  /** Who stands behind a key; undefined: nobody any more. */
  readonly resolve?: (key: StoredKey) => Principal | undefined;
}

/** `header` is the value of the Authorization header, undefined when there is none. */
export function authenticateBearer(
  header: string | undefined,
  { keys, hasher, nowMs, resolve = principalOf }: BearerOptions,
): Authentication {
  if (header === undefined || header === "") return { kind: "anonymous" };
  const apiKey = bearerToken(header);
  const keyId = apiKey === undefined ? undefined : hasher.keyIdOf(apiKey);
  if (apiKey === undefined || keyId === undefined) {
    return { kind: "refused", reason: "malformed", claimedKeyId: undefined };
  }
  const stored = keys.key(keyId);
  const known = stored !== undefined && stored.kind === KEY_KIND.api;
  // Both are always compared, so that the time tells nothing.
  const hash = hasher.hash(apiKey);
  const isPresent = equalSecrets(hash, known ? stored.secretHash : NO_HASH);
  const mayBePrevious = known && nowMs < Number(stored.previousUntilMs);
  const isPrevious = equalSecrets(hash, mayBePrevious ? stored.previousSecretHash : NO_HASH);
  const matches = isPresent || isPrevious;
  if (!known) return { kind: "refused", reason: "unknown-key", claimedKeyId: keyId };
  if (!matches) return { kind: "refused", reason: "wrong-secret", claimedKeyId: keyId };
  const principal = resolve(stored);
  if (principal === undefined) return { kind: "refused", reason: "unknown-role", claimedKeyId: keyId };
  return { kind: "authenticated", principal };
}

/** RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1). */
function bearerToken(header: string): string | undefined {
  if (header.length > MAX_AUTHORIZATION_CHARACTERS) return undefined;
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}
