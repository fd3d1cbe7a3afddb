import type { Prng } from "../../base/index.ts";

/** What a crash does to one change that was not synced. Changes that have no parts are not torn but kept. */
export type Fate = "keep" | "drop" | "tear";

/** What is left of a torn write: which of its sectors reached the disk, and whether the file has grown over all of it. */
export interface Tear {
  readonly sectors: readonly boolean[];
  readonly hasGrown: boolean;
}

/** How a crash treats what was not synced. It is asked about each change in turn, and about each write that it tears. */
export interface CrashPolicy {
  /** `sectors`: how many the change touches; undefined for what is kept or dropped as a whole. */
  fateOf(prng: Prng, sectors?: number): Fate;
  tear(prng: Prng, sectors: number): Tear;
}

/** "random" draws for each change, in proportions that it draws once for the whole crash. */
export function crashPolicy(unsynced: "keep" | "drop" | "random", prng: Prng): CrashPolicy {
  if (unsynced !== "random") return { fateOf: () => unsynced, tear: randomTear };
  const keep = prng.unit();
  const tear = (1 - keep) * prng.unit();
  return {
    fateOf: (draw) => {
      const chance = draw.unit();
      if (chance < keep) return "keep";
      return chance < keep + tear ? "tear" : "drop";
    },
    tear: randomTear,
  };
}

/** Either the first sectors reach the disk, or any of them; the file may have grown all the same. */
function randomTear(prng: Prng, sectors: number): Tear {
  const cut = prng.below(sectors + 1);
  const isPrefix = prng.chance(0.5);
  const survivors = Array.from({ length: sectors }, (_, index) =>
    isPrefix ? index < cut : prng.chance(0.5),
  );
  return { sectors: survivors, hasGrown: prng.chance(0.3) };
}
