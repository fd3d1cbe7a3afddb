import { SearchError } from "../errors.ts";
import { checkLimit, LIMITS } from "../model/limits.ts";

/** What the parts of one filter cost together that look at values one by one: patterns and fuzzy matches. */
export class FilterCost {
  #states = 0;
  #looks = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** "limit-exceeded" when there are too many. */
  addStates(states: number): void {
    this.#states += states;
    checkLimit("filterPatternStates", this.#states);
  }

  /** "limit-exceeded" when there were too many. */
  addLooks(looks: number): void {
    this.#looks += looks;
    const most = LIMITS.filterPatternLooks;
    if (this.#looks <= most) return;
    throw new SearchError(
      "limit-exceeded",
      "the patterns of the filter take too long on these values: shorter patterns, or such that begin with the characters that the values begin with, take less",
      { limit: "filterPatternLooks", most, given: this.#looks },
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
