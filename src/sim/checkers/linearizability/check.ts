import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import { type Counterexample, Search } from "./search.ts";

export type Verdict<Input, Output> =
  | { readonly kind: "ok"; readonly steps: number; readonly partitions: number }
  | {
      readonly kind: "false";
      readonly steps: number;
      readonly partitions: number;
      readonly counterexample: Counterexample<Input, Output>;
    }
  /** The budget was not enough for the parts that are named. Not ok. */
  | {
      readonly kind: "unknown";
      readonly steps: number;
      readonly partitions: number;
      readonly undecided: readonly string[];
    };

export interface CheckOptions {
  /** How many steps the search may take in one part. A step tries one operation; a million take seconds, and tens of megabytes. */
  readonly maxStepsPerPartition?: number;
}

const DEFAULT_MAX_STEPS = 5_000_000;
/** The first round gives each part this many steps, each later one so many times more. */
const FIRST_ROUND_STEPS = 20_000;
const ROUND_GROWTH = 8;

/**
 * Whether one server could have given these answers. Every part goes on from where it stopped, so that the rounds cost nothing; the first part
 * that is refuted ends the check.
 */
export function checkLinearizability<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  options: CheckOptions = {},
): Verdict<Input, Output> {
  const maxSteps = options.maxStepsPerPartition ?? DEFAULT_MAX_STEPS;
  const searches = model.partition(operations).map((partition) => new Search(model, partition));
  const partitions = searches.length;
  const steps = () => searches.reduce((sum, search) => sum + search.steps, 0);
  let searching = searches;
  for (let limit = FIRST_ROUND_STEPS; searching.length > 0; limit *= ROUND_GROWTH) {
    const still: typeof searches = [];
    for (const search of searching) {
      const progress = search.advance(Math.min(limit, maxSteps) - search.steps);
      if (progress === "false") {
        return { kind: "false", steps: steps(), partitions, counterexample: search.counterexample() };
      }
      if (progress === "searching") still.push(search);
    }
    searching = still;
    if (limit >= maxSteps) break;
  }
  if (searching.length === 0) return { kind: "ok", steps: steps(), partitions };
  return { kind: "unknown", steps: steps(), partitions, undecided: searching.map(({ name }) => name) };
}
