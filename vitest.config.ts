import { configDefaults, defineConfig } from "vitest/config";

/** They refuse whatever else goes on in their process: a clock that is read, a timer that somebody left. */
const SIMULATIONS = "src/sim/**/*.test.ts";

export default defineConfig({
  test: {
    projects: [
      // Their files share processes, and with them the modules that were loaded once: half a second of processor time for each file.
      {
        extends: true,
        test: {
          name: "units",
          include: ["src/**/*.test.ts", "cmd/**/*.test.ts"],
          exclude: [SIMULATIONS],
          isolate: false,
        },
      },
      { extends: true, test: { name: "whole", include: ["test/**/*.test.ts", SIMULATIONS] } },
    ],
    // Real nodes for minutes: `make test-long`.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env["SKERRY_LONG_TESTS"] === undefined ? ["**/*.long.test.ts"] : []),
    ],
    pool: "forks",
    maxWorkers: 2,
    // Against what hangs; on a busy machine the longest take half of it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Of what tests print only what failing ones did, their seeds above all. The counts come last.
    silent: "passed-only",
    reporters: ["default"],
  },
});
