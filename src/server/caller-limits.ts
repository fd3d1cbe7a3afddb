import {
  type CallerRateDecision,
  FailedAuthenticationLimiter,
  type FailedAuthenticationMemory,
  InflightLimiter,
  type Principal,
  type RateDecision,
  type RateLimit,
  RateLimiter,
  ReplayCache,
  rateName,
} from "../access/index.ts";
import { SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import type { Logger, Metrics } from "../observe/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { ReplayGuard } from "../s3/index.ts";
import type { Config } from "./config/index.ts";
import { STRANGER_ENTRIES } from "./stranger-entries.ts";

/** How much callers may ask of this node, over all surfaces and threads together. */
export interface NodeLimits {
  /** Takes one of the requests that this caller may make in this second, and then one of each of the organizations. */
  take(principal: Principal, source: string, organizations?: readonly string[]): CallerRateDecision;
  /** Undefined: as many as may be are under way. Else called when the request is over. */
  enter(principal: Principal): (() => void) | undefined;
  failedAuthentication(source: string, claimedKeyId: string | undefined): RateDecision;
}

/** Callers whose requests are counted by the second; those that were heard of least recently begin anew. */
const MAX_CALLERS = 100_000;
/** The same of organizations. */
const MAX_ORGANIZATIONS = 10_000;

/** Where all threads of a node count what callers ask. Made once, and handed to each thread. */
export interface LimitsMemory {
  readonly inflight: SharedArrayBuffer;
  /** Undefined: there is no limit. */
  readonly callers: SharedArrayBuffer | undefined;
  /** Undefined: there is no limit. */
  readonly organizations: SharedArrayBuffer | undefined;
  readonly failures: FailedAuthenticationMemory;
  /** Undefined: replays are allowed. */
  readonly replays: SharedArrayBuffer | undefined;
  /** Audit entries of callers without a valid key. */
  readonly strangers: SharedArrayBuffer;
}

export function createLimitsMemory(config: Config, random: Random): LimitsMemory {
  const seed = () => random.bytes(SHARED_TABLE_SEED_BYTES);
  const rates = (perSecond: number, maxNames: number) =>
    perSecond === 0 ? undefined : RateLimiter.memory(maxNames, seed());
  const maxNames = config["limits.failed_authentication_sources"];
  return {
    inflight: InflightLimiter.memory({ all: config["limits.requests_in_flight"] }, seed()),
    callers: rates(config["limits.requests_per_second_per_key"], MAX_CALLERS),
    organizations: rates(config["limits.requests_per_second_per_organization"], MAX_ORGANIZATIONS),
    failures: FailedAuthenticationLimiter.memory({ maxSources: maxNames, maxKeys: maxNames }, seed()),
    replays:
      config["s3.replays"] === "allow"
        ? undefined
        : ReplayCache.memory(config["s3.replay_signatures"], seed()),
    strangers: RateLimiter.memory(1, seed()),
  };
}

/** Of audit entries, for `StrangerEntries`. */
export function strangersLimiter(memory: LimitsMemory): RateLimiter {
  return new RateLimiter(STRANGER_ENTRIES, memory.strangers);
}

export interface LimitsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly memory: LimitsMemory;
}

/** One count over all requests and one for each key; whoever guesses signatures or keys is slowed down, by source and by what is guessed at. */
export function nodeLimits(options: LimitsOptions): NodeLimits {
  const { config, clock, memory } = options;
  const inflight = new InflightLimiter(
    {
      all: config["limits.requests_in_flight"],
      perName: config["limits.requests_in_flight_per_key"],
    },
    memory.inflight,
  );
  const rate = {
    perSecond: config["limits.failed_authentications_per_second"],
    burst: config["limits.failed_authentications_burst"],
  };
  const failures = new FailedAuthenticationLimiter({ perSource: rate, perKey: rate }, memory.failures);
  return {
    take: requestRates(options),
    enter: (principal) => inflight.enter(principal.keyId, principal.inflightLimit),
    failedAuthentication: (source, claimedKeyId) =>
      failures.failed(source, claimedKeyId, clock.monotonicMs()),
  };
}

/** A caller that is over its own number takes nothing of what its organization may. */
function requestRates({ config, clock, metrics, memory }: LimitsOptions): NodeLimits["take"] {
  const callers = rateLimiter(
    {
      perSecond: config["limits.requests_per_second_per_key"],
      burst: config["limits.requests_burst_per_key"],
    },
    memory.callers,
  );
  const perOrganization = rateLimiter(
    {
      perSecond: config["limits.requests_per_second_per_organization"],
      burst: config["limits.requests_burst_per_organization"],
    },
    memory.organizations,
  );
  const take = (of: "caller" | "organization", limiter: RateLimiter | undefined, name: string) => {
    const decision = limiter?.take(name, clock.monotonicMs());
    if (decision?.kind !== "limited") return undefined;
    metrics.requestRateRefusals.increment({ of });
    return { ...decision, of };
  };
  return (principal, source, organizations = []) => {
    let limited = take("caller", callers, rateName(principal, source));
    for (const organization of organizations) limited ??= take("organization", perOrganization, organization);
    return limited ?? { kind: "allow" };
  };
}

/** Undefined: there is no limit. */
function rateLimiter(limit: RateLimit, memory: SharedArrayBuffer | undefined): RateLimiter | undefined {
  return memory && new RateLimiter(limit, memory);
}

export interface ReplayOptions extends LimitsOptions {
  readonly logger: Logger;
}

/** The numbers are of all threads. */
export interface CountingReplayGuard extends ReplayGuard {
  /** How many came again. */
  readonly replays: () => number;
  /** Signatures that are remembered. */
  readonly remembered: () => number;
  readonly forgottenEarly: () => number;
}

/** Undefined: replays are allowed, and nothing is remembered. */
export function replayGuard({
  config,
  clock,
  logger,
  metrics,
  memory,
}: ReplayOptions): CountingReplayGuard | undefined {
  if (memory.replays === undefined) return undefined;
  const isBlocking = config["s3.replays"] === "block";
  const cache = new ReplayCache(memory.replays);
  return {
    replays: () => cache.repeated,
    remembered: () => cache.size,
    forgottenEarly: () => cache.forgottenEarly,
    enter: (signature, endsMs) => {
      if (cache.note(signature, endsMs, clock.wallMs()) === "fresh") return () => cache.forget(signature);
      metrics.replays.increment({ decision: isBlocking ? "blocked" : "observed" });
      logger.warn("a signed request came again", { decision: config["s3.replays"] });
      return isBlocking ? undefined : () => undefined;
    },
  };
}

/** For one thread of the node only: the numbers are of all of them. */
export function showReplays(metrics: Metrics, guard: CountingReplayGuard): void {
  metrics.onRender(() => {
    metrics.replaySignatures.set(guard.remembered());
    metrics.replaySignaturesLost.set(guard.forgottenEarly());
  });
}
