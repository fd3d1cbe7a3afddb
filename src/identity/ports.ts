/** What this module asks of others. */

import type { IssuerKey } from "../access/index.ts";

/** Where the keys of OpenID Connect issuers come from. */
export interface IssuerKeys {
  /**
   * The keys as they are known; looked up anew where `wantedKeyId` is not among them, but not each time. `url` is without "https://". Rejects with
   * IdentityError "issuer-unreachable" and "overloaded".
   */
  keysOf(
    issuer: { readonly url: string; readonly thumbprints: readonly string[] },
    wantedKeyId: string | undefined,
  ): Promise<readonly IssuerKey[]>;
}
