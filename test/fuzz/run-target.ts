/** Runs a target on its seeds, its corpus and mutations of both. */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createPrng } from "../../src/base/index.ts";
import { type MutationSources, mutate } from "./mutate.ts";
import type { FuzzTarget } from "./target.ts";

const CORPUS = fileURLToPath(new URL("./corpus/", import.meta.url));
const DEFAULT_MAX_BYTES = 8192;
/** Inputs with outcomes of their own that are kept in memory. */
const MAX_POOL = 1000;
/** Attempts to make a failing input smaller. */
const MAX_SHRINK_ATTEMPTS = 4000;

export interface FuzzLimits {
  readonly seed: string;
  /** Mutations, at most. */
  readonly runs: number;
  /** CPU time, at most. */
  readonly cpuSeconds: number;
}

export interface FuzzReport {
  readonly runs: number;
  /** Different outcomes, with how often each came. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failure: FuzzFailure | undefined;
}

export interface FuzzFailure {
  readonly reason: string;
  readonly input: Uint8Array;
}

/** Inputs that broke a target once, and others worth keeping: files of `corpus/<target>/`. */
export function corpusOf(name: string): Uint8Array[] {
  const directory = CORPUS + name;
  try {
    return readdirSync(directory)
      .sort()
      .map((file) => new Uint8Array(readFileSync(`${directory}/${file}`)));
  } catch {
    return [];
  }
}

/** Saves an input under a name made of its bytes; returns the path. */
export function saveInput(target: FuzzTarget, input: Uint8Array): string {
  const directory = CORPUS + target.name;
  mkdirSync(directory, { recursive: true });
  const path = `${directory}/${createHash("sha256").update(input).digest("hex").slice(0, 16)}`;
  writeFileSync(path, input);
  return path;
}

export async function runTarget(target: FuzzTarget, limits: FuzzLimits): Promise<FuzzReport> {
  const prng = createPrng(`${limits.seed}/${target.name}`);
  const pool = [...target.seeds(), ...corpusOf(target.name)];
  const sources: MutationSources = {
    pool,
    dictionary: (target.dictionary ?? []).map((word) =>
      typeof word === "string" ? Buffer.from(word) : word,
    ),
    maxBytes: target.maxBytes ?? DEFAULT_MAX_BYTES,
  };
  const outcomes = new Map<string, number>();
  const started = process.cpuUsage();
  const isOver = (): boolean => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1e6 >= limits.cpuSeconds;
  };
  const first = pool.length;
  let runs = 0;
  for (; runs < first + limits.runs && (runs < first || runs % 16 !== 0 || !isOver()); runs++) {
    const input = runs < first ? pool[runs]! : mutate(prng.pick(pool), prng, sources);
    const outcome = await tried(target, input);
    if (outcome.kind === "broken") {
      const shrunk = await shrink(target, input);
      return {
        runs: runs + 1,
        outcomes,
        failure: { reason: (await reasonOf(target, shrunk)) ?? outcome.reason, input: shrunk },
      };
    }
    const count = outcomes.get(outcome.label) ?? 0;
    outcomes.set(outcome.label, count + 1);
    if (count === 0 && runs >= first && pool.length < MAX_POOL) pool.push(input);
  }
  return { runs, outcomes, failure: undefined };
}

type Outcome =
  | { readonly kind: "fine"; readonly label: string }
  | { readonly kind: "broken"; readonly reason: string };

async function tried(target: FuzzTarget, input: Uint8Array): Promise<Outcome> {
  try {
    // A copy: decoders hand out views, and nobody may change the pool.
    return { kind: "fine", label: await target.property(input.slice()) };
  } catch (error) {
    return {
      kind: "broken",
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

async function reasonOf(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const outcome = await tried(target, input);
  return outcome.kind === "broken" ? outcome.reason : undefined;
}

/** A smaller input that breaks the target too: pieces are taken out, then bytes made zero. */
async function shrink(target: FuzzTarget, input: Uint8Array): Promise<Uint8Array> {
  let smallest = input;
  let attempts = 0;
  for (let size = input.length >> 1; size > 0 && attempts < MAX_SHRINK_ATTEMPTS; size >>= 1) {
    for (let at = 0; at < smallest.length && attempts < MAX_SHRINK_ATTEMPTS; attempts++) {
      const candidate = Uint8Array.from([...smallest.subarray(0, at), ...smallest.subarray(at + size)]);
      if ((await reasonOf(target, candidate)) === undefined) at += size;
      else smallest = candidate;
    }
  }
  return smallest;
}

/** How much more CPU time four times the bytes take; about 4 when the cost grows with the size. Minimum of several tries. */
export async function growthOf(
  target: FuzzTarget,
  large: (sizeBytes: number) => Uint8Array,
  sizeBytes: number,
): Promise<number> {
  const cost = async (input: Uint8Array): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = process.cpuUsage();
      await target.property(input);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, user + system);
    }
    return least;
  };
  const small = await cost(large(sizeBytes));
  return (await cost(large(4 * sizeBytes))) / Math.max(small, 200);
}
