/**
 * Limits on who may ask how often and how much at once. Pure: the time comes in with every call, in milliseconds of a monotonic clock.
 * Every table has a greatest number of entries, so that a caller who makes up names cannot fill the memory. The tables lie in memory that threads share:
 * limiters with the same memory, on whatever threads, count together.
 */

import { assert, SharedTable } from "../base/index.ts";
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

// What a table keeps of a name.
const TOKENS = 0;
const UPDATED_MS = 1;
const REQUESTS = 0;

const ALLOW: RateDecision = { kind: "allow" };

/** One token bucket for each name. */
export class RateLimiter {
  readonly #limit: RateLimit;
  /** In order of last use. */
  readonly #buckets: SharedTable;

  /** `memory`: of `RateLimiter.memory`. */
  constructor(limit: RateLimit, memory: SharedArrayBuffer) {
    assert(limit.perSecond > 0 && limit.burst >= 1, "a rate limit lets something through");
    this.#limit = limit;
    this.#buckets = new SharedTable(memory);
  }

  /** Where the limiters of all threads count. `seed`: `SHARED_TABLE_SEED_BYTES` random bytes. */
  static memory(maxNames: number, seed: Uint8Array): SharedArrayBuffer {
    return SharedTable.memory({ capacity: maxNames, values: 2, totals: 0 }, seed);
  }

  /** Takes a token of this name when there is one. */
  take(name: string, nowMs: number): RateDecision {
    const buckets = this.#buckets;
    buckets.lockFor(name);
    const known = buckets.find();
    const bucket = known === 0 ? this.#add(nowMs) : this.#refill(known, nowMs);
    const tokens = buckets.value(bucket, TOKENS);
    if (tokens >= 1) buckets.setValue(bucket, TOKENS, tokens - 1);
    buckets.unlock();
    if (tokens >= 1) return ALLOW;
    return { kind: "limited", retryAfterMs: Math.ceil(((1 - tokens) / this.#limit.perSecond) * 1000) };
  }

  get names(): number {
    return this.#buckets.size;
  }

  #refill(bucket: number, nowMs: number): number {
    const buckets = this.#buckets;
    const updatedMs = buckets.value(bucket, UPDATED_MS);
    // A clock that went back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - updatedMs);
    const tokens = buckets.value(bucket, TOKENS) + (elapsedMs / 1000) * this.#limit.perSecond;
    buckets.setValue(bucket, TOKENS, Math.min(this.#limit.burst, tokens));
    buckets.setValue(bucket, UPDATED_MS, Math.max(updatedMs, nowMs));
    buckets.touch(bucket);
    return bucket;
  }

  /** Makes room by forgetting the name that was used least recently: its bucket is the one most likely to be full again. */
  #add(nowMs: number): number {
    const buckets = this.#buckets;
    if (buckets.isFull) buckets.remove(buckets.oldest);
    const bucket = buckets.add();
    buckets.setValue(bucket, TOKENS, this.#limit.burst);
    buckets.setValue(bucket, UPDATED_MS, nowMs);
    return bucket;
  }
}

export interface InflightLimits {
  /** Requests under way of all names together. */
  readonly all: number;
  /** Of one name, unless it has a limit of its own. */
  readonly perName: number;
}

/** How many requests are under way, of each name and altogether. */
export class InflightLimiter {
  readonly #limits: InflightLimits;
  /** Names with requests under way: never more than requests, so there is always room for one more. */
  readonly #inflight: SharedTable;

  /** `memory`: of `InflightLimiter.memory`. */
  constructor(limits: InflightLimits, memory: SharedArrayBuffer) {
    const { all, perName } = limits;
    assert(Number.isInteger(perName) && perName >= 1, "an inflight limit lets something through");
    this.#limits = limits;
    this.#inflight = new SharedTable(memory);
    assert(this.#inflight.capacity === all, "each request under way may be of another name");
  }

  /** Where the limiters of all threads count. `seed`: `SHARED_TABLE_SEED_BYTES` random bytes. */
  static memory({ all }: Pick<InflightLimits, "all">, seed: Uint8Array): SharedArrayBuffer {
    return SharedTable.memory({ capacity: all, values: 1, totals: 1 }, seed);
  }

  /**
   * Undefined when there are as many under way as there may be, of the name or altogether. Otherwise a function to be called when the request is over;
   * calling it again does nothing. `limit` overrides the limit for this name.
   */
  enter(name: string, limit: number = this.#limits.perName): (() => void) | undefined {
    const entry = this.#enter(name, limit);
    if (entry === 0) return undefined;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(entry);
    };
  }

  inflight(name: string): number {
    this.#inflight.lockFor(name);
    const entry = this.#inflight.find();
    const present = entry === 0 ? 0 : this.#inflight.value(entry, REQUESTS);
    this.#inflight.unlock();
    return present;
  }

  /** Requests under way altogether. */
  get underWay(): number {
    this.#inflight.lock();
    const present = this.#inflight.total(REQUESTS);
    this.#inflight.unlock();
    return present;
  }

  /** The name's entry, which stays where it is while a request of it is under way. 0: no. */
  #enter(name: string, limit: number): number {
    const table = this.#inflight;
    table.lockFor(name);
    let entry = 0;
    if (table.total(REQUESTS) < this.#limits.all) {
      const known = table.find();
      const present = known === 0 ? 0 : table.value(known, REQUESTS);
      if (present < limit) {
        entry = known === 0 ? table.add() : known;
        table.setValue(entry, REQUESTS, present + 1);
        table.addToTotal(REQUESTS, 1);
      }
    }
    table.unlock();
    return entry;
  }

  #leave(entry: number): void {
    const table = this.#inflight;
    table.lock();
    const present = table.value(entry, REQUESTS);
    if (present === 1) table.remove(entry);
    else table.setValue(entry, REQUESTS, present - 1);
    table.addToTotal(REQUESTS, -1);
    table.unlock();
    assert(present > 0, "a request that ends was under way");
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

/** Where the limiters of all threads count. */
export interface FailedAuthenticationMemory {
  readonly sources: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
}

/**
 * Slows down whoever guesses. It is asked only after an authentication has failed, so that somebody who sends wrong signatures for a key of
 * another cannot lock that other out.
 */
export class FailedAuthenticationLimiter {
  readonly #sources: RateLimiter;
  readonly #keys: RateLimiter;

  constructor(
    { perSource, perKey }: Pick<FailedAuthenticationLimits, "perSource" | "perKey">,
    memory: FailedAuthenticationMemory,
  ) {
    this.#sources = new RateLimiter(perSource, memory.sources);
    this.#keys = new RateLimiter(perKey, memory.keys);
  }

  /** `seed`: `SHARED_TABLE_SEED_BYTES` random bytes. */
  static memory(
    { maxSources, maxKeys }: Pick<FailedAuthenticationLimits, "maxSources" | "maxKeys">,
    seed: Uint8Array,
  ): FailedAuthenticationMemory {
    return { sources: RateLimiter.memory(maxSources, seed), keys: RateLimiter.memory(maxKeys, seed) };
  }

  /**
   * Counts one failure. "limited": answer with "slow down" and a Retry-After instead of saying what was wrong. `source` is the peer's
   * address, `claimedKeyId` what the caller said, if anything.
   */
  failed(source: string, claimedKeyId: string | undefined, nowMs: number): RateDecision {
    const bySource = this.#sources.take(sourceName(source), nowMs);
    const byKey = claimedKeyId === undefined ? ALLOW : this.#keys.take(claimedKeyId.slice(0, 128), nowMs);
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
