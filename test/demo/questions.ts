/** The questions of the demo, each a call of the client, and how their answers look on a terminal. */
import {
  and,
  eq,
  type Filter,
  gte,
  type Hit,
  type Namespace,
  prefix,
  type Query,
  type QueryResult,
} from "../../src/client/index.ts";
import type { Dictionary } from "./dictionary.ts";

const WIDTH = 100;
const { bold, dim, plain } = styles(process.stdout.isTTY);

interface Question {
  readonly title: string;
  /** Undefined: none of the words is known, so that it has no vector. */
  readonly query: Query | undefined;
}

const shown = { include: ["words", "gloss", "topic"], top_k: 4 } as const;
const marked = { fields: ["gloss"], fragments: 1, characters: WIDTH, before: bold, after: plain };

export function questions(dictionary: Dictionary): readonly Question[] {
  return [
    {
      title: 'By meaning: "to cook food in hot oil"',
      query: byMeaning(dictionary, "to cook food in hot oil"),
    },
    { title: 'By words, BM25: "storm at sea"', query: { ...shown, text: "storm at sea", highlight: marked } },
    {
      title: 'As a phrase: "body of water"',
      query: {
        ...shown,
        text: { query: "body of water", match: "phrase", fields: { gloss: 1 } },
        highlight: marked,
      },
    },
    {
      title: 'Both, joined by rank: "money that a bank lends"',
      query: byBoth(dictionary, "money that a bank lends"),
    },
    {
      title:
        'The same among verbs with two words or more: ["And",[["part","Eq","verb"],["synonyms","Gte",2]]]',
      query: byBoth(dictionary, "money that a bank lends", and(eq("part", "verb"), gte("synonyms", 2))),
    },
    {
      title: 'What all entries with "water" are about: facets over everything that passes the filter',
      query: {
        top_k: 0,
        filter: ["gloss", "AnyToken", "water"],
        facets: [{ field: "topic", limit: 8 }],
        aggregate: { metrics: { entries: ["count"], most: ["max", "synonyms"] } },
      },
    },
    {
      title: 'In order of an attribute: most synonyms first, topics that begin with "f"',
      query: { ...shown, filter: prefix("topic", "f"), order_by: [["synonyms", "desc"]] },
    },
  ];
}

function byMeaning(dictionary: Dictionary, text: string): Query | undefined {
  const value = dictionary.vectorOf(text);
  return value && { ...shown, vector: { field: "meaning", value } };
}

/** A leg by vector and a leg by words; only by words where no word has a vector. */
export function byBoth(dictionary: Dictionary, text: string, filter?: Filter): Query {
  return {
    ...shown,
    ...byMeaning(dictionary, text),
    text,
    fusion: "rrf",
    ...(filter !== undefined && { filter }),
  };
}

export async function ask(namespace: Namespace, { title, query }: Question): Promise<void> {
  console.log(`\n${bold}${title}${plain}`);
  if (query === undefined) return console.log("  none of these words is known");
  const from = performance.now();
  const result = await namespace.query(query);
  const ms = performance.now() - from;
  print(result);
  const { candidates, exhaustive } = result.performance;
  const exactness = exhaustive === true ? "exact" : "by index";
  return console.log(`${dim}  ${ms.toFixed(0)} ms, ${candidates} candidates, ${exactness}${plain}`);
}

export function print({ results, facets = {}, aggregations = [] }: QueryResult): void {
  for (const hit of results) console.log(`  ${scoreOf(hit)}${lineOf(hit)}`);
  for (const { values } of aggregations) console.log(`  ${JSON.stringify(values)}`);
  for (const [field, counts] of Object.entries(facets)) {
    console.log(`  ${field}: ${counts.map(({ value, count }) => `${value} ${count}`).join(", ")}`);
  }
}

function scoreOf({ score }: Hit): string {
  return score === undefined ? "" : `${score.toFixed(3).padStart(7)}  `;
}

function lineOf({ text = {}, attributes = {}, highlights = {} }: Hit): string {
  const words = text["words"] ?? "";
  const gloss = highlights["gloss"]?.[0] ?? shortened(text["gloss"] ?? "");
  return `${bold}${shortened(words, 40)}${plain} ${dim}(${String(attributes["topic"])})${plain} ${gloss}`;
}

function shortened(text: string, width = WIDTH): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function styles(isTerminal: boolean) {
  const code = (number: number) => (isTerminal ? `\u001b[${number}m` : "");
  return { bold: code(1), dim: code(2), plain: code(0) };
}
