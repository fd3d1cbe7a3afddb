import type { Prng } from "../../base/index.ts";

/**
 * What a crash does to one change that was not synced. Changes that have no parts are not torn but kept. "misdirect": the disk wrote it to
 * another place of the same file, over what lies there; only writes to files suffer that.
 */
export type Fate = "keep" | "drop" | "tear" | "misdirect";

/** What is left after a power loss of what was not synced; "misdirect" is "random" with a disk that has lost its way. */
export type Unsynced = "keep" | "drop" | "random" | "misdirect";

const MISDIRECTED_PART = 0.3;

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
export function crashPolicy(unsynced: Unsynced, prng: Prng): CrashPolicy {
  if (unsynced === "keep" || unsynced === "drop") return { fateOf: () => unsynced, tear: randomTear };
  const misdirected = unsynced === "misdirect" ? MISDIRECTED_PART : 0;
  const keep = prng.unit();
  const tear = (1 - keep) * prng.unit();
  return {
    fateOf: (draw) => {
      if (misdirected > 0 && draw.chance(misdirected)) return "misdirect";
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
