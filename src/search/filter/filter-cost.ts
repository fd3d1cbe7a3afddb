import { SearchError } from "../errors.ts";

/** States that the patterns of one filter have together: so many looks a character of each value may take. */
const MAX_FILTER_STATES = 8_192;
/** Looks at states that the patterns of one filter may take over all values of all units: some seconds. */
const MAX_FILTER_LOOKS = 1_000_000_000;

/** What the parts of one filter cost together that look at values one by one: patterns and fuzzy matches. */
export class FilterCost {
  #states = 0;
  #looks = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** "limit-exceeded" when there are too many. */
  addStates(states: number): void {
    this.#states += states;
    if (this.#states <= MAX_FILTER_STATES) return;
    throw new SearchError(
      "limit-exceeded",
      `the patterns of a filter have at most ${MAX_FILTER_STATES} states together`,
      { limit: "filterPatternStates", most: MAX_FILTER_STATES, given: this.#states },
    );
  }

  /** "limit-exceeded" when there were too many. */
  addLooks(looks: number): void {
    this.#looks += looks;
    if (this.#looks <= MAX_FILTER_LOOKS) return;
    throw new SearchError(
      "limit-exceeded",
      "the patterns of the filter take too long on these values: shorter patterns, or such that begin with the characters that the values begin with, take less",
      { limit: "filterPatternLooks", most: MAX_FILTER_LOOKS, given: this.#looks },
    );
  }

  /** Runs `work` when what came before has ended. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    // Who waits for it hears of it; the next one runs anyway.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
