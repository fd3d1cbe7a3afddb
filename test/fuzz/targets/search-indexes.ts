import { SearchError } from "../../../src/search/errors.ts";
import { RowSet } from "../../../src/search/rows/row-set.ts";
import { openSparseIndex, SPARSE_SECTIONS, SparseIndexBuilder } from "../../../src/search/sparse/index.ts";
import { CountingReaders } from "../../../src/search/testing/counting-readers.ts";
import {
  openTextIndex,
  parseTextQuery,
  runToEnd,
  TEXT_SECTIONS,
  TextIndexBuilder,
} from "../../../src/search/text/index.ts";
import { broken, type FuzzTarget, refusalLabel } from "../target.ts";

const SETTINGS = { language: "none", stemming: false, stopWords: false, weight: 1, k1: 1.2, b: 0.75 };
const FIELDS = ["title", "body"].map((name) => ({ name, settings: SETTINGS }));
/** More rows than this make a set of rows that is no longer cheap to ask for. */
const MAX_ROWS = 100_000;

/** All sections of a text index, each after its length: opens and searches whatever is there. */
export const searchText: FuzzTarget = {
  name: "search-text",
  seeds: () => [0, 3, 400].map((rows) => joined(TEXT_SECTIONS, textSections(rows))),
  maxBytes: 32 * 1024,
  dictionary: ["SKTX", "1:none"],
  property: (input) =>
    outcomeOf(async () => {
      const readers = split(input, TEXT_SECTIONS);
      const index = await openTextIndex(readers);
      if (index.rowCount > MAX_ROWS) return "many rows";
      const query = parseTextQuery({ text: 'a "a b" b* abd~1 -c', match: "any", operators: true }, FIELDS);
      const prepared = await index.prepare(query);
      const allowed = RowSet.full(index.rowCount);
      const { hits } = await prepared.search({ statistics: prepared.statistics, k: 10, allowed });
      const rows = await index.matchingRows(query);
      if (hits.some(({ row }) => row >= index.rowCount || !rows.has(row))) broken("a hit is no match");
      return hits.length > 0 ? "hits" : "no hits";
    }),
};

/** The same of a sparse index. */
export const searchSparse: FuzzTarget = {
  name: "search-sparse",
  seeds: () => [0, 3, 400].map((rows) => joined(SPARSE_SECTIONS, sparseSections(rows))),
  maxBytes: 32 * 1024,
  dictionary: ["SKSP"],
  property: (input) =>
    outcomeOf(async () => {
      const index = await openSparseIndex(split(input, SPARSE_SECTIONS));
      if (index.rowCount > MAX_ROWS) return "many rows";
      const query = { indices: Uint32Array.of(0, 3, 7), values: Float32Array.of(1, -2, 0.5) };
      const { hits } = await index.search({ query, k: 10, allowed: RowSet.full(index.rowCount) });
      if (hits.some(({ row }) => row >= index.rowCount)) broken("a hit is no row");
      return hits.length > 0 ? "hits" : "no hits";
    }),
};

async function outcomeOf(run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    return refusalLabel([SearchError], error);
  }
}

function textSections(rows: number) {
  const builder = new TextIndexBuilder(FIELDS);
  for (let row = 0; row < rows; row++)
    builder.add(
      new Map([
        ["title", `a${row % 7} b`],
        ["body", row % 3 === 0 ? "a b a abc" : "b c a"],
      ]),
    );
  return runToEnd(builder.finish());
}

function sparseSections(rows: number) {
  const builder = new SparseIndexBuilder();
  for (let row = 0; row < rows; row++)
    builder.add({ indices: Uint32Array.of(row % 5, 7, 300 + row), values: Float32Array.of(row, -1, 0.5) });
  return builder.finish();
}

function joined<Name extends string>(
  names: readonly Name[],
  sections: Readonly<Record<Name, Uint8Array>>,
): Uint8Array {
  return Buffer.concat(
    names.flatMap((name) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(sections[name].length);
      return [length, sections[name]];
    }),
  );
}

function split<Name extends string>(input: Uint8Array, names: readonly Name[]) {
  const readers = new CountingReaders();
  const bytes = Buffer.from(input);
  let at = 0;
  const parts = names.map((name) => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : 0;
    const part = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return [name, readers.reader(new Uint8Array(part))] as const;
  });
  return Object.fromEntries(parts) as Record<Name, ReturnType<CountingReaders["reader"]>>;
}
