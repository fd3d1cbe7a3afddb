/** Of the promise: limits and replays count the same over all threads of a node as on one. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { createPrng, type Prng, SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import { InflightLimiter, RateLimiter } from "./limits.ts";
import { ReplayCache } from "./replay.ts";

const randomPrng = (): Prng => createPrng(Math.floor(Math.random() * 2 ** 32));
const seedOf = (prng: Prng) => prng.fork("seed").bytes(SHARED_TABLE_SEED_BYTES);

/** The n-th of an endless row of instances with the same memory: what several threads have that take turns. */
const turns = <T>(prng: Prng, create: () => T): (() => T) => {
  const instances = [create(), create(), create()];
  return () => prng.pick(instances);
};

describe("limiters that share memory", () => {
  test("give the tokens that one with a Map gives", () => {
    const prng = randomPrng();
    const limit = { perSecond: 3, burst: 2 };
    const maxNames = 4;
    const memory = RateLimiter.memory(maxNames, seedOf(prng));
    const limiter = turns(prng, () => new RateLimiter(limit, memory));
    const model = new Map<string, { tokens: number; updatedMs: number }>();
    let nowMs = 0;
    for (let step = 0; step < 5_000; step++) {
      nowMs += prng.between(-20, 100);
      const name = `name ${prng.below(7)}`;
      const { tokens, updatedMs } = model.get(name) ?? { tokens: limit.burst, updatedMs: nowMs };
      const gained = (Math.max(0, nowMs - updatedMs) / 1000) * limit.perSecond;
      const present = Math.min(limit.burst, tokens + gained);
      const [oldest] = model.keys();
      if (!model.delete(name) && model.size === maxNames && oldest !== undefined) model.delete(oldest);
      model.set(name, {
        tokens: present >= 1 ? present - 1 : present,
        updatedMs: Math.max(updatedMs, nowMs),
      });
      expect(limiter().take(name, nowMs), `seed ${prng.seed}`).toEqual(
        present >= 1
          ? { kind: "allow" }
          : { kind: "limited", retryAfterMs: Math.ceil(((1 - present) / limit.perSecond) * 1000) },
      );
      expect(limiter().names, `seed ${prng.seed}`).toBe(model.size);
    }
  });

  test("give the places that one with a Map gives", () => {
    const prng = randomPrng();
    const limits = { all: 6, perName: 3 };
    const memory = InflightLimiter.memory(limits, seedOf(prng));
    const limiter = turns(prng, () => new InflightLimiter(limits, memory));
    const open: { readonly name: string; readonly leave: () => void }[] = [];
    const present = (name: string) => open.filter((one) => one.name === name).length;
    for (let step = 0; step < 5_000; step++) {
      const name = `name ${prng.below(8)}`;
      if (open.length > 0 && prng.below(2) === 0) {
        const [{ leave } = { leave: () => {} }] = open.splice(prng.below(open.length), 1);
        leave();
        leave();
      } else {
        const limit = prng.below(4) === 0 ? prng.below(5) : undefined;
        const leave = limiter().enter(name, limit);
        const mayEnter = open.length < limits.all && present(name) < (limit ?? limits.perName);
        expect(leave !== undefined, `seed ${prng.seed}`).toBe(mayEnter);
        if (leave !== undefined) open.push({ name, leave });
      }
      expect(limiter().inflight(name), `seed ${prng.seed}`).toBe(present(name));
      expect(limiter().underWay, `seed ${prng.seed}`).toBe(open.length);
    }
  });

  test("know the signatures that a cache with a Map knows", () => {
    const prng = randomPrng();
    const maxSignatures = 6;
    const memory = ReplayCache.memory(maxSignatures, seedOf(prng));
    const cache = turns(prng, () => new ReplayCache(memory));
    const model = new Map<string, number>();
    let [nowMs, repeated, forgottenEarly] = [0, 0, 0];
    for (let step = 0; step < 5_000; step++) {
      nowMs += prng.below(10);
      const signature = `signature ${prng.below(12)}`;
      if (prng.below(5) === 0) {
        cache().forget(signature);
        model.delete(signature);
        continue;
      }
      const endsMs = nowMs + prng.below(200);
      const isKnown = (model.get(signature) ?? -1) >= nowMs;
      if (isKnown) repeated++;
      else {
        const [oldest] = model;
        if (!model.delete(signature) && model.size === maxSignatures && oldest !== undefined) {
          if (oldest[1] >= nowMs) forgottenEarly++;
          model.delete(oldest[0]);
        }
        model.set(signature, endsMs);
      }
      expect(cache().note(signature, endsMs, nowMs), `seed ${prng.seed}`).toBe(
        isKnown ? "repeated" : "fresh",
      );
      expect([cache().size, cache().repeated, cache().forgottenEarly], `seed ${prng.seed}`).toEqual([
        model.size,
        repeated,
        forgottenEarly,
      ]);
    }
  });
});

const THREADS = 3;
const NAMES = 4;
const ROUNDS = 20_000;
const LIMITS = { all: 5, perName: 2 };
/** All tokens there are: the clock of the test stands still. */
const BURST = 5_000;
const SIGNATURES = 10_000;

// Behind the requests under way of each name.
const ALL_NAMES = NAMES;
const STARTED = NAMES + 1;

/** All count in shared memory how many requests are under way and how often each signature was fresh; each says at the end what it was given. */
const HAMMERING = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { limits, replay, memory, counts, freshTimes } = workerData;
  Promise.all([import(limits), import(replay)]).then(([{ InflightLimiter, RateLimiter }, { ReplayCache }]) => {
    const inflight = new InflightLimiter(${JSON.stringify(LIMITS)}, memory.inflight);
    const rates = new RateLimiter({ perSecond: 1, burst: ${BURST} }, memory.rates);
    const replays = new ReplayCache(memory.replays);
    const seen = { tooMany: 0, entered: 0, refused: 0, tokens: 0, repeated: 0 };
    const sleep = new Int32Array(new SharedArrayBuffer(4));
    Atomics.add(counts, ${STARTED}, 1);
    while (Atomics.load(counts, ${STARTED}) < ${THREADS}) Atomics.wait(sleep, 0, 0, 1);
    let open = [];
    for (let round = 0; round < ${ROUNDS}; round++) {
      const name = round % ${NAMES};
      const leave = inflight.enter("name " + name);
      if (leave === undefined) seen.refused++;
      else {
        seen.entered++;
        if (Atomics.add(counts, name, 1) >= ${LIMITS.perName}) seen.tooMany++;
        if (Atomics.add(counts, ${ALL_NAMES}, 1) >= ${LIMITS.all}) seen.tooMany++;
        open.push(() => {
          Atomics.sub(counts, name, 1);
          Atomics.sub(counts, ${ALL_NAMES}, 1);
          leave();
          leave();
        });
      }
      if (rates.take("name", 0).kind === "allow") seen.tokens++;
      const signature = round % ${SIGNATURES};
      if (replays.note("signature " + signature, 1, 0) === "fresh") Atomics.add(freshTimes, signature, 1);
      else seen.repeated++;
      if (leave === undefined || round % 3 === 0) for (const end of open.splice(0)) end();
    }
    for (const end of open) end();
    parentPort.postMessage(seen);
  });
`;

interface Seen {
  readonly tooMany: number;
  readonly entered: number;
  readonly refused: number;
  readonly tokens: number;
  readonly repeated: number;
}

describe("three threads at once", () => {
  test("get the places and tokens that there are and no more, each signature once, and leave nothing behind", async () => {
    const seed = seedOf(createPrng("three threads"));
    const memory = {
      inflight: InflightLimiter.memory(LIMITS, seed),
      rates: RateLimiter.memory(10, seed),
      replays: ReplayCache.memory(SIGNATURES, seed),
    };
    const freshTimes = new Int32Array(new SharedArrayBuffer(4 * SIGNATURES));
    const workerData = {
      limits: new URL("./limits.ts", import.meta.url).href,
      replay: new URL("./replay.ts", import.meta.url).href,
      memory,
      counts: new Int32Array(new SharedArrayBuffer(4 * (STARTED + 1))),
      freshTimes,
    };
    const seen = await Promise.all(
      Array.from({ length: THREADS }, async () => {
        const worker = new Worker(HAMMERING, { eval: true, execArgv: [], workerData });
        const [message] = (await once(worker, "message")) as [Seen];
        return message;
      }),
    );
    const sum = (of: (one: Seen) => number) => seen.reduce((total, one) => total + of(one), 0);
    const inflight = new InflightLimiter(LIMITS, memory.inflight);
    const replays = new ReplayCache(memory.replays);
    expect(sum(({ tooMany }) => tooMany)).toBe(0);
    expect(sum(({ entered, refused }) => entered + refused)).toBe(THREADS * ROUNDS);
    // It was about something.
    expect(sum(({ refused }) => refused)).toBeGreaterThan(0);
    expect(inflight.underWay).toBe(0);
    for (let name = 0; name < NAMES; name++) expect(inflight.inflight(`name ${name}`)).toBe(0);
    expect(sum(({ tokens }) => tokens)).toBe(BURST);
    expect(new Set(freshTimes)).toEqual(new Set([1]));
    expect(sum(({ repeated }) => repeated)).toBe(THREADS * ROUNDS - SIGNATURES);
    expect([replays.repeated, replays.size]).toEqual([THREADS * ROUNDS - SIGNATURES, SIGNATURES]);
  });
});
