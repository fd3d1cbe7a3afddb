import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { RowSet } from "../rows/row-set.ts";
import { CountingReaders } from "../testing/counting-readers.ts";
import { MemoryTextIndex } from "./memory-index.ts";
import type { TextIndex } from "./ports.ts";
import { runToEnd, TextIndexBuilder } from "./segment/build.ts";
import { openTextIndex } from "./segment/open.ts";
import { addTextStatistics } from "./statistics.ts";
import { PlainCorpus } from "./testing/plain-search.ts";
import { type RandomCorpus, randomCorpus, randomQuery } from "./testing/random-corpus.ts";

const CORPORA = Number(process.env["SKERRY_TEST_RUNS"] ?? 60);

type MakeIndex = (corpus: Pick<RandomCorpus, "fields" | "rows">) => Promise<TextIndex>;

async function inMemory({ fields, rows }: Pick<RandomCorpus, "fields" | "rows">): Promise<TextIndex> {
  const index = new MemoryTextIndex(fields);
  for (const texts of rows) index.add(texts);
  return index.view(rows.length);
}

function built(budgetBytes?: number): MakeIndex {
  return ({ fields, rows }) => {
    const builder = new TextIndexBuilder(fields, budgetBytes);
    for (const texts of rows) builder.add(texts);
    return openTextIndex(new CountingReaders().of(runToEnd(builder.finish())));
  };
}

const KINDS: readonly (readonly [string, MakeIndex])[] = [
  ["in memory", inMemory],
  ["of a segment", built()],
  ["of a segment that was built in runs", built(2_000)],
];

describe.each(KINDS)("a search %s", (_, indexOf) => {
  it("answers what adding up BM25 over all rows answers, score for score", async () => {
    const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
    console.log(`SKERRY_TEST_SEED=${seed}`);
    for (let round = 0; round < CORPORA; round++) {
      const random = createPrng(`${seed}/${round}`);
      const corpus = randomCorpus(random, 60);
      const plain = new PlainCorpus(corpus.fields, corpus.rows);
      const index = await indexOf(corpus);
      for (let i = 0; i < 4; i++) {
        const query = randomQuery(random, corpus);
        const all = plain.search(query);
        const rows = [...(await index.matchingRows(query)).toRows()];
        expect(rows, `${seed}/${round}`).toEqual(all.map(({ row }) => row).sort((a, b) => a - b));
        const allowed = RowSet.full(index.rowCount);
        for (let row = 0; row < index.rowCount; row++) if (random.chance(0.2)) allowed.remove(row);
        const k = random.between(1, 12);
        const prepared = await index.prepare(query);
        const { hits } = await prepared.search({ statistics: prepared.statistics, k, allowed });
        const expected = all.filter(({ row }) => allowed.has(row)).slice(0, k);
        expect(hits, `${seed}/${round} ${JSON.stringify(query)}`).toEqual(expected);
      }
    }
  }, 120_000);

  it("scores a row the same wherever it lies", async () => {
    const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
    console.log(`SKERRY_TEST_SEED=${seed}`);
    for (let round = 0; round < CORPORA; round++) {
      const random = createPrng(`${seed}/${round}`);
      const corpus = randomCorpus(random, 60);
      const { fields, rows } = corpus;
      const cut = random.below(rows.length + 1);
      const units = await Promise.all(
        [rows.slice(0, cut), rows.slice(cut)].map((part) => indexOf({ fields, rows: part })),
      );
      const query = randomQuery(random, corpus);
      const prepared = await Promise.all(units.map((unit) => unit.prepare(query)));
      const statistics = addTextStatistics(prepared.map((part) => part.statistics));
      const found = await Promise.all(
        prepared.map((part, i) =>
          part.search({ statistics, k: rows.length + 1, allowed: RowSet.full(units[i]!.rowCount) }),
        ),
      );
      const hits = found.flatMap((part, i) =>
        part.hits.map(({ row, score }) => ({ row: row + i * cut, score })),
      );
      hits.sort((left, right) => right.score - left.score || left.row - right.row);
      expect(hits, `${seed}/${round}`).toEqual(new PlainCorpus(fields, rows).search(query));
    }
  }, 120_000);
});
