import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "./prng.ts";
import { ClusterTime, SlewedTime } from "./slewed-time.ts";

const HOUR_MS = 3_600_000;

describe("a time", () => {
  test("is the wall clock's, wherever that goes forward", () => {
    const time = new SlewedTime();
    const taken = [1_000, 1_001, 900_000].map((wallMs, at) => {
      time.observe(wallMs, at);
      return time.takeMs();
    });
    expect(taken).toEqual([1_000, 1_001, 900_000]);
  });

  test("goes on at half speed while it is ahead of the wall clock, and ends with it", () => {
    const time = new SlewedTime();
    time.observe(HOUR_MS, 0);
    time.takeMs();
    // The clock is right again, and shows 0.
    const at = (passedMs: number) => {
      time.observe(passedMs, passedMs);
      return time.takeMs();
    };
    expect([0, 2_000, HOUR_MS].map(at)).toEqual(
      [0, 1_000, HOUR_MS / 2].map((slewedMs) => HOUR_MS + slewedMs),
    );
    expect([2 * HOUR_MS - 2, 2 * HOUR_MS, 2 * HOUR_MS + 7].map(at)).toEqual([
      2 * HOUR_MS - 1,
      2 * HOUR_MS,
      2 * HOUR_MS + 7,
    ]);
  });

  test("loses no fraction, however often it is taken", () => {
    const time = new SlewedTime();
    time.raise(HOUR_MS);
    for (let tick = 0; tick <= 40_000; tick++) {
      time.observe(0, tick / 4);
      time.takeMs();
    }
    expect(time.takeMs()).toBe(HOUR_MS + 5_000);
  });

  test("that was known before the clocks were read first goes on from then: a monotonic clock may begin anywhere", () => {
    const time = new SlewedTime();
    time.raise(HOUR_MS);
    expect(time.nowMs()).toBe(HOUR_MS);
    time.observe(5, 1_000 * HOUR_MS);
    expect(time.takeMs()).toBe(HOUR_MS);
    time.observe(5, 1_000 * HOUR_MS + 10);
    expect(time.takeMs()).toBe(HOUR_MS + 5);
  });

  test("does not go on where the monotonic clock does not", () => {
    const time = new SlewedTime();
    time.observe(0, 100);
    time.raise(HOUR_MS);
    time.observe(0, 50);
    expect(time.takeMs()).toBe(HOUR_MS);
  });

  test("that was only looked at is not kept when the wall clock goes back", () => {
    const time = new SlewedTime();
    time.observe(HOUR_MS, 0);
    expect(time.nowMs()).toBe(HOUR_MS);
    time.observe(1_000, 1);
    expect(time.nowMs()).toBe(1_000);
  });
});

test("the time of the cluster is the later one of the clock and of what was applied, which goes on at half speed", () => {
  let [wallMs, monotonicMs, appliedMs] = [1_000, 0, 500];
  const time = new ClusterTime({ wallMs: () => wallMs, monotonicMs: () => monotonicMs }, () => appliedMs);
  expect(time.nowMs()).toBe(1_000);
  appliedMs = 5_000;
  expect(time.nowMs()).toBe(5_000);
  monotonicMs = 1_000;
  expect(time.nowMs()).toBe(5_500);
  appliedMs = 5_400;
  expect(time.nowMs()).toBe(5_400);
  wallMs = 9_000;
  expect(time.nowMs()).toBe(9_000);
  wallMs = 2_000;
  expect(time.nowMs()).toBe(5_400);
});

/** A node of a cluster whose log is only stamps: it has those up to `has`. */
interface Node {
  time: SlewedTime;
  wallOffMs: number;
  monotonicOffMs: number;
  has: number;
}

/**
 * Nodes that lead in turns, hear of stamps late, start again, and whose clocks are wrong for some time. `bound` is what is promised: the latest that time may be at
 * any real time. A clock that is wrong moves it to what it stamped, and from there it goes on at half speed, or with real time.
 */
class World {
  readonly random: Prng;
  readonly nodes: Node[] = [];
  readonly stamps: number[] = [];
  realMs = 1_700_000_000_000;
  boundMs = 0;
  leader = 0;

  constructor(seed: string) {
    this.random = createPrng(seed);
    for (let at = 0; at < 3; at++) {
      this.nodes.push({ time: new SlewedTime(), wallOffMs: 0, monotonicOffMs: 0, has: 0 });
      this.restart(at);
    }
  }

  get lastMs(): number {
    return this.stamps.at(-1) ?? 0;
  }

  pass(ms: number): void {
    this.realMs += ms;
    this.boundMs = Math.max(this.boundMs + ms / 2, this.realMs);
  }

  restart(at: number): void {
    const node = this.nodes[at]!;
    node.time = new SlewedTime();
    node.monotonicOffMs = this.random.between(0, 1_000 * HOUR_MS) - this.realMs;
    if (node.has > 0) node.time.raise(this.stamps[node.has - 1]!);
    if (this.random.below(2) === 0) this.#observe(node);
  }

  /** A node hears of more of the log. */
  follow(at: number, upTo: number): void {
    const node = this.nodes[at]!;
    this.#observe(node);
    for (; node.has < upTo; node.has++) node.time.raise(this.stamps[node.has]!);
  }

  /** Who leads has all of the log. */
  lead(at: number): void {
    this.follow(at, this.stamps.length);
    this.leader = at;
  }

  stamp(): number {
    const node = this.nodes[this.leader]!;
    this.#observe(node);
    const stampMs = node.time.takeMs();
    expect(stampMs, "time never goes back").toBeGreaterThanOrEqual(this.lastMs);
    if (node.wallOffMs > 0) this.boundMs = Math.max(this.boundMs, this.realMs + node.wallOffMs);
    // Half a millisecond for what floating-point numbers lose.
    expect(stampMs, "time is not earlier than promised").toBeLessThanOrEqual(this.boundMs + 0.5);
    this.stamps.push(stampMs);
    node.has = this.stamps.length;
    return stampMs;
  }

  act(): void {
    const { random } = this;
    const at = random.below(this.nodes.length);
    this.pass(random.pick([0, 0.25, 1, 3, 1_000, 10 * 60_000]));
    const action = random.below(6);
    if (action === 0) this.follow(at, random.between(this.nodes[at]!.has, this.stamps.length));
    else if (action === 1) this.lead(at);
    else if (action > 2) this.stamp();
    else {
      this.restart(at);
      if (at === this.leader) this.lead(at);
    }
  }

  #observe(node: Node): void {
    node.time.observe(this.realMs + node.wallOffMs, this.realMs + node.monotonicOffMs);
  }
}

describe("stamps of leaders whose clocks were wrong", () => {
  const base = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  const seeds = Array.from({ length: 30 }, (_, at) => `${base}-${at}`);

  test.each(seeds)(
    "never go back, and what they are ahead gets less by half of the time that passes: seed %s",
    (seed) => {
      const world = new World(seed);
      const { random } = world;
      for (let step = 0; step < 100; step++) {
        if (random.below(10) === 0) {
          world.nodes[random.below(3)]!.wallOffMs = random.pick([0, -HOUR_MS, 1_000, HOUR_MS, 300 * HOUR_MS]);
        }
        world.act();
      }
      for (const node of world.nodes) node.wallOffMs = 0;
      const aheadMs = Math.max(0, world.boundMs - world.realMs);
      const rightSinceMs = world.realMs;
      // An object lock until then.
      const retainUntilMs = world.realMs + random.between(1, 400 * HOUR_MS);
      while (world.lastMs < retainUntilMs && world.realMs < retainUntilMs + HOUR_MS) world.act();
      if (world.lastMs < retainUntilMs) world.stamp();
      const earlyMs = retainUntilMs - world.realMs;
      const leftMs = Math.max(0, aheadMs - (world.realMs - rightSinceMs) / 2);
      expect(earlyMs).toBeLessThanOrEqual(leftMs + 0.5);
    },
  );

  test.each(seeds.slice(0, 10))("do not stand still under one leader: seed %s", (seed) => {
    const world = new World(seed);
    const { random } = world;
    world.nodes[0]!.wallOffMs = 48 * HOUR_MS;
    world.lead(0);
    world.stamp();
    for (const node of world.nodes) node.wallOffMs = random.pick([0, -HOUR_MS]);
    world.lead(1);
    const [firstMs, sinceMs] = [world.stamp(), world.realMs];
    for (let step = 0; step < 200; step++) {
      world.pass(random.pick([0.25, 1, 3, 1_000, 10 * 60_000]));
      const stampMs = world.stamp();
      expect(stampMs).toBeGreaterThanOrEqual(Math.floor(firstMs + (world.realMs - sinceMs) / 2 - 0.5));
    }
  });
});
