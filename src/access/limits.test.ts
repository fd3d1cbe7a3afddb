import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrng, SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import {
  FailedAuthenticationLimiter,
  InflightLimiter,
  type RateLimit,
  RateLimiter,
  rateName,
  sourceName,
} from "./limits.ts";
import { organizationsOf } from "./namespaces.ts";
import type { Caller } from "./policy/principals.ts";
import type { Principal } from "./types.ts";

const SEED = createPrng("limits").bytes(SHARED_TABLE_SEED_BYTES);

const rateLimiter = (limit: RateLimit, maxNames: number) =>
  new RateLimiter(limit, RateLimiter.memory(maxNames, SEED));
const inflightLimiter = (perName: number, all = 100) =>
  new InflightLimiter({ all, perName }, InflightLimiter.memory({ all }, SEED));

describe("a rate limit", () => {
  test("lets a burst through, then what comes back in time", () => {
    const limiter = rateLimiter({ perSecond: 2, burst: 3 }, 10);
    expect([0, 0, 0, 0].map((nowMs) => limiter.take("a", nowMs).kind)).toEqual([
      "allow",
      "allow",
      "allow",
      "limited",
    ]);
    expect(limiter.take("a", 0)).toEqual({ kind: "limited", retryAfterMs: 500 });
    expect(limiter.take("a", 499).kind).toBe("limited");
    expect(limiter.take("a", 500).kind).toBe("allow");
    expect(limiter.take("b", 500).kind).toBe("allow");
  });

  test("never lets more through in any stretch of time than its burst and its rate", () => {
    const steps = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 10 }),
        (gaps, perSecond, burst) => {
          const limiter = rateLimiter({ perSecond, burst }, 4);
          const allowedAt: number[] = [];
          let nowMs = 0;
          for (const gap of gaps) {
            nowMs += gap;
            if (limiter.take("a", nowMs).kind === "allow") allowedAt.push(nowMs);
          }
          for (const [first, start] of allowedAt.entries()) {
            for (const [last, end] of allowedAt.entries()) {
              if (last < first) continue;
              expect(last - first + 1).toBeLessThanOrEqual(burst + ((end - start) / 1000) * perSecond + 1e-6);
            }
          }
        },
      ),
    );
  });

  test("lets through again when it said that it would", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5 }), (perSecond, burst) => {
        const limiter = rateLimiter({ perSecond, burst }, 4);
        let decision = limiter.take("a", 0);
        while (decision.kind === "allow") decision = limiter.take("a", 0);
        expect(limiter.take("a", decision.retryAfterMs).kind).toBe("allow");
      }),
    );
  });

  test("gains nothing from a clock that goes back and forth", () => {
    const limiter = rateLimiter({ perSecond: 1, burst: 1 }, 10);
    expect(limiter.take("a", 1000).kind).toBe("allow");
    for (let i = 0; i < 10; i++) {
      expect(limiter.take("a", 0).kind).toBe("limited");
      expect(limiter.take("a", 1000).kind).toBe("limited");
    }
  });

  test("remembers no more names than it may", () => {
    const limiter = rateLimiter({ perSecond: 1, burst: 1 }, 3);
    limiter.take("kept", 0);
    for (let i = 0; i < 100; i++) {
      limiter.take(`name-${i}`, 0);
      expect(limiter.take("kept", 0).kind).toBe("limited");
    }
    expect(limiter.names).toBe(3);
  });
});

describe("requests under way", () => {
  test("are counted for each name, and leave once", () => {
    const limiter = inflightLimiter(2);
    const first = limiter.enter("a");
    const second = limiter.enter("a");
    expect(limiter.enter("a")).toBeUndefined();
    expect(limiter.enter("b")).toBeTypeOf("function");
    first?.();
    first?.();
    expect(limiter.inflight("a")).toBe(1);
    expect(limiter.enter("a")).toBeTypeOf("function");
    expect(limiter.enter("a")).toBeUndefined();
    second?.();
    expect(limiter.inflight("a")).toBe(1);
  });

  test("a name may have a limit of its own", () => {
    const limiter = inflightLimiter(1);
    expect(limiter.enter("a", 2)).toBeTypeOf("function");
    expect(limiter.enter("a", 2)).toBeTypeOf("function");
    expect(limiter.enter("a", 2)).toBeUndefined();
    expect(limiter.enter("a", 0)).toBeUndefined();
  });

  test("are no more altogether than there may be, whoever they are of, and one that was refused took nothing", () => {
    const limiter = inflightLimiter(2, 3);
    const leaves = ["a", "a", "b"].map((name) => limiter.enter(name));
    expect(limiter.enter("c")).toBeUndefined();
    expect(limiter.enter("a")).toBeUndefined();
    expect(limiter.underWay).toBe(3);
    leaves[0]?.();
    expect(limiter.underWay).toBe(2);
    expect(limiter.enter("b", 1)).toBeUndefined();
    expect(limiter.enter("c")).toBeTypeOf("function");
    expect(limiter.enter("a")).toBeUndefined();
  });

  test("come and go in any order without a trace", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 100 }), (choices) => {
        const limiter = inflightLimiter(5);
        const open: (() => void)[] = [];
        for (const choice of choices) {
          if (choice % 2 === 0 && open.length > 0) open.splice(choice % open.length, 1)[0]!();
          else {
            const leave = limiter.enter("a");
            expect(leave === undefined).toBe(open.length === 5);
            if (leave !== undefined) open.push(leave);
          }
          expect(limiter.inflight("a")).toBe(open.length);
        }
        for (const leave of open) leave();
        expect(limiter.inflight("a")).toBe(0);
        expect(limiter.underWay).toBe(0);
      }),
    );
  });
});

describe("failed authentications", () => {
  const limits = {
    perSource: { perSecond: 1, burst: 3 },
    perKey: { perSecond: 1, burst: 5 },
    maxSources: 100,
    maxKeys: 100,
  };

  const failures = () =>
    new FailedAuthenticationLimiter(limits, FailedAuthenticationLimiter.memory(limits, SEED));

  test("slow down their source", () => {
    const limiter = failures();
    const kinds = Array.from({ length: 4 }, (_, i) => limiter.failed("10.0.0.1", `key-${i}`, 0).kind);
    expect(kinds).toEqual(["allow", "allow", "allow", "limited"]);
    expect(limiter.failed("10.0.0.2", undefined, 0).kind).toBe("allow");
  });

  test("slow down guessing at one key from many sources", () => {
    const limiter = failures();
    const kinds = Array.from({ length: 6 }, (_, i) => limiter.failed(`10.0.0.${i}`, "key", 0).kind);
    expect(kinds).toEqual(["allow", "allow", "allow", "allow", "allow", "limited"]);
  });

  test("of one IPv6 subscriber are one source", () => {
    const limiter = failures();
    const kinds = Array.from(
      { length: 4 },
      (_, i) => limiter.failed(`2001:db8:1:2::${i + 1}`, undefined, 0).kind,
    );
    expect(kinds.at(-1)).toBe("limited");
  });
});

describe("sources", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("%s counts as %s", (address, name) => {
    expect(sourceName(address)).toBe(name);
  });
});

describe("under which name requests are counted by the second", () => {
  const principal = (keyId: string, caller?: Caller, isSession = false): Principal => ({
    keyId,
    role: "user",
    buckets: undefined,
    owner: { id: "o", displayName: "" },
    ...(caller && {
      identity: {
        caller,
        policies: [],
        sessionPolicies: undefined,
        context: new Map(isSession ? [["aws:tokenissuetime", ["now"]]] : []),
      },
    }),
  });
  const role: Caller = {
    kind: "role-session",
    accountId: "1",
    canonicalId: "o",
    arn: "arn",
    roleArn: "role",
    uniqueId: "AROA1",
  };

  test("is the key's; sessions, which can be had at will, share that of their role; nobody is its source", () => {
    expect(rateName(principal("SK1"), "192.0.2.1")).toBe("key/SK1");
    expect(rateName(principal("SK1", { ...role, kind: "user" }), "192.0.2.1")).toBe("key/SK1");
    expect(rateName(principal("ST1", role, true), "")).toBe(rateName(principal("ST2", role, true), ""));
    expect(rateName(principal("anonymous", { kind: "anonymous" }), "2001:db8::1")).toBe(
      "source/2001:db8:0:0::/64",
    );
  });
});

describe("the organizations of a request", () => {
  const principal = (...namespaces: readonly string[]): Principal => ({
    keyId: "k",
    role: "writer",
    buckets: undefined,
    owner: { id: "o", displayName: "" },
    ...(namespaces.length > 0 && { namespaces }),
  });

  test("are those that it names, each once, else the one that the key is limited to", () => {
    expect(organizationsOf(principal("acme"), ["acme/web/docs", "zeta/web", "acme"])).toEqual([
      "acme",
      "zeta",
    ]);
    expect(organizationsOf(principal("acme/web", "acme/other"), [])).toEqual(["acme"]);
    expect(organizationsOf(principal("acme/web", "zeta/web"), [])).toEqual([]);
    expect(organizationsOf(principal(), [])).toEqual([]);
  });
});
