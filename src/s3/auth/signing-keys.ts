import { LRUCache } from "lru-cache";
import { MAX_CACHED_SIGNING_KEYS } from "../limits.ts";
import { deriveSigningKey, type SigningKey } from "./hmac.ts";
import type { SignatureClaim } from "./signature-claim.ts";

interface Entry {
  readonly secret: string;
  readonly key: SigningKey;
}

/** Derived signing keys by access key, date, region and service. Only keys that exist get in; a new secret under an old id is noticed. */
export class SigningKeys {
  readonly #entries: LRUCache<string, Entry>;

  constructor(maxEntries: number = MAX_CACHED_SIGNING_KEYS) {
    this.#entries = new LRUCache({ max: maxEntries });
  }

  get(
    scope: Pick<SignatureClaim, "accessKeyId" | "date" | "region" | "service">,
    secret: string,
  ): SigningKey {
    const id = `${scope.accessKeyId}/${scope.date}/${scope.region}/${scope.service}`;
    const known = this.#entries.get(id);
    if (known !== undefined && known.secret === secret) return known.key;
    const key = deriveSigningKey(secret, scope.date, scope.region, scope.service);
    this.#entries.set(id, { secret, key });
    return key;
  }
}
