import { type ApiKeyHasher, authenticateBearer, type StoredKey } from "../access/index.ts";
import type { IdentityDirectory } from "../identity/index.ts";
import type { Metadata } from "../meta/index.ts";
import type { Clock } from "../platform/index.ts";
import type { RpcAuthenticator } from "../rpc/index.ts";
import type { NodeLimits } from "./caller-limits.ts";
import { refusedWhenUnreadable } from "./readable.ts";

/** Bearer keys from the replicated metadata; whoever guesses is slowed down. */
export function apiAuthenticator(
  { metadata, identities }: { readonly metadata: Metadata; readonly identities: IdentityDirectory },
  hasher: ApiKeyHasher,
  limits: Pick<NodeLimits, "failedAuthentication">,
  clock: Clock,
): RpcAuthenticator {
  const resolve = (key: StoredKey) => identities.principalOfKey(key);
  return {
    authenticate: (header, source) => {
      const authentication = refusedWhenUnreadable(() =>
        authenticateBearer(header, { keys: metadata.view, hasher, nowMs: clock.wallMs(), resolve }),
      );
      if (authentication.kind !== "refused") return authentication;
      const decision = limits.failedAuthentication(source, authentication.claimedKeyId);
      return decision.kind === "limited" ? decision : authentication;
    },
  };
}
