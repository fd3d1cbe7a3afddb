import { expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { RowSet } from "../rows/row-set.ts";
import { CountingReaders } from "../testing/counting-readers.ts";
import { parseTextQuery } from "./parse-query.ts";
import type { TextIndexSections } from "./ports.ts";
import { runToEnd, TextIndexBuilder } from "./segment/build.ts";
import { mergeTextIndexes } from "./segment/merge.ts";
import { openTextIndex } from "./segment/open.ts";
import { PlainCorpus } from "./testing/plain-search.ts";

const SETTINGS = { language: "none", stemming: false, stopWords: false, weight: 1, k1: 1.2, b: 0.75 };
const FIELDS = [
  { name: "title", settings: { ...SETTINGS, weight: 2 } },
  { name: "body", settings: SETTINGS },
];
const WORDS = 300;

type Rows = readonly ReadonlyMap<string, string>[];

/** Texts whose words are as unequally common as in a language. */
function zipfRows(random: Prng, count: number): Rows {
  const word = () => `w${Math.floor(WORDS ** random.unit())}`;
  const text = (most: number) => Array.from({ length: random.between(1, most) }, word).join(" ");
  return Array.from(
    { length: count },
    () =>
      new Map([
        ["title", text(4)],
        ["body", text(random.chance(0.1) ? 120 : 12)],
      ]),
  );
}

function build(rows: Rows): TextIndexSections {
  const builder = new TextIndexBuilder(FIELDS);
  for (const texts of rows) builder.add(texts);
  return runToEnd(builder.finish());
}

function ask(random: Prng) {
  const rank = () => Math.floor(WORDS ** random.unit());
  const text = Array.from({ length: random.between(1, 6) }, () => `w${rank()}`).join(" ");
  return parseTextQuery({ text, match: "any" }, FIELDS);
}

it("skips postings and finds the same rows, in two waves", async () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  console.log(`SKERRY_TEST_SEED=${seed}`);
  const random = createPrng(seed);
  let [scored, total] = [0, 0];
  for (let round = 0; round < 6; round++) {
    const rows = zipfRows(random, random.between(5_000, 20_000));
    const sections = build(rows);
    for (let i = 0; i < 15; i++) {
      const readers = new CountingReaders();
      const index = await openTextIndex(readers.of(sections));
      expect(readers.waves).toBe(1);
      const prepared = await index.prepare(ask(random));
      expect(readers.waves).toBe(2);
      const { statistics } = prepared;
      const allowed = RowSet.full(rows.length);
      if (random.chance(0.3))
        for (let row = 0; row < rows.length; row++) if (random.chance(0.7)) allowed.remove(row);
      const k = random.pick([1, 10, 100]);
      const found = await prepared.search({ statistics, k, allowed });
      expect(readers.waves).toBe(3);
      const everything = await prepared.search({ statistics, k: rows.length, allowed });
      expect(found.hits, `${seed}/${round}`).toEqual(everything.hits.slice(0, k));
      const leastScore = everything.hits[4]?.score ?? 0;
      const best = await prepared.search({ statistics, k, allowed, leastScore });
      expect(best.hits).toEqual(everything.hits.slice(0, k).filter(({ score }) => score >= leastScore));
      scored += found.scoredPostings;
      total += everything.scoredPostings;
    }
  }
  console.log(`scored ${scored} of ${total} postings`);
  expect(scored).toBeLessThan(total * 0.8);
}, 120_000);

it("scores as BM25 does where lists have many blocks", async () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  console.log(`SKERRY_TEST_SEED=${seed}`);
  const random = createPrng(seed);
  const rows = zipfRows(random, 1_500);
  const plain = new PlainCorpus(FIELDS, rows);
  const index = await openTextIndex(new CountingReaders().of(build(rows)));
  for (let i = 0; i < 5; i++) {
    const query = ask(random);
    const prepared = await index.prepare(query);
    const { hits } = await prepared.search({
      statistics: prepared.statistics,
      k: 20,
      allowed: RowSet.full(rows.length),
    });
    expect(hits, seed).toEqual(plain.search(query).slice(0, 20));
  }
}, 120_000);

it("merges units into what one build of the same rows gives, byte for byte", () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  console.log(`SKERRY_TEST_SEED=${seed}`);
  const random = createPrng(seed);
  for (let round = 0; round < 10; round++) {
    const rows = zipfRows(random, random.below(1_500));
    const order = random.shuffle([...rows.keys()]);
    const cut = random.below(rows.length + 1);
    const kept = new Map(order.filter(() => random.chance(0.8)).map((row, target) => [row, target]));
    const parts = [rows.slice(0, cut), rows.slice(cut)].map((part, i) => ({
      sections: build(part),
      rowOf: (row: number) => kept.get(row + i * cut),
    }));
    const merged = runToEnd(mergeTextIndexes({ fields: FIELDS, rowCount: kept.size, parts }));
    expect(merged, `${seed}/${round}`).toEqual(build([...kept.keys()].map((row) => rows[row]!)));
  }
}, 120_000);
