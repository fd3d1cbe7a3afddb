/** Every decoder on its seeds, its corpus and a fixed number of mutations; `make fuzz` goes on for as long as it is let. */

import { describe, expect, test } from "vitest";
import { runTarget } from "./run-target.ts";
import { TARGETS } from "./targets/index.ts";

const RUNS = 400;
const SEED = process.env["SKERRY_FUZZ_SEED"] ?? "test";

describe(`fuzzing (SKERRY_FUZZ_SEED=${SEED})`, () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))(
    "%s holds for whatever comes",
    async (_, target) => {
      const report = await runTarget(target, {
        seed: SEED,
        runs: RUNS,
        cpuSeconds: Number.POSITIVE_INFINITY,
      });
      const input = Buffer.from(report.failure?.input ?? []).toString("base64");
      expect(report.failure, `input in base64: ${input}`).toBeUndefined();
      // Seeds are accepted and mutations refused: a target that always says the same sees nothing.
      expect(report.outcomes.size, [...report.outcomes.keys()].join(", ")).toBeGreaterThan(1);
    },
    120_000,
  );
});
