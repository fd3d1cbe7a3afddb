import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "cmd/**/*.test.ts", "test/**/*.test.ts"],
    // Real nodes for minutes: `make test-long`.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env["SKERRY_LONG_TESTS"] === undefined ? ["**/*.long.test.ts"] : []),
    ],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Of what tests print only what failing ones did, their seeds above all. The counts come last.
    silent: "passed-only",
    reporters: ["default"],
  },
});
