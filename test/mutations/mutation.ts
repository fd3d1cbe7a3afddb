import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A test file that judges mutations, and which of its tests do. */
export interface Detector {
  readonly file: string;
  /** A part of the names of the tests that count; undefined: all of them. */
  readonly tests?: string;
  /** Whether each of those tests is one seed of a random history: then "seeds needed" is how many ran up to the one that failed. */
  readonly isSeeded: boolean;
}

/** A known bug as a change of the source. It is applied when the file is loaded for a test; production code knows nothing of it. */
export interface Mutation {
  readonly name: string;
  /** The number in the list of bugs that real implementations had, where it is one of those. */
  readonly known?: string;
  readonly what: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly detector: Detector;
  /** It must be caught within so many seeds. 1 for detectors without seeds. */
  readonly withinSeeds: number;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export function pathOf(mutation: Mutation): string {
  return ROOT + mutation.file;
}

/** The source with the bug in it. Throws when the place is not there any more, or not the only one. */
export function mutated(mutation: Mutation, source: string): string {
  const count = source.split(mutation.find).length - 1;
  if (count === 1) return source.replace(mutation.find, () => mutation.replace);
  throw new Error(
    `mutation "${mutation.name}": its text stands ${count} times in ${mutation.file}, and not once: change test/mutations with the code`,
  );
}

export function sourceOf(mutation: Mutation): string {
  return readFileSync(pathOf(mutation), "utf8");
}
