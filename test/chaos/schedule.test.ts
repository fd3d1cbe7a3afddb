/** The promise: a seed is a schedule, a schedule has every fault, and disks never fail on two nodes at once. */
import { describe, expect, it } from "vitest";
import { createPrng } from "../../src/base/index.ts";
import { describeFault, drawSteps, FAULT_KINDS, type Fault } from "./schedule.ts";

const draw = (seed: number) =>
  drawSteps(createPrng(seed), { nodes: 5, durationMs: 300_000, kinds: FAULT_KINDS });

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);
const faultsOf = (seed: number): readonly Fault[] => draw(seed).flatMap(({ faults }) => faults);

describe("a schedule", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("has every kind of fault within five minutes", () => {
    for (const seed of SEEDS) {
      const kinds = new Set(faultsOf(seed).map(({ kind }) => kind));
      expect(
        FAULT_KINDS.filter((kind) => !kinds.has(kind)),
        `seed ${seed}`,
      ).toEqual([]);
    }
  });

  it("takes the time that it is given, and no fault that was not asked for", () => {
    const steps = drawSteps(createPrng(1), { nodes: 3, durationMs: 60_000, kinds: ["kill", "slow"] });
    const lastMs = (steps.at(-1)?.holdMs ?? 0) + (steps.at(-1)?.restMs ?? 0);
    const sumMs = steps.reduce((sum, { holdMs, restMs }) => sum + holdMs + restMs, 0);
    expect(sumMs).toBeGreaterThanOrEqual(60_000);
    expect(sumMs - lastMs).toBeLessThan(60_000);
    const kinds = steps.flatMap(({ faults }) => faults.map(({ kind }) => kind));
    expect(new Set(kinds)).toEqual(new Set(["kill", "slow"]));
  });

  it("splits off a minority, and never its bridge", () => {
    const splits = SEEDS.flatMap(faultsOf).filter((fault) => fault.kind === "split");
    expect(splits.length).toBeGreaterThan(SEEDS.length);
    expect(splits.filter(({ side }) => side.length === 0 || side.length > 2)).toEqual([]);
    expect(splits.filter(({ side, bridge }) => bridge !== undefined && side.includes(bridge))).toEqual([]);
    expect(splits.some(({ bridge }) => bridge !== undefined)).toBe(true);
  });

  it("never spoils two disks at once: no copy would be left that is whole", () => {
    for (const seed of SEEDS) {
      for (const { faults } of draw(seed)) {
        const onDisks = faults.filter(({ kind }) => /^(disk-full|sync-error|write-error)$/.test(kind));
        const isRolling = faults.some(({ kind }) => kind === "rolling");
        expect(isRolling && faults.length > 1, "a rolling restart comes alone").toBe(false);
        expect(onDisks.length, `seed ${seed}: ${faults.map(describeFault).join(" and ")}`).toBeLessThan(2);
      }
    }
  });
});

it("a fault is described with all that it does", () => {
  expect(describeFault({ kind: "kill", victims: [1, "leader"] })).toBe("kill victims 1+leader");
  expect(describeFault({ kind: "isolate", victim: 2, direction: "out" })).toBe(
    "isolate victim 2, direction out",
  );
});
