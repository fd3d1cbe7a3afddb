import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FailureDetector } from "./failure-detector.ts";

const options = { suspectAfterMs: 2_000, deadAfterMs: 10_000, recoveryBeats: 3, pauseMs: 2_000 };

/** Evaluates twice a second up to `untilMs`; peers in `beating` beat at each evaluation. */
function runUntil(
  detector: FailureDetector,
  fromMs: number,
  untilMs: number,
  beating: readonly number[] = [],
): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 500) {
    for (const nodeId of beating) detector.observed(nodeId, nowMs);
    detector.evaluate(nowMs);
  }
}

describe("a peer", () => {
  test("is unknown until its first beat, then alive", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    expect(detector.state(1)).toBe("unknown");
    expect(detector.observed(1, 100)).toEqual([{ nodeId: 1, from: "unknown", to: "alive" }]);
    expect(detector.lastSeenMs(1)).toBe(100);
  });

  test("that was never heard of is dead after a while", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    runUntil(detector, 0, 10_000);
    expect(detector.state(1)).toBe("unknown");
    expect(detector.evaluate(10_500)).toEqual([{ nodeId: 1, from: "unknown", to: "dead" }]);
  });

  test("that falls silent is suspected, then dead, each told once", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    detector.observed(1, 0);
    const told: string[] = [];
    for (let nowMs = 0; nowMs <= 12_000; nowMs += 500) {
      for (const change of detector.evaluate(nowMs)) told.push(`${nowMs} ${change.from} ${change.to}`);
    }
    expect(told).toEqual(["2500 alive suspect", "10500 suspect dead"]);
  });

  test("that comes back must beat several times in a row before it is trusted", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    detector.observed(1, 0);
    runUntil(detector, 0, 11_000);
    expect(detector.observed(1, 11_000)).toEqual([{ nodeId: 1, from: "dead", to: "suspect" }]);
    expect(detector.observed(1, 11_500)).toEqual([]);
    expect(detector.observed(1, 12_000)).toEqual([{ nodeId: 1, from: "suspect", to: "alive" }]);
  });

  test("that beats only now and then stays suspect", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    detector.observed(1, 0);
    const states = new Set<string>();
    for (let nowMs = 500; nowMs <= 60_000; nowMs += 500) {
      if (nowMs % 4_000 === 0) detector.observed(1, nowMs);
      detector.evaluate(nowMs);
      if (nowMs > 4_000) states.add(detector.state(1));
    }
    expect([...states]).toEqual(["suspect"]);
  });

  test("that nobody watches is unknown, whatever it sends", () => {
    const detector = new FailureDetector(options);
    expect(detector.observed(9, 0)).toEqual([]);
    expect(detector.state(9)).toBe("unknown");
    detector.track(9, 0);
    detector.observed(9, 0);
    detector.forget(9);
    expect(detector.state(9)).toBe("unknown");
    expect(detector.lastSeenMs(9)).toBeUndefined();
  });

  test("that is watched again keeps its state", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    detector.observed(1, 0);
    detector.track(1, 500);
    expect(detector.state(1)).toBe("alive");
  });
});

describe("a pause of this process", () => {
  test("is no silence of the peers", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    runUntil(detector, 0, 5_000, [1]);
    expect(detector.evaluate(600_000)).toEqual([]);
    expect(detector.state(1)).toBe("alive");
    runUntil(detector, 600_500, 602_000);
    expect(detector.state(1)).toBe("alive");
    runUntil(detector, 602_500, 612_500);
    expect(detector.state(1)).toBe("dead");
  });

  test("does not bring a dead peer back", () => {
    const detector = new FailureDetector(options);
    detector.track(1, 0);
    runUntil(detector, 0, 11_000);
    detector.evaluate(600_000);
    expect(detector.state(1)).toBe("dead");
  });
});

describe("always", () => {
  test("a peer that beats in time is never suspected, one that is silent long enough is always dead", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 1_900 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(gaps, (beats) => {
        const detector = new FailureDetector(options);
        detector.track(1, 0);
        detector.track(2, 0);
        detector.observed(2, 0);
        let nowMs = 0;
        for (const gap of beats) {
          nowMs += gap;
          detector.observed(1, nowMs);
          detector.evaluate(nowMs);
          expect(detector.state(1)).toBe("alive");
          if (nowMs <= 2_000) expect(detector.state(2)).toBe("alive");
          if (nowMs > 10_000) expect(detector.state(2)).toBe("dead");
        }
      }),
    );
  });

  test("changes tell exactly how the state moves", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 3_000 })), { maxLength: 80 });
    fc.assert(
      fc.property(steps, (moves) => {
        const detector = new FailureDetector(options);
        detector.track(1, 0);
        let state = detector.state(1);
        let nowMs = 0;
        for (const [beat, gap] of moves) {
          nowMs += gap;
          const changes = beat ? detector.observed(1, nowMs) : detector.evaluate(nowMs);
          for (const change of changes) {
            expect(change.from).toBe(state);
            state = change.to;
          }
          expect(detector.state(1)).toBe(state);
        }
      }),
    );
  });
});

test("a detector that could never suspect is a bug", () => {
  expect(() => new FailureDetector({ ...options, suspectAfterMs: 10_000 })).toThrow(
    "suspected before it is dead",
  );
  expect(() => new FailureDetector({ ...options, recoveryBeats: 0 })).toThrow("invariant violated");
});
