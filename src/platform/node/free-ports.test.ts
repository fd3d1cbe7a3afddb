import { describe, expect, it } from "vitest";
import { freePorts } from "./free-ports.ts";

describe("free ports", () => {
  it("are not given twice, whether or not anybody listens on them yet", async () => {
    // At random, 400 calls for runs of two would meet with a probability of more than 99.9 %.
    const ports: number[] = [];
    for (let call = 0; call < 400; call++) {
      const [first = 0] = await freePorts(1, 2);
      ports.push(first, first + 1);
    }
    expect(new Set(ports).size).toBe(800);
  });

  it("are neighbours, and a port that is taken is not among them", async () => {
    const [first = 0] = await freePorts(1, 3);
    expect(first).toBeGreaterThanOrEqual(10_000);
    expect(first + 2).toBeLessThan(32_768);
  });
});
