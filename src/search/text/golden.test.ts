/**
 * An index as version 1 writes it, kept in `testdata/`: it must be read for as long as version 1 is. Never write it again; a change of the format is a
 * new version with golden files of its own. Made with SKERRY_WRITE_GOLDEN=1.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RowSet } from "../rows/row-set.ts";
import { CountingReaders } from "../testing/counting-readers.ts";
import { openTextIndex, parseTextQuery, runToEnd, TEXT_SECTIONS, TextIndexBuilder } from "./index.ts";

const SETTINGS = { language: "english", stemming: true, stopWords: true, weight: 1, k1: 1.2, b: 0.75 };
const FIELDS = [
  { name: "title", settings: { ...SETTINGS, weight: 2 } },
  { name: "body", settings: { ...SETTINGS, language: "none" } },
];
const ROWS = 300;

function textSections() {
  const builder = new TextIndexBuilder(FIELDS);
  for (let row = 0; row < ROWS; row++) {
    const title = row % 4 === 3 ? [] : [["title", `Running the ${row % 50} boats of été`] as const];
    const body = `seal ${row % 3 === 0 ? "rock rock" : "skerry"} ${"wave ".repeat(row % 90)} 東京都 row${row}`;
    builder.add(new Map([...title, ["body", body]]));
  }
  return runToEnd(builder.finish());
}

function golden<Name extends string>(
  kind: string,
  sections: Readonly<Record<Name, Uint8Array>>,
  names: readonly Name[],
) {
  const files = names.map((name) => {
    const file = new URL(`./testdata/${kind}-v1-${name}.bin`, import.meta.url);
    if (process.env["SKERRY_WRITE_GOLDEN"] === "1" && !existsSync(file)) writeFileSync(file, sections[name]);
    return [name, new Uint8Array(readFileSync(file))] as const;
  });
  return Object.fromEntries(files) as Record<Name, Uint8Array>;
}

describe("the golden text index of version 1", () => {
  const written = textSections();
  const kept = golden("text", written, TEXT_SECTIONS);

  test.each(TEXT_SECTIONS)("is what this code writes: %s", (name) => {
    expect(Buffer.compare(written[name], kept[name])).toBe(0);
  });

  test("is read", async () => {
    const index = await openTextIndex(new CountingReaders().of(kept));
    const query = parseTextQuery({ text: 'boat "rock rock" row15', match: "any", operators: true }, FIELDS);
    const prepared = await index.prepare(query);
    const { hits } = await prepared.search({
      statistics: prepared.statistics,
      k: 3,
      allowed: RowSet.full(ROWS),
    });
    expect(hits.map(({ row }) => row)).toEqual([15, 0, 90]);
    expect((await index.matchingRows(query)).count()).toBe(250);
  });
});
