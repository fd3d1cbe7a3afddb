import { describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import type { Clock } from "../../platform/ports.ts";
import { compareIds, type Document, type DocumentId } from "../model/document.ts";
import { executePlainly } from "../testing/plain-executor.ts";
import { EVERY_FIELD, randomDocument, randomId } from "../testing/random-documents.ts";
import { randomFilter, randomOrder, randomQuery } from "../testing/random-queries.ts";
import { MemoryUnit } from "../unit/memory-unit.ts";
import type { SearchUnit } from "../unit/ports.ts";
import { buildSegment } from "../unit/segment/build-segment.ts";
import { openSegment } from "../unit/segment/segment-unit.ts";
import { plainKernels } from "../vector/kernels/plain.ts";
import { MemoryReader } from "../vector/testing/memory-reader.ts";
import { executeQueries } from "./execute.ts";
import { parseQuery } from "./parse-query.ts";
import type { Query } from "./query.ts";
import type { SearchSnapshot } from "./snapshot.ts";

const STILL: Clock = { monotonicMs: () => 0, wallMs: () => 0 };
const NOW_MS = 1_000;
const checksum = new PlainHasher();
const kernels = plainKernels();

/** Documents with different ids. */
function randomDocuments(random: Prng, count: number): readonly Document[] {
  const documents = new Map<DocumentId, Document>();
  for (let i = 0; i < count; i++) {
    const id = randomId(random);
    documents.set(id, randomDocument(random, id));
  }
  return [...documents.values()];
}

/** The documents in up to `most` units, at random, each in memory or in a segment. */
async function inUnits(random: Prng, documents: readonly Document[], most: number): Promise<SearchSnapshot> {
  const parts = Array.from({ length: random.between(1, most) }, (): Document[] => []);
  for (const document of random.shuffle(documents)) random.pick(parts).push(document);
  const units: SearchUnit[] = [];
  for (const [i, part] of parts.entries()) {
    if (random.chance(0.5)) units.push(new MemoryUnit(`memory ${i}`, part, EVERY_FIELD, kernels));
    else units.push(await inSegment(`segment ${i}`, part, random.fork(`${i}`)));
  }
  return { schema: EVERY_FIELD, units };
}

async function inSegment(name: string, documents: readonly Document[], prng: Prng): Promise<SearchUnit> {
  const bytes = await buildSegment({ documents, schema: EVERY_FIELD, kernels, checksum, prng });
  return await openSegment({ name, reader: new MemoryReader(bytes), schema: EVERY_FIELD, kernels, checksum });
}

describe("a query", () => {
  it("answers what its definition says, however the documents lie in units", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    for (let round = 0; round < 60; round++) {
      const random = createPrng(`${seed} ${round}`);
      const documents = randomDocuments(random, random.between(0, 120));
      const snapshot = await inUnits(random, documents, 4);
      for (let i = 0; i < 30; i++) {
        const query = randomQuery(random);
        const [result] = await executeQueries([query], snapshot, { nowMs: NOW_MS }, STILL);
        const expected = await executePlainly(query, documents, EVERY_FIELD, NOW_MS);
        const { hits, groups, facets } = result!;
        const shown = hits.map(({ id, score }) => ({ id, ...(score === undefined ? {} : { score }) }));
        expect({ round, i, query, hits: shown }).toEqual({ round, i, query, hits: expected.hits });
        expect({ round, i, groups, facets }).toEqual({
          round,
          i,
          groups: expected.groups,
          facets: expected.facets,
        });
      }
    }
  });

  it("goes through everything page by page, in order, each document once", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    for (let round = 0; round < 60; round++) {
      const random = createPrng(`${seed} ${round}`);
      const documents = randomDocuments(random, 60);
      const keys = randomOrder(random);
      const filter = randomFilter(random, 2);
      const order = (cursor?: string): Query => ({
        topK: 7,
        legs: [],
        ranking: { kind: "order", keys, ...(cursor === undefined ? {} : { cursor }) },
        filter,
        facets: [],
        projection: { kind: "id" },
        explain: false,
      });
      const paged: DocumentId[] = [];
      let cursor: string | undefined;
      do {
        // Every page finds the documents in other units.
        const snapshot = await inUnits(random, documents, 3);
        const [page] = await executeQueries([order(cursor)], snapshot, { nowMs: NOW_MS }, STILL);
        paged.push(...page!.hits.map(({ id }) => id));
        cursor = page!.nextCursor;
      } while (cursor !== undefined);
      const all = await executePlainly({ ...order(), topK: 1_000 }, documents, EVERY_FIELD, NOW_MS);
      expect(paged).toEqual(all.hits.map(({ id }) => id));
    }
  });

  it("shows the fields that were asked for", async () => {
    const random = createPrng(7);
    const documents = randomDocuments(random, 20);
    const snapshot = await inUnits(random, documents, 2);
    const base: Query = {
      topK: 100,
      legs: [],
      ranking: { kind: "order", keys: [] },
      facets: [],
      projection: { kind: "all" },
      explain: true,
    };
    const [all, some, ids] = await executeQueries(
      [
        base,
        { ...base, projection: { kind: "fields", fields: ["title", "year", "far"] } },
        { ...base, projection: { kind: "id" } },
      ],
      snapshot,
      { nowMs: 0 },
      STILL,
    );
    const sorted = documents.toSorted((a, b) => compareIds(a.id, b.id));
    for (const [i, document] of sorted.entries()) {
      expect(all!.hits[i]).toEqual({
        id: document.id,
        attributes: document.attributes,
        text: document.text,
        vectors: new Map(),
        sparse: new Map(),
      });
      expect([...some!.hits[i]!.attributes.keys()]).toEqual(document.attributes.has("year") ? ["year"] : []);
      expect(some!.hits[i]!.vectors.get("far")).toEqual(document.vectors.get("far"));
      expect(some!.hits[i]!.text.get("title")).toBe(document.text.get("title"));
      expect(ids!.hits[i]!.attributes.size + ids!.hits[i]!.text.size).toBe(0);
    }
    expect(all!.explain?.units.reduce((sum, unit) => sum + unit.matching, 0)).toBe(all!.performance.matching);
    expect(all!.performance).toMatchObject({
      documents: documents.length,
      units: snapshot.units.length,
      exhaustive: true,
    });
  });

  it("stops at its deadline and when it is given up", async () => {
    const snapshot = await inUnits(createPrng(1), randomDocuments(createPrng(1), 5), 1);
    const query = randomQuery(createPrng(1));
    const late = executeQueries([query], snapshot, { nowMs: 0, deadlineMs: 0 }, STILL);
    await expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
    const aborted = executeQueries([query], snapshot, { nowMs: 0, signal: AbortSignal.abort() }, STILL);
    await expect(aborted).rejects.toMatchObject({ code: "cancelled" });
  });

  it.each([
    ["facets", { topK: 0, facets: [{ field: "year", limit: 10 }] }],
    ["aggregation", { topK: 0, aggregation: { metrics: new Map(), groupBy: ["year"], limit: 10 } }],
    ["order", { ranking: { kind: "order", keys: [{ field: "year", direction: "asc", missing: "last" }] } }],
    ["expression", { ranking: { kind: "expression", expression: { kind: "constant", value: 1 } } }],
  ] as const)(
    "gives others their turn between slices of its %s, and ends there when it is given up",
    async (_, part) => {
      const random = createPrng("turns");
      const documents = Array.from({ length: 10_000 }, (_, i): Document => {
        const attributes = new Map([["year", random.below(100)]]);
        return { id: BigInt(i), vectors: new Map(), sparse: new Map(), text: new Map(), attributes };
      });
      const units = [new MemoryUnit("memory", documents, EVERY_FIELD, kernels)];
      const snapshot = { schema: EVERY_FIELD, units };
      const query: Query = {
        topK: 10,
        legs: [],
        ranking: { kind: "rrf", k: 60 },
        facets: [],
        projection: { kind: "id" },
        explain: false,
        ...part,
      };
      // Every look at it is a slice later.
      let nowMs = 0;
      const clock: Clock = { monotonicMs: () => (nowMs += 10), wallMs: () => 0 };
      let turns = 0;
      const caller = new AbortController();
      const pause = () => {
        turns++;
        return Promise.resolve();
      };
      const [expected] = await executeQueries([query], snapshot, { nowMs: 0 }, STILL);
      const [found] = await executeQueries([query], snapshot, { nowMs: 0, pause }, clock);
      expect({ ...found, performance: null }).toEqual({ ...expected, performance: null });
      expect(turns).toBeGreaterThan(2);
      const whole = turns;
      turns = 0;
      const leaving = () => {
        if (++turns === 2) caller.abort();
        return Promise.resolve();
      };
      const options = { nowMs: 0, pause: leaving, signal: caller.signal };
      await expect(executeQueries([query], snapshot, options, clock)).rejects.toMatchObject({
        code: "cancelled",
      });
      expect([turns, turns < whole]).toEqual([2, true]);
    },
  );

  it("gives others their turn before each text that it highlights", async () => {
    const documents = Array.from({ length: 20 }, (_, i): Document => {
      const text = new Map([["title", `tide ${i}`]]);
      return { id: BigInt(i), vectors: new Map(), sparse: new Map(), text, attributes: new Map() };
    });
    const units = [new MemoryUnit("memory", documents, EVERY_FIELD, kernels)];
    const turnsOf = async (plain: object) => {
      let [nowMs, turns] = [0, 0];
      // Every look at it is a slice later.
      const clock: Clock = { monotonicMs: () => (nowMs += 10), wallMs: () => 0 };
      const pause = () => {
        turns++;
        return Promise.resolve();
      };
      const query = parseQuery({ text: "tide", top_k: 15, ...plain });
      const [found] = await executeQueries(
        [query],
        { schema: EVERY_FIELD, units },
        { nowMs: 0, pause },
        clock,
      );
      expect(found?.hits.length).toBe(15);
      return turns;
    };
    // The first one indexes the words of the documents.
    await turnsOf({});
    expect(await turnsOf({ highlight: true })).toBe((await turnsOf({})) + 15);
  });

  it("is one of at most 16", async () => {
    const snapshot = await inUnits(createPrng(1), [], 1);
    const queries = Array.from({ length: 17 }, () => randomQuery(createPrng(1)));
    await expect(executeQueries(queries, snapshot, { nowMs: 0 }, STILL)).rejects.toMatchObject({
      details: { limit: "queries" },
    });
  });
});
