import { type ApiKeyHasher, authenticateBearer, FailedAuthenticationLimiter } from "../access/index.ts";
import type { IdentityDirectory } from "../identity/index.ts";
import type { Metadata } from "../meta/index.ts";
import type { Clock } from "../platform/index.ts";
import type { RpcAuthenticator } from "../rpc/index.ts";

/** Bearer keys from the replicated metadata; whoever guesses is slowed down. */
export function apiAuthenticator(
  metadata: Metadata,
  identities: IdentityDirectory,
  hasher: ApiKeyHasher,
  clock: Clock,
): RpcAuthenticator {
  const failures = new FailedAuthenticationLimiter();
  return {
    authenticate: (header, source) => {
      const authentication = authenticateBearer(header, metadata.view, hasher, (key) =>
        identities.principalOfKey(key),
      );
      if (authentication.kind !== "refused") return authentication;
      const decision = failures.failed(source, authentication.claimedKeyId, clock.monotonicMs());
      return decision.kind === "limited" ? decision : authentication;
    },
  };
}
