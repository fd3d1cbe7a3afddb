import { describe, expect, it } from "vitest";
import { createPrng } from "../base/index.ts";
import { inSteps, MAX_RELEASED_REFERENCES } from "./released-references.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

async function stepsOf(references: readonly number[], mostItems: number): Promise<(readonly number[])[]> {
  const steps: (readonly number[])[] = [];
  const items = references.map((count, item) => ({ item, references: count }));
  for await (const step of inSteps(items, mostItems)) steps.push(step);
  return steps;
}

describe("what is removed in steps", () => {
  it(`keeps its order, and no step is over a bound that more than one is in (seed ${SEED})`, async () => {
    const prng = createPrng(SEED);
    for (let round = 0; round < 200; round++) {
      const mostItems = prng.between(1, 40);
      const references = Array.from({ length: prng.between(0, 100) }, () =>
        prng.chance(0.1) ? prng.between(0, 3 * MAX_RELEASED_REFERENCES) : prng.between(0, 200),
      );
      const steps = await stepsOf(references, mostItems);
      expect(steps.flat()).toEqual([...references.keys()]);
      for (const [at, step] of steps.entries()) {
        const sum = step.reduce((total, item) => total + references[item]!, 0);
        expect(step.length).toBeLessThanOrEqual(mostItems);
        if (step.length > 1) expect(sum).toBeLessThanOrEqual(MAX_RELEASED_REFERENCES);
        const next = steps[at + 1]?.[0];
        // Nothing is cut without need.
        if (next === undefined || step.length === mostItems) continue;
        expect(sum + step.length + references[next]! + 1).toBeGreaterThan(MAX_RELEASED_REFERENCES);
      }
    }
  });

  it("looks nothing up for a step before the one before it is done with", async () => {
    let lookedUp = 0;
    async function* items() {
      for (let item = 0; item < 10; item++) {
        lookedUp += 1;
        yield { item, references: MAX_RELEASED_REFERENCES };
      }
    }
    const seen: number[] = [];
    for await (const [item] of inSteps(items(), 10)) seen.push(lookedUp - item!);
    // The one that does not fit has to be looked at.
    expect(seen).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 1]);
  });
});
