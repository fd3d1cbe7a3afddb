import type { Prng } from "../../base/index.ts";

/** What a crash does to one change that was not synced. Changes that have no parts are not torn but kept. */
export type Fate = "keep" | "drop" | "tear";

/** How a crash treats what was not synced: "random" draws for each change, in proportions that it draws once for the whole crash. */
export interface CrashPolicy {
  fateOf(prng: Prng): Fate;
}

export function crashPolicy(unsynced: "keep" | "drop" | "random", prng: Prng): CrashPolicy {
  if (unsynced !== "random") return { fateOf: () => unsynced };
  const keep = prng.unit();
  const tear = (1 - keep) * prng.unit();
  return {
    fateOf: (draw) => {
      const chance = draw.unit();
      if (chance < keep) return "keep";
      return chance < keep + tear ? "tear" : "drop";
    },
  };
}
