/** Runs a detector with a mutation switched on: Vite gives the changed source to whoever imports the file. */

import type { TestCase } from "vitest/node";
import { startVitest } from "vitest/node";
import { type Mutation, mutated, pathOf } from "./mutation.ts";

export type Verdict =
  | { readonly kind: "caught"; readonly seeds: number; readonly by: string; readonly why: string }
  /** Undefined `reason`: the detector has seen nothing. */
  | { readonly kind: "missed"; readonly reason?: string };

export async function judge(mutation: Mutation): Promise<Verdict> {
  const { detector, withinSeeds } = mutation;
  let wasLoaded = false;
  const plugin = {
    name: "mutation",
    enforce: "pre" as const,
    transform: (code: string, id: string): string | undefined => {
      if (id.split("?")[0] !== pathOf(mutation)) return undefined;
      wasLoaded = true;
      return mutated(mutation, code);
    },
  };
  const vitest = await startVitest(
    "test",
    [detector.file],
    {
      watch: false,
      bail: 1,
      reporters: [{}],
      silent: true,
      maxWorkers: 1,
      // A changed source must never be found there by an honest run, nor an unchanged one by this.
      fsModuleCache: false,
      ...(detector.tests !== undefined && { testNamePattern: detector.tests }),
    },
    { plugins: [plugin] },
  );
  const cases = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
  const broken = vitest.state.getTestModules().flatMap((module) => module.errors());
  await vitest.close();
  // The runner says by its exit code that tests failed: here that is what is wanted.
  process.exitCode = 0;
  if (!wasLoaded) return { kind: "missed", reason: `${mutation.file} is not loaded by ${detector.file}` };
  if (broken[0] !== undefined)
    return { kind: "caught", seeds: 1, by: "loading the test", why: firstLine(broken[0].message) };
  return verdictOf(cases, detector.isSeeded, withinSeeds);
}

function verdictOf(cases: readonly TestCase[], isSeeded: boolean, withinSeeds: number): Verdict {
  const ran = cases.filter((test) => ["passed", "failed"].includes(test.result().state));
  const at = ran.findIndex((test) => test.result().state === "failed");
  const failed = ran[at];
  if (failed === undefined) return { kind: "missed" };
  const seeds = isSeeded ? at + 1 : 1;
  if (seeds > withinSeeds) return { kind: "missed", reason: `caught after ${seeds} seeds only` };
  return {
    kind: "caught",
    seeds,
    by: failed.name,
    why: firstLine(failed.result().errors?.[0]?.message ?? ""),
  };
}

function firstLine(message: string): string {
  return message.split("\n")[0]!.slice(0, 160);
}
