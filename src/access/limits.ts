/**
 * Limits on who may ask how often and how much at once. Pure: the time comes in with every call, in milliseconds of a monotonic clock.
 * Every table has a greatest number of entries, so that a caller who makes up names cannot fill the memory.
 */

import { assert } from "../base/index.ts";
import type { Principal } from "./types.ts";

export type RateDecision =
  | { readonly kind: "allow" }
  /** `retryAfterMs`: when the next one would be allowed, if nobody else asks. */
  | { readonly kind: "limited"; readonly retryAfterMs: number };

/** `of`: whose requests were too many. */
export type CallerRateDecision =
  | Extract<RateDecision, { kind: "allow" }>
  | (Extract<RateDecision, { kind: "limited" }> & { readonly of: "caller" | "organization" });

export interface RateLimit {
  /** Tokens that come back in a second. */
  readonly perSecond: number;
  /** Tokens of a full bucket. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  updatedMs: number;
}

/** One token bucket for each name. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #maxNames: number;
  /** In order of last use, least recent first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, maxNames: number) {
    assert(limit.perSecond > 0 && limit.burst >= 1, "a rate limit lets something through");
    assert(maxNames >= 1, "a rate limiter has room for a name");
    this.#limit = limit;
    this.#maxNames = maxNames;
  }

  /** Takes a token of this name when there is one. */
  take(name: string, nowMs: number): RateDecision {
    const bucket = this.#refilled(name, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return { kind: "allow" };
    }
    return { kind: "limited", retryAfterMs: Math.ceil(((1 - bucket.tokens) / this.#limit.perSecond) * 1000) };
  }

  get names(): number {
    return this.#buckets.size;
  }

  #refilled(name: string, nowMs: number): Bucket {
    const found = this.#buckets.get(name);
    if (found === undefined) return this.#add(name, nowMs);
    // A clock that went back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - found.updatedMs);
    found.tokens = Math.min(this.#limit.burst, found.tokens + (elapsedMs / 1000) * this.#limit.perSecond);
    found.updatedMs = Math.max(found.updatedMs, nowMs);
    this.#buckets.delete(name);
    this.#buckets.set(name, found);
    return found;
  }

  /** Makes room by forgetting the name that was used least recently: its bucket is the one most likely to be full again. */
  #add(name: string, nowMs: number): Bucket {
    if (this.#buckets.size >= this.#maxNames) {
      const oldest = this.#buckets.keys().next();
      if (!oldest.done) this.#buckets.delete(oldest.value);
    }
    const bucket = { tokens: this.#limit.burst, updatedMs: nowMs };
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

/** How many requests of each name are under way. */
export class InflightLimiter {
  readonly #limit: number;
  readonly #inflight = new Map<string, number>();

  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit >= 1, "an inflight limit lets something through");
    this.#limit = limit;
  }

  /**
   * Undefined when the name has as many under way as it may. Otherwise a function to be called when the request is over; calling it again
   * does nothing. `limit` overrides the limit for this name.
   */
  enter(name: string, limit: number = this.#limit): (() => void) | undefined {
    const present = this.#inflight.get(name) ?? 0;
    if (present >= limit) return undefined;
    this.#inflight.set(name, present + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(name);
    };
  }

  inflight(name: string): number {
    return this.#inflight.get(name) ?? 0;
  }

  #leave(name: string): void {
    const present = this.#inflight.get(name) ?? 0;
    assert(present > 0, "a request that ends was under way");
    if (present === 1) this.#inflight.delete(name);
    else this.#inflight.set(name, present - 1);
  }
}

/**
 * Under which name a caller's requests are counted by the second: its key; of sessions the user or the role that they are of, because new ones can be had
 * at will; of nobody the source.
 */
export function rateName(principal: Principal, source: string): string {
  const { caller, context } = principal.identity ?? {};
  if (caller?.kind === "anonymous") return `source/${sourceName(source)}`;
  const isOfSession =
    caller !== undefined && "uniqueId" in caller && context?.has("aws:tokenissuetime") === true;
  return isOfSession ? `session/${caller.uniqueId}` : `key/${principal.keyId}`;
}

export interface FailedAuthenticationLimits {
  readonly perSource: RateLimit;
  readonly perKey: RateLimit;
  readonly maxSources: number;
  readonly maxKeys: number;
}

export const DEFAULT_FAILED_AUTHENTICATION_LIMITS: FailedAuthenticationLimits = {
  perSource: { perSecond: 5, burst: 20 },
  perKey: { perSecond: 5, burst: 20 },
  maxSources: 10_000,
  maxKeys: 10_000,
};

/**
 * Slows down whoever guesses. It is asked only after an authentication has failed, so that somebody who sends wrong signatures for a key of
 * another cannot lock that other out.
 */
export class FailedAuthenticationLimiter {
  readonly #sources: RateLimiter;
  readonly #keys: RateLimiter;

  constructor(limits: FailedAuthenticationLimits = DEFAULT_FAILED_AUTHENTICATION_LIMITS) {
    this.#sources = new RateLimiter(limits.perSource, limits.maxSources);
    this.#keys = new RateLimiter(limits.perKey, limits.maxKeys);
  }

  /**
   * Counts one failure. "limited": answer with "slow down" and a Retry-After instead of saying what was wrong. `source` is the peer's
   * address, `claimedKeyId` what the caller said, if anything.
   */
  failed(source: string, claimedKeyId: string | undefined, nowMs: number): RateDecision {
    const bySource = this.#sources.take(sourceName(source), nowMs);
    const byKey: RateDecision =
      claimedKeyId === undefined ? { kind: "allow" } : this.#keys.take(claimedKeyId.slice(0, 128), nowMs);
    if (bySource.kind === "allow") return byKey;
    if (byKey.kind === "allow") return bySource;
    return bySource.retryAfterMs >= byKey.retryAfterMs ? bySource : byKey;
  }
}

/**
 * The name under which a source is counted: an IPv4 address (also when it is mapped into IPv6), or the first 64 bits of an IPv6 address,
 * because one subscriber has all the addresses behind them (RFC 6177).
 */
export function sourceName(address: string): string {
  const plain = (address.split("%")[0] ?? "").toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::", 2);
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...new Array<string>(zeros).fill("0"), ...back];
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}
