/** Which keys a key may mint, see, rotate and revoke. Whoever rotates a key gets hold of its secret: the rule is the same for all of them. */

import type { KeyGrant } from "./keys.ts";
import { mayTouchNamespace } from "./namespaces.ts";
import { ROLES } from "./roles.ts";
import type { Principal } from "./types.ts";

/** How far a key reaches, there already or wanted. */
export interface KeyReach extends Pick<KeyGrant, "role" | "buckets" | "namespaces"> {
  readonly kind: "s3" | "api";
  /** 0: what the node gives to keys without a limit of their own. */
  readonly inflightLimit: number;
}

/**
 * In which respect a key reaches further than the principal's own; undefined: in none. "role": it may do more. "scope": it may do it elsewhere, or is not an API key
 * of the principal's namespaces. "inflight": more requests of it may be under way. The last two bound only principals that are limited to namespaces.
 */
export function widerThan(principal: Principal, key: KeyReach): "role" | "scope" | "inflight" | undefined {
  if (ROLES.indexOf(key.role) > ROLES.indexOf(principal.role)) return "role";
  if (principal.namespaces === undefined) return undefined;
  const isWithinOwn =
    key.kind === "api" &&
    key.role !== "user" &&
    key.buckets === undefined &&
    key.namespaces?.every((scope) => mayTouchNamespace(principal, scope)) === true;
  if (!isWithinOwn) return "scope";
  const { inflightLimit } = principal;
  if (inflightLimit === undefined) return undefined;
  return key.inflightLimit === 0 || key.inflightLimit > inflightLimit ? "inflight" : undefined;
}
