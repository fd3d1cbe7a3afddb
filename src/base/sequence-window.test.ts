import { expect, test } from "vitest";
import { createPrng } from "./prng.ts";
import { SequenceWindow } from "./sequence-window.ts";

test("a window holds what a Map holds, in the order of the numbers", () => {
  const prng = createPrng(Math.floor(Math.random() * 2 ** 32));
  const window = new SequenceWindow<string>();
  const model = new Map<number, string>();
  let next = 1;
  for (let step = 0; step < 5_000; step++) {
    // Times in which more come and times in which more go; now and then a number is left out.
    const comes = prng.chance(step % 1_000 < 500 ? 0.6 : 0.4);
    if (comes) {
      next += prng.below(10) === 0 ? 2 : 1;
      window.add(next, `item ${next}`);
      model.set(next, `item ${next}`);
    } else {
      const gone = prng.chance(0.8) && model.size > 0 ? prng.pick([...model.keys()]) : prng.below(next + 3);
      window.delete(gone);
      model.delete(gone);
    }
    const asked = prng.below(next + 3);
    expect(window.get(asked), `seed ${prng.seed}`).toBe(model.get(asked));
    expect(window.size, `seed ${prng.seed}`).toBe(model.size);
    expect(window.first, `seed ${prng.seed}`).toBe(model.keys().next().value);
    if (step % 50 === 0) expect(window.values(), `seed ${prng.seed}`).toEqual([...model.values()]);
  }
});

test("numbers grow", () => {
  const window = new SequenceWindow<string>();
  window.add(7, "seven");
  expect(() => window.add(7, "again")).toThrow();
  expect(() => window.add(6, "six")).toThrow();
});
