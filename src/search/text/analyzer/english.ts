/**
 * The English stemmer of Snowball ("Porter2"), by its description at https://snowballstem.org/algorithms/english/stemmer.html. Checked against
 * a sample of Snowball's own vocabulary.
 */

/** The stem of a lower-case word. Words that are not of the letters a to z are returned as they are. */
export function stemEnglish(word: string): string {
  if (word.length <= 2 || !/^[a-z']+$/.test(word)) return word;
  const whole = WHOLE_WORDS.get(word);
  if (whole !== undefined) return whole;
  let stem = markConsonantY(word.startsWith("'") ? word.slice(1) : word);
  const regions = { r1: 0, r2: 0 };
  regions.r1 = firstRegion(stem);
  regions.r2 = regionAfter(stem, regions.r1);
  stem = withoutPlural(withoutPossessive(stem));
  if (AFTER_PLURAL.has(stem)) return stem;
  stem = withoutParticiple(stem, regions.r1);
  stem = finalYToI(stem);
  stem = longSuffix(stem, regions.r1);
  stem = shorterSuffix(stem, regions);
  stem = residualSuffix(stem, regions.r2);
  return finalE(stem, regions).replaceAll("Y", "y");
}

const WHOLE_WORDS = new Map([
  ["skis", "ski"],
  ["skies", "sky"],
  ["idly", "idl"],
  ["gently", "gentl"],
  ["ugly", "ugli"],
  ["early", "earli"],
  ["only", "onli"],
  ["singly", "singl"],
  ...["sky", "news", "howe", "atlas", "cosmos", "bias", "andes"].map((word) => [word, word] as const),
]);

const AFTER_PLURAL = new Set(["inning", "outing", "canning", "herring", "earring", "evening"]);

/** Words whose first region is not where the rule puts it. */
const FIRST_REGIONS = ["gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter"];

function isVowel(letter: string | undefined): boolean {
  return letter !== undefined && "aeiouy".includes(letter);
}

function hasVowel(text: string): boolean {
  return /[aeiouy]/.test(text);
}

/** A y that begins the word or follows a vowel is a consonant, written Y. */
function markConsonantY(word: string): string {
  if (!word.includes("y")) return word;
  let marked = "";
  for (const letter of word)
    marked += letter === "y" && (marked === "" || isVowel(marked.at(-1))) ? "Y" : letter;
  return marked;
}

/** Where the region after the first non-vowel that follows a vowel begins, looking from `start`. */
function regionAfter(word: string, start: number): number {
  for (let i = start + 1; i < word.length; i++) {
    if (!isVowel(word[i]) && isVowel(word[i - 1])) return i + 1;
  }
  return word.length;
}

function firstRegion(word: string): number {
  const special = FIRST_REGIONS.find((beginning) => word.startsWith(beginning));
  return special === undefined ? regionAfter(word, 0) : special.length;
}

/** Whether the word ends in a short syllable: a vowel between non-vowels, the last not w, x or Y; or a vowel and a non-vowel that are all of it. */
function endsShort(word: string): boolean {
  if (word === "past") return true;
  const [before, vowel, last] = [word.at(-3), word.at(-2), word.at(-1)];
  if (!isVowel(vowel) || isVowel(last)) return false;
  return before === undefined ? true : !isVowel(before) && !"wxY".includes(last ?? "");
}

function withoutPossessive(word: string): string {
  return word.replace(/(?:'s'|'s|')$/, "");
}

function withoutPlural(word: string): string {
  if (word.endsWith("sses")) return word.slice(0, -2);
  if (word.endsWith("ied") || word.endsWith("ies")) return word.slice(0, word.length > 4 ? -2 : -1);
  if (word.endsWith("us") || word.endsWith("ss") || !word.endsWith("s")) return word;
  return hasVowel(word.slice(0, -2)) ? word.slice(0, -1) : word;
}

function withoutParticiple(word: string, r1: number): string {
  const past = /eed(?:ly)?$/.exec(word);
  if (past !== null) {
    const kept = word.slice(0, past.index);
    return past.index >= r1 && !/^(?:proc|exc|succ)$/.test(kept) ? `${kept}ee` : word;
  }
  const participle = /(?:ed|edly|ing|ingly)$/.exec(word);
  if (participle === null) return word;
  const kept = word.slice(0, participle.index);
  // "dying" to "die", but "flying" by the rule.
  if (participle[0] === "ing" && /^[^aeiouy]y$/.test(kept)) return `${kept.slice(0, -1)}ie`;
  if (!hasVowel(kept)) return word;
  if (/(?:at|bl|iz)$/.test(kept)) return `${kept}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(kept)) return /^[aeo]..$/.test(kept) ? kept : kept.slice(0, -1);
  return kept.length <= r1 && endsShort(kept) ? `${kept}e` : kept;
}

function finalYToI(word: string): string {
  return /[yY]$/.test(word) && word.length > 2 && !isVowel(word.at(-2)) ? `${word.slice(0, -1)}i` : word;
}

const LONG_SUFFIXES: readonly (readonly [string, string])[] = [
  ["ization", "ize"],
  ["ational", "ate"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["iveness", "ive"],
  ["tional", "tion"],
  ["biliti", "ble"],
  ["lessli", "less"],
  ["ogist", "og"],
  ["entli", "ent"],
  ["ation", "ate"],
  ["alism", "al"],
  ["aliti", "al"],
  ["fulli", "ful"],
  ["ousli", "ous"],
  ["iviti", "ive"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["abli", "able"],
  ["izer", "ize"],
  ["ator", "ate"],
  ["alli", "al"],
  ["bli", "ble"],
  ["ogi", "og"],
  ["li", ""],
];

function longSuffix(word: string, r1: number): string {
  const found = LONG_SUFFIXES.find(([suffix]) => word.endsWith(suffix));
  if (found === undefined) return word;
  const [suffix, replacement] = found;
  const kept = word.slice(0, -suffix.length);
  if (kept.length < r1) return word;
  if (suffix === "ogi" && !kept.endsWith("l")) return word;
  if (suffix === "li" && !/[cdeghkmnrt]$/.test(kept)) return word;
  return kept + replacement;
}

const SHORTER_SUFFIXES: readonly (readonly [string, string])[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["alize", "al"],
  ["icate", "ic"],
  ["iciti", "ic"],
  ["ative", ""],
  ["ical", "ic"],
  ["ness", ""],
  ["ful", ""],
];

interface Regions {
  readonly r1: number;
  readonly r2: number;
}

function shorterSuffix(word: string, { r1, r2 }: Regions): string {
  const found = SHORTER_SUFFIXES.find(([suffix]) => word.endsWith(suffix));
  if (found === undefined) return word;
  const [suffix, replacement] = found;
  const kept = word.slice(0, -suffix.length);
  if (kept.length < r1 || (suffix === "ative" && kept.length < r2)) return word;
  return kept + replacement;
}

const RESIDUAL = /(?:ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|ion|al|er|ic)$/;

function residualSuffix(word: string, r2: number): string {
  const found = RESIDUAL.exec(word);
  if (found === null || found.index < r2) return word;
  if (found[0] === "ion" && !/[st]$/.test(word.slice(0, found.index))) return word;
  return word.slice(0, found.index);
}

function finalE(word: string, { r1, r2 }: Regions): string {
  const kept = word.slice(0, -1);
  if (word.endsWith("e")) return kept.length >= r2 || (kept.length >= r1 && !endsShort(kept)) ? kept : word;
  return word.endsWith("ll") && kept.length >= r2 ? kept : word;
}
