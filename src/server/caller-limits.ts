import {
  type CallerRateDecision,
  FailedAuthenticationLimiter,
  InflightLimiter,
  type Principal,
  type RateDecision,
  type RateLimit,
  RateLimiter,
  ReplayCache,
  rateName,
} from "../access/index.ts";
import type { Logger, Metrics } from "../observe/index.ts";
import type { Clock } from "../platform/index.ts";
import type { ReplayGuard } from "../s3/index.ts";
import type { Config } from "./config/index.ts";

/** How much callers may ask of this node, over all surfaces together. */
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

/** One count over all requests and one for each key; whoever guesses signatures or keys is slowed down, by source and by what is guessed at. */
export function nodeLimits(config: Config, clock: Clock, metrics: Metrics): NodeLimits {
  const all = new InflightLimiter(config["limits.requests_in_flight"]);
  const perKey = new InflightLimiter(config["limits.requests_in_flight_per_key"]);
  const rate = {
    perSecond: config["limits.failed_authentications_per_second"],
    burst: config["limits.failed_authentications_burst"],
  };
  const maxNames = config["limits.failed_authentication_sources"];
  const failures = new FailedAuthenticationLimiter({
    perSource: rate,
    perKey: rate,
    maxSources: maxNames,
    maxKeys: maxNames,
  });
  return {
    take: requestRates(config, clock, metrics),
    enter: (principal) => {
      const leaveAll = all.enter("");
      const leaveKey = leaveAll && perKey.enter(principal.keyId, principal.inflightLimit);
      if (leaveAll === undefined || leaveKey === undefined) {
        leaveAll?.();
        return undefined;
      }
      return () => {
        leaveKey();
        leaveAll();
      };
    },
    failedAuthentication: (source, claimedKeyId) =>
      failures.failed(source, claimedKeyId, clock.monotonicMs()),
  };
}

/** A caller that is over its own number takes nothing of what its organization may. */
function requestRates(config: Config, clock: Clock, metrics: Metrics): NodeLimits["take"] {
  const callers = rateLimiter(
    {
      perSecond: config["limits.requests_per_second_per_key"],
      burst: config["limits.requests_burst_per_key"],
    },
    MAX_CALLERS,
  );
  const perOrganization = rateLimiter(
    {
      perSecond: config["limits.requests_per_second_per_organization"],
      burst: config["limits.requests_burst_per_organization"],
    },
    MAX_ORGANIZATIONS,
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
function rateLimiter(limit: RateLimit, maxNames: number): RateLimiter | undefined {
  return limit.perSecond === 0 ? undefined : new RateLimiter(limit, maxNames);
}

export interface ReplayOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface CountingReplayGuard extends ReplayGuard {
  /** How many came again. */
  readonly replays: () => number;
}

/** Undefined: replays are allowed, and nothing is remembered. */
export function replayGuard({
  config,
  clock,
  logger,
  metrics,
}: ReplayOptions): CountingReplayGuard | undefined {
  const mode = config["s3.replays"];
  if (mode === "allow") return undefined;
  const cache = new ReplayCache(config["s3.replay_signatures"]);
  metrics.onRender(() => {
    metrics.replaySignatures.set(cache.size);
    metrics.replaySignaturesLost.set(cache.forgottenEarly);
  });
  let replays = 0;
  return {
    replays: () => replays,
    enter: (signature, endsMs) => {
      if (cache.note(signature, endsMs, clock.wallMs()) === "fresh") return () => cache.forget(signature);
      replays++;
      metrics.replays.increment({ decision: mode === "block" ? "blocked" : "observed" });
      logger.warn("a signed request came again", { decision: mode });
      return mode === "block" ? undefined : () => undefined;
    },
  };
}
