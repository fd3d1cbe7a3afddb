import { expect, test } from "vitest";
import { minimize } from "./minimize.ts";
import type { RunOptions, RunReport } from "./run.ts";
import { drawScenario, narrowed } from "./scenario/scenario.ts";

const SEED = 12;
const MAX_RUNS = 400;

/** What a run would say, of which only what is kept of the scenario decides whether it fails. */
function runner(checkerOf: (kept: ReturnType<typeof narrowed>) => string | undefined) {
  return (seed: string | number, { narrowing = {} }: RunOptions = {}): Promise<RunReport> => {
    const scenario = narrowed(drawScenario(seed), narrowing);
    const checker = checkerOf(scenario);
    return Promise.resolve({
      seed: String(seed),
      scenario,
      failure: checker === undefined ? undefined : { checker, message: "", virtualMs: 0, tail: [] },
      virtualMs: 0,
      events: 0,
      operations: 0,
      isHistoryDecided: true,
      faults: new Map(),
      coverage: new Map(),
      traceHash: "",
    });
  };
}

const full = drawScenario(SEED);
const operations = full.clients.flatMap((client) => client.operations.map(({ id }) => id));
const needed = [operations[3]!, operations[operations.length - 2]!];
const neededFault = full.faults[Math.floor(full.faults.length / 2)]!.id;

function hasNeeded({ clients, faults }: ReturnType<typeof narrowed>): boolean {
  const kept = new Set(clients.flatMap((client) => client.operations.map(({ id }) => id)));
  return needed.every((id) => kept.has(id)) && faults.some(({ id }) => id === neededFault);
}

test("a failing run is narrowed to what it needs", async () => {
  const run = runner((kept) => (hasNeeded(kept) ? "bytes" : undefined));
  const smaller = await minimize(SEED, { maxRuns: MAX_RUNS, run });
  expect(smaller?.narrowing.faults).toEqual([neededFault]);
  expect(smaller?.narrowing.operations).toEqual(needed);
  expect(smaller?.report.failure?.checker).toBe("bytes");
  expect(smaller?.runs).toBeLessThanOrEqual(MAX_RUNS);
});

test("another failure on the way is not taken for it", async () => {
  const run = runner((kept) => (hasNeeded(kept) ? "bytes" : "election safety"));
  const smaller = await minimize(SEED, { maxRuns: MAX_RUNS, run });
  expect(smaller?.narrowing.operations).toEqual(needed);
});

test("a run that holds has nothing to narrow, and the number of runs is a limit", async () => {
  expect(await minimize(SEED, { maxRuns: MAX_RUNS, run: runner(() => undefined) })).toBeUndefined();
  const run = runner((kept) => (hasNeeded(kept) ? "bytes" : undefined));
  expect((await minimize(SEED, { maxRuns: 5, run }))?.runs).toBe(5);
});
