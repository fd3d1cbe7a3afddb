import { describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import { documentPredicate } from "../filter/match-document.ts";
import type { AttributeValue } from "../model/document.ts";
import { EVERY_FIELD, randomDocument } from "../testing/random-documents.ts";
import { randomFilter } from "../testing/random-queries.ts";
import { MemoryReader } from "../vector/testing/memory-reader.ts";
import { buildAttribute } from "./build-attribute.ts";
import type { AttributeSections } from "./encode-attribute.ts";
import { type AttributeFilter, attributeRows } from "./filter-attribute.ts";
import { AttributeIndex } from "./open-attribute.ts";

const FIELDS = [...EVERY_FIELD.attributes];

function open(field: (typeof FIELDS)[number][1], rowCount: number, sections: AttributeSections) {
  const readers = {
    attribute: new MemoryReader(sections.attribute),
    postings: new MemoryReader(sections.postings),
    column: new MemoryReader(sections.column),
  };
  return AttributeIndex.open(field, rowCount, readers);
}

function randomValues(random: Prng, name: string, count: number) {
  return Array.from({ length: count }, (_, i) => randomDocument(random, BigInt(i)).attributes.get(name));
}

/** A filter without others inside, on this field. */
function filterOn(random: Prng, name: string): AttributeFilter {
  for (;;) {
    const filter = randomFilter(random, 0);
    const isLeaf = filter.kind !== "and" && filter.kind !== "or" && filter.kind !== "not";
    if (isLeaf && filter.field === name && filter.kind !== "compare-new") return filter as AttributeFilter;
  }
}

describe("the index of an attribute", () => {
  it("finds the rows that pass by the definition, and gives every value back", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    for (let round = 0; round < 150; round++) {
      const random = createPrng(`${seed} ${round}`);
      const [name, field] = random.pick(FIELDS.filter(([, one]) => one.filterable));
      const values = randomValues(random, name, random.pick([0, 1, 31, 32, 33, 200]));
      const index = await open(field, values.length, buildAttribute(field, values));
      const column = await index.column();
      expect(values.map((_, row) => column.valueAt(row))).toEqual(values);
      const documents = values.map((value, i) => ({
        id: BigInt(i),
        vectors: new Map(),
        sparse: new Map(),
        text: new Map(),
        attributes: new Map<string, AttributeValue>(value === undefined ? [] : [[name, value]]),
      }));
      for (let i = 0; i < 20; i++) {
        const filter = filterOn(random, name);
        const passes = documentPredicate(filter, () => false);
        const expected = documents.flatMap((document, row) => (passes(document) ? [row] : []));
        const rows = [...(await attributeRows(filter, index)).toRows()];
        expect({ round, filter, rows }).toEqual({ round, filter, rows: expected });
      }
    }
  });

  it("has dictionaries of every width", async () => {
    const field = { type: "int", array: false, filterable: true } as const;
    for (const different of [254, 255, 65_534, 65_535]) {
      const values = Array.from({ length: different + 10 }, (_, i) => (i === 3 ? undefined : i % different));
      const index = await open(field, values.length, buildAttribute(field, values));
      const column = await index.column();
      expect(values.every((value, row) => column.valueAt(row) === value)).toBe(true);
      const last = { kind: "compare", field: "n", operator: "eq", value: different - 1 } as const;
      expect([...(await attributeRows(last, index)).toRows()]).toEqual([different - 1]);
    }
  });

  it("reads only the postings that it needs", async () => {
    const field = { type: "int", array: false, filterable: true } as const;
    const values = Array.from({ length: 10_000 }, (_, i) => i % 100);
    const sections = buildAttribute(field, values);
    const postings = new MemoryReader(sections.postings);
    const column = new MemoryReader(sections.column);
    const readers = { attribute: new MemoryReader(sections.attribute), postings, column };
    const index = await AttributeIndex.open(field, values.length, readers);
    await attributeRows({ kind: "compare", field: "n", operator: "eq", value: 7 }, index);
    expect(postings.waves).toBe(1);
    expect(postings.bytesRead).toBeLessThan(sections.postings.length / 50);
    await attributeRows({ kind: "compare", field: "n", operator: "gte", value: 5 }, index);
    expect(postings.waves).toBe(2);
    expect(postings.bytesRead).toBeLessThan(sections.postings.length / 10);
    expect(column.waves).toBe(0);
  });

  it("refuses bytes that were not written for it, and nothing else happens", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    for (let round = 0; round < 400; round++) {
      const random = createPrng(`${seed} ${round}`);
      const [name, field] = random.pick(FIELDS.filter(([, one]) => one.filterable));
      const values = randomValues(random, name, 40);
      const sections = buildAttribute(field, values);
      const which = random.pick(["attribute", "postings", "column"] as const);
      const bytes = sections[which].slice();
      for (let i = 0; i < random.between(1, 4); i++) bytes[random.below(bytes.length)] = random.below(256);
      const cut = random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      try {
        const index = await open(field, values.length, { ...sections, [which]: cut });
        const column = await index.column();
        for (const row of values.keys()) column.valueAt(row);
        for (let i = 0; i < 5; i++)
          expect((await attributeRows(filterOn(random, name), index)).count()).toBeLessThanOrEqual(40);
      } catch (error) {
        expect(error).toBeInstanceOf(SearchError);
        expect(["data-damaged", "format-too-new"]).toContain((error as SearchError).code);
      }
    }
  });
});
