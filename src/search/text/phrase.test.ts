import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { RowSet } from "../rows/row-set.ts";
import { MemoryTextIndex } from "./memory-index.ts";
import { parseTextQuery } from "./parse-query.ts";
import { PhraseCounter, type PhraseCounterToken } from "./phrase.ts";

const FIELD = {
  name: "body",
  settings: { language: "none", stemming: false, stopWords: false, weight: 1, k1: 1.2, b: 0.75 },
};

const phraseOf = (text: string, slop = 0) => parseTextQuery({ text, match: "phrase", slop }, [FIELD]);

interface Phrase {
  readonly tokens: readonly PhraseCounterToken[];
  /** By term. */
  readonly places: readonly (readonly number[])[];
  readonly slop: number;
}

/** By trying every start, and for each the earliest free place of each token. */
function countPlainly({ tokens, places, slop }: Phrase): number {
  let count = 0;
  for (let start = -200; start < 200; start++) {
    const taken = places.map(() => -1);
    const begins = tokens.map(({ position, term }) => {
      const place = places[term]!.find((one) => one >= start + position && one > taken[term]!);
      taken[term] = place ?? Number.POSITIVE_INFINITY;
      return (place ?? Number.POSITIVE_INFINITY) - position - start;
    });
    if (begins.every((moved) => moved <= slop) && begins.includes(0)) count++;
  }
  return count;
}

describe("a phrase", () => {
  it("is counted as by trying every place, in slices of any size", () => {
    const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
    console.log(`SKERRY_TEST_SEED=${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 3_000; round++) {
      const terms = random.between(1, 3);
      const places = Array.from({ length: terms }, () => [] as number[]);
      // A place is of one term; some are of a word that is not in the phrase.
      for (let place = 0; place < 60; place++) places[random.below(terms + 1)]?.push(place);
      const tokens: PhraseCounterToken[] = [];
      for (
        let position = random.below(3);
        tokens.length < random.between(1, 6);
        position += random.between(1, 2)
      )
        tokens.push({ position, term: random.below(terms) });
      const slop = random.pick([0, 0, 1, 2, 5, 100]);
      const counter = new PhraseCounter(tokens, places, slop);
      const slice = random.between(1, 20);
      while (!counter.isDone) expect(counter.look(slice)).toBeLessThan(slice + tokens.length);
      expect(counter.count, `${seed} ${round}`).toBe(countPlainly({ tokens, places, slop }));
    }
  });

  it.each([0, 100])("of one word again and again looks at each place once for each word, slop %i", (slop) => {
    const places = Array.from({ length: 20_000 }, (_, place) => place);
    const tokens = Array.from({ length: 256 }, (_, position) => ({ position, term: 0 }));
    const counter = new PhraseCounter(tokens, [places], slop);
    expect(counter.look(Number.POSITIVE_INFINITY)).toBeLessThan(1.1 * 20_000 * 256);
    expect(counter.count).toBe(20_000 - 255);
  });

  it("of a frequent and a rare word looks at the places of the rare one", () => {
    const places = [Array.from({ length: 20_000 }, (_, place) => place), [9_999]];
    const tokens = [0, 1].map((position) => ({ position, term: position }));
    for (const slop of [0, 10]) {
      const counter = new PhraseCounter(tokens, places, slop);
      expect(counter.look(Number.POSITIVE_INFINITY)).toBeLessThan(20 * (slop + 1));
      expect(counter.count).toBe(slop + 1);
    }
  });

  it("has at most 256 words", () => {
    expect(phraseOf("w ".repeat(256)).clauses).toHaveLength(1);
    expect(() => phraseOf("w ".repeat(257))).toThrow(
      expect.objectContaining({ details: { limit: "phraseWords", most: 256, given: 257 } }),
    );
    expect(parseTextQuery({ text: "w ".repeat(257), match: "any" }, [FIELD]).clauses).toHaveLength(1);
  });

  it("gives others their turn, and ends where it is given up", async () => {
    const index = new MemoryTextIndex([FIELD]);
    for (let row = 0; row < 20; row++) index.add(new Map([["body", "w ".repeat(2_000)]]));
    const query = phraseOf("w ".repeat(256));
    const allowed = RowSet.full(20);
    const prepared = await index.view(20).prepare(query);
    for (const search of [
      (pass: () => Promise<void>) => index.view(20).matchingRows(query, pass),
      (pass: () => Promise<void>) =>
        prepared.search({ statistics: prepared.statistics, k: 1, allowed, pass }),
    ]) {
      let passes = 0;
      await search(async () => void passes++);
      expect(passes).toBeGreaterThan(100);
      const givenUp = search(() =>
        --passes > 90 ? Promise.resolve() : Promise.reject(new Error("given up")),
      );
      await expect(givenUp).rejects.toThrow("given up");
      expect(passes).toBe(90);
    }
  });
});
