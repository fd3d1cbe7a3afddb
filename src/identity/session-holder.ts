import { AccessError, openSession, type Principal, type Sealer } from "../access/index.ts";
import type { IdentityDirectory } from "./directory.ts";

/** Whom a session's token speaks for. */
export interface SessionHolder {
  readonly principal: Principal;
  readonly secret: string;
  readonly expiresAtMs: number;
}

/** Undefined: the token is not one of this key's, or its account, its user or its role is gone. Does not look at the time. */
export function sessionHolder(
  directory: IdentityDirectory,
  sealer: Sealer,
  { keyId, token }: { readonly keyId: string; readonly token: string },
): SessionHolder | undefined {
  try {
    const claims = openSession(keyId, token, sealer);
    const principal = directory.principalOfSession(keyId, claims);
    return principal && { principal, secret: claims.secret, expiresAtMs: claims.expiresAtMs };
  } catch (error) {
    if (error instanceof AccessError && error.code === "session-invalid") return undefined;
    throw error;
  }
}
