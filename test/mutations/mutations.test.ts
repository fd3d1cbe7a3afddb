/** A few of the quick mutations, and whether all of them can still be made; `make mutations` runs the rest. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { MUTATIONS } from "./list.ts";
import { mutated, sourceOf } from "./mutation.ts";

const SAMPLE = ["parts-in-any-order", "pre-vote-raises-term"];

describe("mutations", () => {
  test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
    "%s can be made",
    (_, mutation) => {
      expect(mutated(mutation, sourceOf(mutation))).not.toBe(sourceOf(mutation));
    },
  );

  test("have names of their own", () => {
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
  });

  test("whose text is gone are refused", () => {
    const [mutation] = MUTATIONS;
    expect(() => mutated(mutation!, "something else")).toThrow("stands 0 times");
    expect(() => mutated(mutation!, mutation!.find + mutation!.find)).toThrow("stands 2 times");
  });

  test("of a sample are caught", async () => {
    const main = fileURLToPath(new URL("./main.ts", import.meta.url));
    // A runner of its own: the mutation is for nobody else.
    const environment = {
      ...process.env,
      VITEST: undefined,
      VITEST_POOL_ID: undefined,
      VITEST_WORKER_ID: undefined,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [main, "--only", SAMPLE.join(",")], {
      env: environment,
    });
    expect(stdout).toContain(`${SAMPLE.length} mutations, ${SAMPLE.length} caught`);
  }, 240_000);
});
