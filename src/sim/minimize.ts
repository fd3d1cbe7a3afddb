import { type RunReport, runSeed } from "./run.ts";
import { drawScenario, type Narrowing } from "./scenario/scenario.ts";

export interface Minimized {
  readonly narrowing: Required<Narrowing>;
  readonly report: RunReport;
  readonly runs: number;
}

export interface MinimizeOptions {
  /** How many runs it may take. */
  readonly maxRuns: number;
  readonly onProgress?: (text: string) => void;
  /** What runs a seed. */
  readonly run?: typeof runSeed;
}

/**
 * A smaller run of the same seed that fails in the same checker: faults and operations are left out in halves, quarters and so on down to single ones, and
 * time is cut (delta debugging: Zeller and Hildebrandt, 2002). Undefined when the seed does not fail.
 */
export async function minimize(
  seed: string | number,
  { maxRuns, onProgress, run = runSeed }: MinimizeOptions,
): Promise<Minimized | undefined> {
  const scenario = drawScenario(seed);
  let narrowing: Required<Narrowing> = {
    faults: scenario.faults.map(({ id }) => id),
    operations: scenario.clients.flatMap(({ operations }) => operations.map(({ id }) => id)),
    safetyMs: scenario.settings.safetyMs,
  };
  let report = await run(seed, { narrowing });
  if (report.failure === undefined) return undefined;
  const { checker } = report.failure;
  let runs = 1;
  const stillFails = async (smaller: Required<Narrowing>): Promise<boolean> => {
    if (runs >= maxRuns) return false;
    runs++;
    const next = await run(seed, { narrowing: smaller });
    if (next.failure?.checker !== checker) return false;
    narrowing = smaller;
    report = next;
    onProgress?.(
      `${runs} runs: ${smaller.faults?.length} faults, ${smaller.operations?.length} operations, ${smaller.safetyMs} ms`,
    );
    return true;
  };
  for (let before = ""; before !== sizeOf(narrowing) && runs < maxRuns; ) {
    before = sizeOf(narrowing);
    await reduce(narrowing.faults ?? [], (faults) => stillFails({ ...narrowing, faults }));
    await reduce(narrowing.operations ?? [], (operations) => stillFails({ ...narrowing, operations }));
    while (await stillFails({ ...narrowing, safetyMs: Math.floor((narrowing.safetyMs ?? 0) * 0.7) }));
  }
  return { narrowing, report, runs };
}

function sizeOf({ faults, operations, safetyMs }: Narrowing): string {
  return `${faults?.length} ${operations?.length} ${safetyMs}`;
}

/** Tries to do without each run of items, longer runs first; goes on with what `fails` accepted. */
async function reduce(
  items: readonly number[],
  fails: (kept: readonly number[]) => Promise<boolean>,
): Promise<void> {
  let kept = items;
  for (let length = Math.max(1, kept.length); length >= 1; length = Math.floor(length / 2)) {
    for (let start = 0; start < kept.length; ) {
      const without = [...kept.slice(0, start), ...kept.slice(start + length)];
      if (await fails(without)) kept = without;
      else start += length;
    }
  }
}
