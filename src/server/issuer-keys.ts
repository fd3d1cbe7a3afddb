/**
 * Keys of OpenID Connect issuers, as each publishes them: `<issuer>/.well-known/openid-configuration` names the document that has them (OpenID Connect
 * Discovery 1.0, section 4). An issuer is an address that a user wrote: it is asked over TLS only, at public addresses only unless the operator
 * allows others, without redirections, with a bound on time, bytes and how often.
 */

import { LRUCache } from "lru-cache";
import { type IssuerKey, readIssuerKeys } from "../access/index.ts";
import { IdentityError, type IssuerKeys } from "../identity/index.ts";
import type { Logger } from "../observe/index.ts";
import type { Clock } from "../platform/index.ts";
import { type GuardedFetchOptions, getJson } from "./guarded-fetch.ts";

/** How long keys are believed without asking again. */
const FRESH_MS = 3_600_000;
/** How soon an issuer is asked again that failed, or that did not know a key. */
const RETRY_MS = 60_000;
/** How long keys are good while the issuer cannot be asked. */
const STALE_MS = 86_400_000;
const MAX_ISSUERS = 1000;
/** Issuers that are asked at once. */
const MAX_UNDER_WAY = 8;

interface Known {
  readonly keys: readonly IssuerKey[];
  /** When the keys came. */
  readonly fetchedMs: number;
  /** When they were asked for last, in vain or not. */
  readonly askedMs: number;
}

type Issuer = Parameters<IssuerKeys["keysOf"]>[0];

export interface IssuerKeySourceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Blocks of addresses that issuers may have although they are not public. */
  readonly privateNetworks: readonly string[];
}

export class IssuerKeySource implements IssuerKeys {
  readonly #options: IssuerKeySourceOptions;
  readonly #known = new LRUCache<string, Known>({ max: MAX_ISSUERS });
  readonly #underWay = new Map<string, Promise<Known>>();

  constructor(options: IssuerKeySourceOptions) {
    this.#options = options;
  }

  async keysOf(issuer: Issuer, wantedKeyId: string | undefined): Promise<readonly IssuerKey[]> {
    const name = JSON.stringify([issuer.url, issuer.thumbprints]);
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#known.get(name);
    const isDue = known === undefined || isWorthAsking(known, wantedKeyId, nowMs);
    const { keys, fetchedMs } = isDue ? await this.#ask(name, issuer) : known;
    if (keys.length === 0 || nowMs - fetchedMs > STALE_MS) {
      throw new IdentityError("issuer-unreachable", "The keys of the identity provider could not be read");
    }
    return keys;
  }

  /** One at a time for each issuer, whoever waits. */
  #ask(name: string, issuer: Issuer): Promise<Known> {
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      return Promise.reject(
        new IdentityError("overloaded", "Too many identity providers are asked for their keys"),
      );
    }
    const asked = this.#fetch(name, issuer).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asked);
    return asked;
  }

  async #fetch(name: string, issuer: Issuer): Promise<Known> {
    const { clock, logger, privateNetworks } = this.#options;
    let keys: readonly IssuerKey[] | undefined;
    try {
      keys = await fetchKeys(issuer, { thumbprints: issuer.thumbprints, privateNetworks });
    } catch (error) {
      logger.warn("the keys of an identity provider could not be read", { issuer: issuer.url, error });
    }
    const askedMs = clock.monotonicMs();
    const before = this.#known.get(name) ?? { keys: [], fetchedMs: askedMs };
    const known = keys === undefined ? { ...before, askedMs } : { keys, fetchedMs: askedMs, askedMs };
    this.#known.set(name, known);
    return known;
  }
}

/** Known keys are enough for an hour; for one that is not among them, and after a failure, the issuer is asked again, but not each time. */
function isWorthAsking(
  { keys, fetchedMs, askedMs }: Known,
  wantedKeyId: string | undefined,
  nowMs: number,
): boolean {
  if (nowMs - askedMs < RETRY_MS) return false;
  const isThere = keys.some(({ keyId }) => wantedKeyId === undefined || keyId === wantedKeyId);
  return !isThere || nowMs - fetchedMs >= FRESH_MS;
}

async function fetchKeys({ url }: Issuer, options: GuardedFetchOptions): Promise<readonly IssuerKey[]> {
  const found = (await getJson(new URL(`https://${url}/.well-known/openid-configuration`), options)) as {
    readonly issuer?: unknown;
    readonly jwks_uri?: unknown;
  } | null;
  const isIts =
    found?.issuer === `https://${url}` || found?.issuer === `https://${url}/` || found?.issuer === url;
  if (!isIts) throw new Error("the configuration is of another issuer");
  const keys = readIssuerKeys(await getJson(new URL(String(found?.jwks_uri)), options));
  if (keys === undefined || keys.length === 0) throw new Error("there is no key that could be used");
  return keys;
}
