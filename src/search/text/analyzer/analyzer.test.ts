import { afterEach, describe, expect, it, vi } from "vitest";
import { createPrng } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";
import { analyzerName, analyzerOf } from "./analyzer.ts";
import { TEXT_LANGUAGES } from "./languages.ts";
import { MAX_WORD_UNITS, segment } from "./segment.ts";

const CUT = "a".repeat(MAX_WORD_UNITS - 1);
const PLAIN = { language: "none", stemming: false, stopWords: false };
const terms = (text: string, settings = {}) =>
  analyzerOf({ ...PLAIN, ...settings })
    .analyze(text)
    .map(({ term }) => term);

describe("words of a text", () => {
  it.each([
    ["The quick-brown fox_2", ["the", "quick", "brown", "fox", "2"]],
    ["don't 'quote' rock’n’roll", ["don't", "quote", "rock'n'roll"]],
    ["ﬁne x² Ｆｕｌｌ", ["fine", "x2", "full"]],
    ["soft\u00adhyphen", ["softhyphen"]],
    ["e\u0301te\u0301 ｶﾞｽ", ["été", "ガス", "ス"]],
    ["ΟΔΟΣ οδός", ["οδοσ", "οδόσ"]],
    ["東京都へ行く", ["東京", "京都", "都へ", "へ行", "行く", "く"]],
    ["iPhone用 한국어 단어", ["iphone", "用", "한국어", "단어"]],
    ["ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย", "ย"]],
    ["\u0301\u200d … 🙂 \ud800", []],
    ["a".repeat(300), ["a".repeat(MAX_WORD_UNITS)]],
    [`${CUT}𝒳𐐨`, [`${CUT}x`]],
  ])("%j are %j", (text, expected) => {
    expect(terms(text)).toEqual(expected);
  });

  it("are the same with and without the short way for ASCII", () => {
    const seed = String(Date.now());
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from({ length: random.below(20) }, () => random.pick([..."aZ9'_- \n"])).join("");
      const long = segment(`${text} é`).slice(0, -1);
      expect(segment(text), JSON.stringify(text)).toEqual(long);
    }
  });

  it("lie in the text at whole characters", () => {
    const seed = String(Date.now());
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    const parts = [
      "a",
      "e\u0301",
      "ﬁ",
      "東",
      "ｱ",
      "ﾞ",
      "𝒳",
      "½",
      " ",
      "-",
      "\u1112\u1161\u11ab",
      "ก็",
      "②",
      "𐐨",
    ];
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from({ length: random.below(12) }, () => random.pick(parts)).join("");
      let before = 0;
      for (const { start, end, text: word } of segment(text)) {
        expect(end, JSON.stringify(text)).toBeGreaterThan(start);
        expect(start, JSON.stringify(text)).toBeGreaterThanOrEqual(before);
        expect(/^\p{M}|^[\udc00-\udfff]/u.test(text.slice(start)), JSON.stringify(text)).toBe(false);
        expect(/^\p{M}|^[\udc00-\udfff]/u.test(text.slice(end)), JSON.stringify(text)).toBe(false);
        expect(
          segment(text.slice(start, end))
            .map((part) => part.text)
            .join(""),
          JSON.stringify(text),
        ).toContain(word);
        before = start;
      }
    }
  });
});

describe("marks without end", () => {
  afterEach(() => vi.restoreAllMocks());

  const MARKS = /[\p{M}\uff9e\uff9f]+/gu;

  it.each([
    ["of two classes", "e", "\u0301\u0323"],
    ["of one class", "e", "\u0301"],
    ["without a letter", "", "\u0344\u0323"],
    ["of half-width kana", "ｶ", "\uff9e\u0323"],
    ["beyond the first plane", "e", "\u{1d165}\u{1d16d}\u0323"],
  ])("%s are normalized a few at a time", (_, letter, marks) => {
    const longest: number[] = [];
    const { normalize } = String.prototype;
    vi.spyOn(String.prototype, "normalize").mockImplementation(function (this: string, form?: string) {
      longest.push(...Array.from(this.matchAll(MARKS), ({ 0: run }) => Array.from(run).length));
      return normalize.call(this, form);
    });
    for (const before of ["", "x", "na\u00efve "]) {
      longest.length = 0;
      const words = segment(`${before}${letter}${marks.repeat(1_000)} end`);
      expect(words.at(-1)?.text).toBe("end");
      // A half-width sound mark may stand for the letter.
      expect(Math.max(0, ...longest)).toBeLessThanOrEqual(31);
      expect(longest.length).toBeGreaterThan(30);
    }
  });

  it("belong to their letter, and those that a text in use has change nothing", () => {
    const seed = String(Date.now());
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    const marks = ["\u0301", "\u0323", "\u0f71", "\u{1d165}", "\u3099", "\u0344"];
    for (let round = 0; round < 1_000; round++) {
      const run = Array.from({ length: random.below(80) }, () => random.pick(marks)).join("");
      const letter = random.pick(["e", "東", "é"]);
      const few = Array.from(run).length <= 30;
      const [word, ...others] = segment(`${letter}${run} -`);
      expect(others, JSON.stringify(run)).toEqual([]);
      expect(word, JSON.stringify(run)).toMatchObject({ start: 0, end: letter.length + run.length });
      if (few) expect(word?.text).toBe((letter + run).normalize("NFKC").slice(0, MAX_WORD_UNITS));
    }
  });
});

describe("an analyzer", () => {
  it("leaves stop words out and keeps their place", () => {
    const tokens = analyzerOf({ ...PLAIN, language: "english", stopWords: true }).analyze(
      "The cat and the Hat",
    );
    expect(tokens).toEqual([
      { term: "cat", position: 1, start: 4, end: 7 },
      { term: "hat", position: 4, start: 16, end: 19 },
    ]);
  });

  it("folds to ASCII what is Latin, and finds stop words both ways", () => {
    const folded = { language: "french", stopWords: true, stemming: true, asciiFolding: true };
    expect(terms("Où étés à l'Île straße Łódź", { ...PLAIN, asciiFolding: true })).toEqual([
      "ou",
      "etes",
      "a",
      "l'ile",
      "strasse",
      "lodz",
    ]);
    expect(terms("l'été où", folded)).toEqual(terms("ete OU", folded));
    expect(terms("й ก็", { asciiFolding: true })[0]).toBe("й");
  });

  it.each([
    ["danish", "bestemmelserne", "bestem"],
    ["german", "aufeinanderfolge", "aufeinanderfolg"],
    ["french", "continuellement", "continuel"],
    ["italian", "abbandonarono", "abbandon"],
    ["russian", "вавиловка", "вавиловк"],
    ["spanish", "chicharrones", "chicharron"],
  ])("stems %s", (language, word, stem) => {
    expect(terms(word, { language, stemming: true })).toEqual([stem]);
  });

  it.each(TEXT_LANGUAGES)("leaves the words of %s that are not its commonest", (language) => {
    expect(terms("Universität Information", { language, stemming: true, stopWords: true })).toHaveLength(2);
  });

  it("has a name that tells everything that decides its terms", () => {
    expect(analyzerName({ language: "english", stemming: true, stopWords: true })).toBe(
      "1:english+stem+stop",
    );
    expect(analyzerName({ ...PLAIN, stemming: true, asciiFolding: true })).toBe("1:none+fold");
  });

  it("refuses a language that it does not know", () => {
    expect(() => analyzerOf({ ...PLAIN, language: "klingon" })).toThrow(SearchError);
  });
});
