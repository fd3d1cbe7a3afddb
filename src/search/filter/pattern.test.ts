import { describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import { isFuzzyMatch } from "./fuzzy.ts";
import { compileGlob } from "./glob.ts";
import { compileRegex } from "./regex.ts";

const ALPHABET = ["a", "b", "B", "-", "\u{1f600}", "é"];

function randomText(random: Prng): string {
  return Array.from({ length: random.below(7) }, () => random.pick(ALPHABET)).join("");
}

function randomRegex(random: Prng, depth: number): string {
  const atom = () => {
    const kind = random.below(depth > 0 ? 7 : 5);
    if (kind === 0) return ".";
    if (kind === 1) return random.pick(["[ab]", "[^a]", "[a-c]", "[^\\w-]", "\\w", "\\W", "\\d"]);
    if (kind < 5) return random.pick(ALPHABET);
    return `(${random.pick(["", "?:"])}${randomRegex(random, depth - 1)})`;
  };
  const piece = () => atom() + random.pick(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "{0}"]);
  const sequence = () => Array.from({ length: random.below(4) }, piece).join("");
  return random.chance(0.3) ? `${sequence()}|${sequence()}` : sequence();
}

function refused(action: () => unknown): SearchError {
  try {
    action();
  } catch (error) {
    if (error instanceof SearchError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a regular expression", () => {
  it("matches what JavaScript's does, over the whole value", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 2000; round++) {
      const pattern = randomRegex(random, 2);
      const ignoreCase = random.chance(0.3);
      const compiled = compileRegex(pattern, ignoreCase);
      const expected = new RegExp(`^(?:${pattern})$`, ignoreCase ? "sui" : "su");
      for (let i = 0; i < 10; i++) {
        const text = randomText(random);
        expect([pattern, text, compiled.matches(text)]).toEqual([pattern, text, expected.test(text)]);
        if (compiled.matches(text)) expect(text.startsWith(compiled.literalPrefix)).toBe(true);
      }
    }
  });

  it("takes time in proportion to the text, also where backtracking would not end", () => {
    const text = `${"a".repeat(5000)}!`;
    for (const pattern of ["(a+)+", "(a|a)*", "(a|aa)+", "((a*)*)*", "(.*)*b"])
      expect(compileRegex(pattern, false).matches(text)).toBe(false);
  });

  it("does not count repetitions of nothing", () => {
    const nested = `${"(".repeat(20)}${"){1000}".repeat(20)}`;
    expect(compileRegex(nested, false).matches("")).toBe(true);
    expect(compileRegex(nested, false).matches("a")).toBe(false);
  });

  it.each([
    ["^ab$", "ab", true],
    ["a\\.b", "a.b", true],
    ["a\\.b", "axb", false],
    ["\\n", "\n", true],
    ["[]a]", "]", true],
    ["[a-]", "-", true],
    ["[\\]\\-]", "-", true],
    ["", "", true],
  ])("%s and %j", (pattern, text, expected) =>
    expect(compileRegex(pattern, false).matches(text)).toBe(expected),
  );

  it.each([
    "(",
    ")",
    "a)",
    "[",
    "[a",
    "*",
    "a**",
    "a{",
    "a{2",
    "a{3,2}",
    "a{1001}",
    "\\",
    "\\1",
    "\\b",
    "(?=a)",
    "(?<n>a)",
    "a^b",
    "a$b",
    "[z-a]",
    "[\\W]",
    `${"(".repeat(40)}a${")".repeat(40)}`,
  ])("refuses %s", (pattern) => {
    expect(refused(() => compileRegex(pattern, false)).code).toBe("invalid-argument");
  });

  it("has a bound on its states", () => {
    expect(refused(() => compileRegex("(a{1000}){1000}", false)).details.limit).toBe("patternStates");
  });
});

describe("a glob", () => {
  /** The definition, by trying every way. */
  function naive(pattern: readonly string[], text: readonly string[]): boolean {
    const [head, ...rest] = pattern;
    if (head === undefined) return text.length === 0;
    if (head === "*") return naive(rest, text) || (text.length > 0 && naive(pattern, text.slice(1)));
    return text.length > 0 && (head === "?" || head === text[0]) && naive(rest, text.slice(1));
  }

  it("matches what its definition does", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 3000; round++) {
      const pattern = Array.from({ length: random.below(6) }, () =>
        random.pick(["*", "?", "**", ...ALPHABET]),
      ).join("");
      const text = randomText(random);
      const expected = naive(Array.from(pattern), Array.from(text));
      expect([pattern, text, compileGlob(pattern, false).matches(text)]).toEqual([pattern, text, expected]);
    }
  });

  it.each([
    ["*.md", "read.me.md", true],
    ["[a-c]?", "bz", true],
    ["[!a-c]*", "b", false],
    ["[]]", "]", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a/*", "a/b/c", true],
  ])("%s and %s", (pattern, text, expected) =>
    expect(compileGlob(pattern, false).matches(text)).toBe(expected),
  );

  it("may ignore the case", () => {
    expect(compileGlob("ÄB[c-d]", true).matches("äbD")).toBe(true);
    expect(compileGlob("[!a]", true).matches("A")).toBe(false);
  });

  it.each(["[", "[a", "\\", "[z-a]"])("refuses %s", (pattern) => {
    expect(refused(() => compileGlob(pattern, false)).code).toBe("invalid-argument");
  });
});

describe("a fuzzy match", () => {
  function levenshtein(a: readonly string[], b: readonly string[]): number {
    if (a.length === 0 || b.length === 0) return a.length + b.length;
    return Math.min(
      levenshtein(a.slice(1), b) + 1,
      levenshtein(a, b.slice(1)) + 1,
      levenshtein(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
    );
  }

  it("is within the distance, by the definition", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 1500; round++) {
      const wanted = Array.from(randomText(random).slice(0, 5));
      const value = randomText(random).slice(0, 5);
      if (!value.isWellFormed() || !wanted.join("").isWellFormed()) continue;
      const letters = Array.from(value);
      const distance = random.below(3);
      expect(isFuzzyMatch(wanted, value, { distance, prefix: false })).toBe(
        levenshtein(wanted, letters) <= distance,
      );
      const somePrefix = Array.from({ length: letters.length + 1 }, (_, length) =>
        letters.slice(0, length),
      ).some((prefix) => levenshtein(wanted, prefix) <= distance);
      expect(isFuzzyMatch(wanted, value, { distance, prefix: true })).toBe(somePrefix);
    }
  });
});
