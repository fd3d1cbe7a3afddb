import type { Prng } from "../../../base/index.ts";
import { parseTextQuery } from "../parse-query.ts";
import type { TextQuery } from "../query.ts";
import type { TextFieldSettings } from "../settings.ts";

export interface RandomField {
  readonly name: string;
  readonly settings: TextFieldSettings;
}

export interface RandomCorpus {
  readonly fields: readonly RandomField[];
  readonly rows: readonly ReadonlyMap<string, string>[];
  readonly words: readonly string[];
}

const LETTERS = [..."abcdeé東京"];

/** Texts over a few words, of which few are common: every kind of list occurs, from one row to all. */
export function randomCorpus(random: Prng, mostRows: number): RandomCorpus {
  const words = Array.from({ length: random.between(2, 40) }, () => randomWord(random));
  const fields = ["title", "body"].slice(0, random.between(1, 2)).map((name) => ({
    name,
    settings: {
      language: random.pick(["none", "english"]),
      stemming: random.chance(0.5),
      stopWords: random.chance(0.5),
      asciiFolding: random.chance(0.3),
      weight: random.pick([0.3, 1, 2]),
      k1: random.pick([0, 0.5, 1.2, 2]),
      b: random.pick([0, 0.5, 0.75, 1]),
    },
  }));
  const rows = Array.from({ length: random.below(mostRows + 1) }, () => {
    const present = fields.filter(() => random.chance(0.9));
    return new Map(present.map(({ name }) => [name, randomText(random, words)] as const));
  });
  return { fields, rows, words };
}

function randomWord(random: Prng): string {
  if (random.chance(0.1)) return random.pick(["the", "running", "runs", "don't"]);
  return Array.from({ length: random.between(1, 5) }, () => random.pick(LETTERS)).join("");
}

function randomText(random: Prng, words: readonly string[]): string {
  const length = random.chance(0.05) ? random.between(60, 200) : random.below(12);
  return Array.from({ length }, () => words[Math.floor(words.length * random.unit() ** 3)]).join(" ");
}

/** With all kinds of clauses. */
export function randomQuery(random: Prng, { fields, words }: RandomCorpus): TextQuery {
  const word = () => (random.chance(0.9) ? random.pick(words) : randomWord(random));
  const piece = () => {
    const sign = random.pick(["", "", "", "", "+", "-"]);
    if (random.chance(0.25)) {
      const phrase = Array.from({ length: random.between(1, 3) }, word).join(" ");
      return `${sign}"${phrase}"${random.pick(["", "", "~1", "~3"])}`;
    }
    return sign + word() + random.pick(["", "", "", "", "*", "~1", "~2"]);
  };
  const request = {
    text: Array.from({ length: random.between(1, 5) }, piece).join(" "),
    match: random.pick(["any", "any", "all"] as const),
    lastAsPrefix: random.chance(0.2),
    fuzzyDistance: random.chance(0.1) ? 1 : 0,
    operators: true,
  };
  const asked = fields.filter(() => random.chance(0.9));
  return parseTextQuery(request, asked.length === 0 ? fields : asked);
}
