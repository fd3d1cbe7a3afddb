import type { Scalar } from "../model/document.ts";
import { compilePattern, type ValueFilter } from "./match-scalar.ts";

/** Looks at a character in a state of a pattern, at most: a few milliseconds. */
const SLICE_LOOKS = 262_144;
/** What a value costs that has no characters. */
const VALUE_CHARACTERS = 8;

type Pass = () => Promise<void>;

/** Cuts the work of a filter on many values into slices, by their characters and what it does with each. */
export class Slices {
  readonly #pass: Pass | undefined;
  readonly #looksPerCharacter: number;
  #left = 0;

  /** `pass` is awaited before the first slice and between two: the place to let others run, or to reject when the answer is no longer wanted. */
  constructor(pass: Pass | undefined, looksPerCharacter = 64) {
    this.#pass = pass;
    this.#looksPerCharacter = looksPerCharacter;
  }

  /** Before a value is looked at. To be awaited where it is a promise; else the slice goes on. */
  before(value: Scalar): Promise<void> | undefined {
    const isOver = this.#left <= 0;
    if (isOver) this.#left = SLICE_LOOKS;
    const characters = VALUE_CHARACTERS + (typeof value === "string" ? value.length : 0);
    this.#left -= characters * this.#looksPerCharacter;
    return isOver ? this.#pass?.() : undefined;
  }
}

/** Runs a look at many values in slices. Those of one filter, of all its parts and on all units, run one after the other: each would take a slice of the same turn. */
export async function scanValues<T>(
  filter: ValueFilter,
  pass: Pass | undefined,
  scan: (slices: Slices) => Promise<T>,
): Promise<T> {
  const run = () => scan(new Slices(pass, looksPerCharacter(filter)));
  return "cost" in filter && filter.cost !== undefined ? await filter.cost.alone(run) : await run();
}

function looksPerCharacter(filter: ValueFilter): number {
  if (filter.kind === "glob" || filter.kind === "regex") return compilePattern(filter).stateCount;
  return filter.kind === "fuzzy" ? 4 * (filter.value.length + 1) : 1;
}
