import { LRUCache } from "lru-cache";
import { KEY_KIND, openS3Secret, type Sealer } from "../access/index.ts";
import { type IdentityDirectory, sessionHolder } from "../identity/index.ts";
import type { MetadataClient } from "../meta/index.ts";
import type { Credential, CredentialSource } from "../s3/index.ts";
import { refusedWhenUnreadable } from "./readable.ts";

/** Keys whose secrets are kept unsealed in memory at once. */
const MAX_CACHED_CREDENTIALS = 10_000;

/**
 * S3 access keys from the replicated metadata. Unsealed secrets are cached until any key or identity changes, so that a revoked key stops working on a node
 * with the apply of its revocation.
 */
export function s3Credentials(
  { view }: MetadataClient,
  identities: IdentityDirectory,
  sealer: Sealer,
): CredentialSource {
  const cache = new LRUCache<string, Credential>({ max: MAX_CACHED_CREDENTIALS });
  let version = view.keysVersion();
  return {
    lookup: (accessKeyId) => {
      const present = view.keysVersion();
      if (present !== version) cache.clear();
      version = present;
      const cached = cache.get(accessKeyId);
      if (cached !== undefined) return cached;
      const row = refusedWhenUnreadable(() => view.key(accessKeyId));
      if (row === undefined || Number(row.kind) !== KEY_KIND.s3) return undefined;
      const principal = refusedWhenUnreadable(() => identities.principalOfKey(row));
      if (principal === undefined) return undefined;
      const credential = { principal, secret: openS3Secret(row, sealer) };
      cache.set(accessKeyId, credential);
      return credential;
    },
    session: (keyId, token) => sessionHolder(identities, sealer, { keyId, token }),
  };
}
