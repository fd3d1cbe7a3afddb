/** Of the promise: a query does not keep the thread to itself, also where it is the first to ask for the words of documents in memory. */
import { expect, test } from "vitest";
import type { Document } from "../model/document.ts";
import { EMPTY_SCHEMA, type Schema } from "../model/schema.ts";
import { parseTextQuery, STEP_WORDS } from "../text/index.ts";
import { plainKernels } from "../vector/kernels/plain.ts";
import { MemoryUnit } from "./memory-unit.ts";

const settings = { language: "none", stemming: false, stopWords: false, weight: 1, k1: 1.2, b: 0.75 };
const SCHEMA: Schema = { ...EMPTY_SCHEMA, text: new Map([["body", settings]]) };
const query = parseTextQuery({ text: "w7", match: "any" }, [{ name: "body", settings }]);
const LONG_WORDS = 10 * STEP_WORDS;
const SHORT_DOCUMENTS = 4 * STEP_WORDS;

/** One long text, and many of two words. */
function unit(): MemoryUnit {
  const long = Array.from({ length: LONG_WORDS }, (_, at) => `w${at}`).join(" ");
  const documents = Array.from(
    { length: 1 + SHORT_DOCUMENTS },
    (_, at): Document => ({
      id: BigInt(at),
      vectors: new Map(),
      sparse: new Map(),
      text: new Map([["body", at === 0 ? long : `w${at} all`]]),
      attributes: new Map(),
    }),
  );
  return new MemoryUnit("memory", documents, SCHEMA, plainKernels());
}

test("the words of documents in memory are indexed in slices, of long texts and over short ones", async () => {
  const plain = await unit().prepareText(query);
  const sliced = unit();
  let passes = 0;
  const pass = async () => void passes++;
  expect((await sliced.prepareText(query, pass)).statistics).toEqual(plain.statistics);
  expect(plain.statistics.fields.get("body")?.documentFrequencies.get("w7")).toBe(2);
  expect(passes).toBeGreaterThanOrEqual(10 + 8);
  // And once only.
  passes = 0;
  await sliced.prepareText(query, pass);
  expect(passes).toBeLessThanOrEqual(1);
});

test("queries that wait for the same words share the work, and one that is given up leaves it to the others", async () => {
  const shared = unit();
  let passes = 0;
  const pass = async () => {
    passes++;
    await new Promise(setImmediate);
  };
  let left = 5;
  const givenUp = shared.prepareText(query, async () => {
    await pass();
    if (--left === 0) throw new Error("given up");
  });
  const filter = { kind: "all-tokens", field: "body", query: "w7" } as const;
  const [first, second, third] = await Promise.allSettled([
    givenUp,
    shared.prepareText(query, pass),
    shared.filterRows(filter, pass),
  ]);
  expect(first).toMatchObject({ status: "rejected", reason: new Error("given up") });
  const plain = await unit().prepareText(query);
  expect(second).toMatchObject({ status: "fulfilled", value: { statistics: plain.statistics } });
  expect(third.status === "fulfilled" && [...third.value.toRows()]).toEqual([0, 7]);
  // About as many as one alone would have asked for.
  expect(passes).toBeLessThan(2 * (10 + 8));
});
