import { invalid } from "../../errors.ts";
import type { AnalyzerSettings } from "../settings.ts";
import { foldToAscii, lowerCase } from "./folding.ts";
import { isTextLanguage, TEXT_LANGUAGES, type TextLanguage } from "./languages.ts";
import { segment, type Word } from "./segment.ts";
import { stemmerOf } from "./stemming.ts";
import { stopWordsOf } from "./stop-words.ts";

/**
 * Grows with every change of what any analyzer makes of any text that is in use (not of more than 30 marks on one letter): names of an older version
 * are refused, never read with a newer analyzer.
 */
const ANALYZER_VERSION = 1;
/** Words whose terms are remembered, by analyzer. */
const MAX_REMEMBERED_WORDS = 65_536;

export interface Token {
  readonly term: string;
  /** In words; words that are left out keep their place. */
  readonly position: number;
  /** In the text, UTF-16 units, whole characters with their marks. */
  readonly start: number;
  readonly end: number;
}

export interface Analyzer {
  readonly name: string;
  /** In their order. */
  analyze(text: string): readonly Token[];
  /** What becomes of a word; undefined: it is left out. */
  termOf(word: Word): string | undefined;
  /** The word as far as what terms begin with can be told of an unfinished one: neither left out nor reduced to its stem. */
  plainOf(word: Word): string;
}

/** Says all that decides which terms a text has: "1:english+stem+stop". */
export function analyzerName(settings: AnalyzerSettings): string {
  const { language, stemming, stopWords, asciiFolding } = settings;
  const known = language !== "none";
  const steps = [
    known && stemming ? "+stem" : "",
    known && stopWords ? "+stop" : "",
    asciiFolding === true ? "+fold" : "",
  ];
  return `${ANALYZER_VERSION}:${language}${steps.join("")}`;
}

const analyzers = new Map<string, Analyzer>();

/** "invalid-argument" for a language that is not known. */
export function analyzerOf(settings: AnalyzerSettings): Analyzer {
  const name = analyzerName(settings);
  const known = analyzers.get(name);
  if (known !== undefined) return known;
  const analyzer = createAnalyzer(name, settings);
  analyzers.set(name, analyzer);
  return analyzer;
}

function createAnalyzer(name: string, settings: AnalyzerSettings): Analyzer {
  const { plain, transform } = wordTransforms(settings);
  let remembered = new Map<string, string | undefined>();
  const termOf = ({ text, kind }: Word): string | undefined => {
    if (kind !== "word") return text;
    const known = remembered.get(text);
    if (known !== undefined || remembered.has(text)) return known;
    if (remembered.size >= MAX_REMEMBERED_WORDS) remembered = new Map();
    const term = transform(plain(text));
    remembered.set(text, term);
    return term;
  };
  return {
    name,
    termOf,
    plainOf: ({ text, kind }) => (kind === "word" ? plain(text) : text),
    analyze(text) {
      const tokens: Token[] = [];
      for (const word of segment(text)) {
        const term = termOf(word);
        if (term !== undefined)
          tokens.push({ term, position: word.position, start: word.start, end: word.end });
      }
      return tokens;
    },
  };
}

interface WordTransforms {
  plain(word: string): string;
  transform(plain: string): string | undefined;
}

function wordTransforms(settings: AnalyzerSettings): WordTransforms {
  const language = languageOf(settings);
  const fold = settings.asciiFolding === true ? foldToAscii : (word: string) => word;
  if (language === undefined)
    return { plain: (word) => fold(lowerCase(word, "none")), transform: (plain) => plain };
  const stopWords = new Set(settings.stopWords ? [...stopWordsOf(language)].map(fold) : []);
  const stem = settings.stemming ? stemmerOf(language) : (word: string) => word;
  return {
    plain: (word) => withoutElision(fold(lowerCase(word, language)), language),
    transform: (plain) => (stopWords.has(plain) ? undefined : stem(plain) || plain),
  };
}

function languageOf({ language }: AnalyzerSettings): TextLanguage | undefined {
  if (language === "none") return undefined;
  if (isTextLanguage(language)) return language;
  throw invalid(
    `a text field's language is "none" or one of ${TEXT_LANGUAGES.join(", ")}, not "${language}"`,
  );
}

/** Articles and pronouns that lose their vowel before another: "l'avion" is "avion". */
const ELISIONS: Partial<Record<TextLanguage, RegExp>> = {
  french: /^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'/,
  italian: /^(?:[cdlmnstv]|gl|un|all|dall|dell|nell|sull|coll|agl|dagl|degl|negl|sugl)'/,
};

function withoutElision(word: string, language: TextLanguage): string {
  const elision = ELISIONS[language];
  return elision === undefined ? word : word.replace(elision, "");
}
