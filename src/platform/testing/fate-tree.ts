import type { Prng } from "../../base/index.ts";
import type { CrashPolicy, Fate, Tear } from "../sim/index.ts";

/** One thing that a crash can do to one change. */
type Choice =
  | { readonly kind: "keep" }
  | { readonly kind: "drop" }
  | { readonly kind: "tear"; readonly tear: Tear };

/**
 * The choices for a change. Of the ways to tear a write those that have ever mattered: nothing but the new length, the first sector alone,
 * all but the first, all but the last.
 */
function choicesFor(sectors: number | undefined): readonly Choice[] {
  const whole: Choice[] = [{ kind: "keep" }, { kind: "drop" }];
  if (sectors === undefined) return whole;
  const patterns: ((index: number) => boolean)[] = [() => false];
  if (sectors > 1)
    patterns.push(
      (index) => index === 0,
      (index) => index > 0,
    );
  if (sectors > 2) patterns.push((index) => index < sectors - 1);
  for (const survives of patterns) {
    const survivors = Array.from({ length: sectors }, (_, index) => survives(index));
    whole.push({ kind: "tear", tear: { sectors: survivors, hasGrown: true } });
  }
  return whole;
}

/** A crash whose every fate is decided by a function of the change's number and its choices. It remembers what it was asked. */
export class DecidedCrash implements CrashPolicy {
  /** How many choices each change had, in the order in which they came. */
  readonly asked: number[] = [];
  readonly #decide: (change: number, choices: number) => number;
  #tear: Tear | undefined;

  constructor(decide: (change: number, choices: number) => number) {
    this.#decide = decide;
  }

  fateOf(_prng: Prng, sectors?: number): Fate {
    const choices = choicesFor(sectors);
    const choice = choices[this.#decide(this.asked.length, choices.length)]!;
    this.asked.push(choices.length);
    if (choice.kind === "tear") this.#tear = choice.tear;
    return choice.kind;
  }

  tear(_prng: Prng, sectors: number): Tear {
    const tear = this.#tear;
    if (tear?.sectors.length !== sectors) throw new Error("a write is torn as it was decided");
    return tear;
  }
}

/** Of `DecidedCrash`: the number of these choices for every change. */
export const KEEP = 0;
export const DROP = 1;

/**
 * Walks all crashes of one moment, depth first: what is asked later may depend on what was decided before (what lies in a directory that is
 * lost is not asked about).
 */
export class FateTree {
  #path: { choice: number; choices: number }[] = [];

  /** The crash to try now. */
  crash(): DecidedCrash {
    return new DecidedCrash((change, choices) => {
      const known = this.#path[change];
      if (known !== undefined) return known.choice;
      this.#path.push({ choice: 0, choices });
      return 0;
    });
  }

  /** What the crash that was tried last decided, for reports. */
  get label(): string {
    return this.#path.map(({ choice }) => choice).join("");
  }

  /** On to the next; false when all have been. */
  advance(): boolean {
    for (let last = this.#path.at(-1); last !== undefined; last = this.#path.at(-1)) {
      if (++last.choice < last.choices) return true;
      this.#path.pop();
    }
    return false;
  }
}
