import { type ApiKeyHasher, authenticateBearer } from "../access/index.ts";
import type { IdentityDirectory } from "../identity/index.ts";
import type { Metadata } from "../meta/index.ts";
import type { RpcAuthenticator } from "../rpc/index.ts";
import type { NodeLimits } from "./caller-limits.ts";
import { refusedWhenUnreadable } from "./readable.ts";

/** Bearer keys from the replicated metadata; whoever guesses is slowed down. */
export function apiAuthenticator(
  metadata: Metadata,
  identities: IdentityDirectory,
  hasher: ApiKeyHasher,
  limits: Pick<NodeLimits, "failedAuthentication">,
): RpcAuthenticator {
  return {
    authenticate: (header, source) => {
      const authentication = refusedWhenUnreadable(() =>
        authenticateBearer(header, metadata.view, hasher, (key) => identities.principalOfKey(key)),
      );
      if (authentication.kind !== "refused") return authentication;
      const decision = limits.failedAuthentication(source, authentication.claimedKeyId);
      return decision.kind === "limited" ? decision : authentication;
    },
  };
}
