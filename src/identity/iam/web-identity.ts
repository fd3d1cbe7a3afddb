/** Whoever shows a token of an OpenID Connect provider that an account trusts. */

import {
  conditionKeyName,
  type Principal,
  readWebToken,
  verifyWebToken,
  type WebIdentity,
  type WebTokenVerdict,
} from "../../access/index.ts";
import { IdentityError } from "../errors.ts";
import type { IamContext } from "./context.ts";
import { type IdentityProvider, providerOfIssuer } from "./providers.ts";

/** Somebody who was proved to be whom a provider says. */
export interface ProvedWebIdentity {
  readonly principal: Principal;
  readonly identity: WebIdentity;
  readonly provider: IdentityProvider;
}

/** For a role of `account`, whose provider's word counts there and nowhere else. Refuses "token-invalid", "token-expired", and what IssuerKeys refuses. */
export async function proveWebIdentity(
  context: IamContext,
  account: { readonly canonicalId: string; readonly accountId: string },
  text: string,
): Promise<ProvedWebIdentity> {
  const token = readWebToken(text);
  if (token === undefined) {
    throw new IdentityError(
      "token-invalid",
      "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    );
  }
  const provider = providerOfIssuer(context, account, token.issuer);
  if (provider === undefined) {
    throw new IdentityError(
      "token-invalid",
      "No OpenIDConnect provider found in your account for the issuer of the token",
    );
  }
  const keys = await context.issuerKeys.keysOf(provider, token.keyId);
  const nowMs = context.clock.wallMs();
  const verdict = verifyWebToken(token, { keys, clientIds: provider.clientIds, nowMs });
  if (verdict.kind !== "valid") throw refusalOf(verdict);
  const { identity } = verdict;
  return { provider, identity, principal: principalOf(account, provider, identity) };
}

function refusalOf(verdict: Exclude<WebTokenVerdict, { readonly kind: "valid" }>): IdentityError {
  switch (verdict.kind) {
    case "expired":
      return new IdentityError("token-expired", "Token expired");
    case "unknown-key":
      return new IdentityError(
        "token-invalid",
        "Couldn't retrieve verification key from your identity provider",
      );
    case "invalid":
      return new IdentityError("token-invalid", verdict.reason);
  }
}

/** Has nothing of itself: what a trust policy says of the provider and its claims is all that counts. */
function principalOf(
  { canonicalId }: { readonly canonicalId: string },
  { arn, url }: IdentityProvider,
  { subject, audiences, authorizedParty, methods }: WebIdentity,
): Principal {
  const claims: readonly (readonly [string, readonly string[]])[] = [
    ["aws:FederatedProvider", [arn]],
    ["aws:PrincipalType", ["FederatedUser"]],
    [`${url}:sub`, [subject]],
    [`${url}:aud`, audiences],
    [`${url}:app_id`, audiences],
    [`${url}:azp`, authorizedParty === undefined ? [] : [authorizedParty]],
    [`${url}:amr`, methods],
  ];
  const present = claims.filter(([, values]) => values.length > 0);
  return {
    keyId: `oidc:${url}`,
    role: "user",
    buckets: undefined,
    owner: { id: canonicalId, displayName: "" },
    identity: {
      caller: { kind: "federated", provider: arn },
      policies: [],
      sessionPolicies: undefined,
      context: new Map(present.map(([key, values]) => [conditionKeyName(key), values])),
    },
  };
}
