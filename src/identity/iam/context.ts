import type { Sealer } from "../../access/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import type { IssuerKeys } from "../ports.ts";
import type { IdentityStore } from "../store.ts";

/** What the use cases on identities of an account share. */
export interface IamContext {
  readonly store: IdentityStore;
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
  readonly issuerKeys: IssuerKeys;
}
