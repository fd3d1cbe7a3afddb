import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import type { Clock } from "../../platform/ports.ts";
import { bindFilter } from "../filter/bind-filter.ts";
import { FilterCost } from "../filter/filter-cost.ts";
import { valuePredicate } from "../filter/match-scalar.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import type { Document } from "../model/document.ts";
import { EMPTY_SCHEMA, type Schema } from "../model/schema.ts";
import { executeQueries } from "../query/execute.ts";
import { parseQuery } from "../query/parse-query.ts";
import { plainKernels } from "../vector/kernels/plain.ts";
import { MemoryReader } from "../vector/testing/memory-reader.ts";
import { MemoryUnit } from "./memory-unit.ts";
import type { SearchUnit } from "./ports.ts";
import { buildSegment } from "./segment/build-segment.ts";
import { openSegment } from "./segment/segment-unit.ts";

const kernels = plainKernels();
const checksum = new PlainHasher();
const SCHEMA: Schema = {
  ...EMPTY_SCHEMA,
  attributes: new Map([["name", { type: "string", array: false, filterable: true }]]),
};
const documents = Array.from(
  { length: 100 },
  (_, i): Document => ({
    id: `${"i".repeat(60)}${i}`,
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map([["name", `${"a".repeat(60)}${i}`]]),
  }),
);

async function units(): Promise<readonly SearchUnit[]> {
  const bytes = await buildSegment({
    documents,
    schema: SCHEMA,
    kernels,
    checksum,
    prng: createPrng("segment"),
    pause: () => Promise.resolve(),
  });
  return [
    new MemoryUnit("memory", documents, SCHEMA, kernels),
    await openSegment({
      name: "segment",
      reader: new MemoryReader(bytes),
      schema: SCHEMA,
      kernels,
      checksum,
    }),
  ];
}

const bound = (plain: unknown) => bindFilter(parseFilter(plain), SCHEMA);

describe("a filter that looks at values one by one", () => {
  it.each([
    ["Regex", "name", "(?:a*){40}7"],
    ["Glob", "name", `${"*a".repeat(20)}*7`],
    ["Fuzzy", "name", `${"a".repeat(60)}7`],
    ["Regex", "id", "(?:i*){40}7"],
  ])(
    "(%s of %s) lets others run, one slice a turn, and ends where it is given up",
    async (operator, field, operand) => {
      const leaves = Array.from({ length: 5 }, () => [field, operator, operand]);
      for (const unit of await units()) {
        const filter = bound(["Or", leaves]);
        let [passes, waiting] = [0, 0];
        const pass = async () => {
          passes++;
          expect(++waiting).toBe(1);
          for (let i = 0; i < 10; i++) await Promise.resolve();
          waiting--;
        };
        const found = await unit.filterRows(filter, pass);
        expect(found.count()).toBe((await unit.filterRows(filter)).count());
        expect(found.count()).toBeGreaterThan(0);
        expect(passes).toBeGreaterThanOrEqual(leaves.length * 2);
        const givenUp = unit.filterRows(filter, () =>
          --passes > 3 ? Promise.resolve() : Promise.reject(new Error("given up")),
        );
        await expect(givenUp).rejects.toThrow("given up");
      }
    },
  );

  it.each([
    ["filter", {}, { filter: ["name", "Regex", "(?:a*){40}7"] }],
    ["expression", { rank_by: 1 }, { rank_by: ["Filter", ["name", "Regex", "(?:a*){40}7"]] }],
  ])("lets others run in the %s of a query", async (_, without, plain) => {
    const turnsOf = async (query: object) => {
      let [nowMs, turns] = [0, 0];
      // Every look at it is a slice later.
      const clock: Clock = { monotonicMs: () => (nowMs += 10), wallMs: () => 0 };
      const pause = async () => void turns++;
      const snapshot = { schema: SCHEMA, units: await units() };
      await executeQueries([parseQuery({ ...query, include: false })], snapshot, { nowMs: 0, pause }, clock);
      return turns;
    };
    expect(await turnsOf(plain)).toBeGreaterThanOrEqual((await turnsOf(without)) + 4);
  });

  it("has patterns of at most 8,192 states together", () => {
    // Each has 1,000 states and the end.
    const patterns = (count: number) => [
      "Or",
      Array.from({ length: count }, () => ["name", "Regex", "a{1000}"]),
    ];
    expect(bound(patterns(8)).kind).toBe("or");
    expect(() => bound(patterns(9))).toThrow(
      expect.objectContaining({
        details: { limit: "filterPatternStates", most: 8_192, given: 9 * 1_001 },
      }),
    );
  });

  it("is refused when its patterns have looked at too much", () => {
    const filter = bound(["name", "Regex", "(?:a*){100}b"]);
    if (filter.kind !== "regex" || filter.cost === undefined) throw new Error("not bound");
    const matches = valuePredicate(filter);
    expect(matches(`${"a".repeat(1_000)}b`)).toBe(true);
    filter.cost.addLooks(999_000_000);
    const look = () => {
      for (let i = 0; i < 100; i++) matches("a".repeat(1_000));
    };
    expect(look).toThrow(expect.objectContaining({ code: "limit-exceeded" }));
    expect(look).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ limit: "filterPatternLooks", most: 1_000_000_000 }),
      }),
    );
  });
});

describe("the cost of a filter", () => {
  it("lets one part look at a time, also after one that failed", async () => {
    const cost = new FilterCost();
    const events: string[] = [];
    const part = (name: string, fails: boolean) =>
      cost.alone(async () => {
        events.push(`${name} begins`);
        await Promise.resolve();
        events.push(`${name} ends`);
        if (fails) throw new Error(name);
      });
    const results = await Promise.allSettled([part("a", true), part("b", false)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(events).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });
});
