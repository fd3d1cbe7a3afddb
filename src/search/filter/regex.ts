import { invalid, type SearchError } from "../errors.ts";
import { ANY_CHARACTER, type CharacterSet, Pattern, type PatternNode } from "./pattern.ts";

/**
 * A regular expression over a whole value. Syntax: characters, `.`, `[a-z]`, `[^a-z]`, `\d \D \w \W \s \S` (ASCII), `\` before punctuation, `\n \r \t`, groups
 * `(...)` and `(?:...)`, `|`, `* + ? {n} {n,} {n,m}`. No anchors (the match is of the whole value; a leading `^` and a trailing `$` are allowed), no
 * references back, no looking around: what would need backtracking is refused.
 */
export function compileRegex(pattern: string, ignoreCase: boolean): Pattern {
  return new Pattern(new Parser(Array.from(pattern)).parse(), ignoreCase);
}

const MAX_DEPTH = 32;
const MAX_REPEAT = 1_000;

const DIGIT: CharacterSet["ranges"] = [[0x30, 0x39]];
const WORD: CharacterSet["ranges"] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: CharacterSet["ranges"] = [
  [0x09, 0x0d],
  [0x20, 0x20],
];
const CLASSES = new Map<string, CharacterSet>([
  ["d", { ranges: DIGIT, negated: false }],
  ["D", { ranges: DIGIT, negated: true }],
  ["w", { ranges: WORD, negated: false }],
  ["W", { ranges: WORD, negated: true }],
  ["s", { ranges: SPACE, negated: false }],
  ["S", { ranges: SPACE, negated: true }],
]);
const ESCAPES = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class Parser {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(characters: readonly string[]) {
    this.#characters = characters;
  }

  parse(): PatternNode {
    if (this.#peek() === "^") this.#at++;
    const node = this.#choice();
    if (this.#at < this.#characters.length) throw this.#refuse('")" without "("');
    return node;
  }

  #choice(): PatternNode {
    if (++this.#depth > MAX_DEPTH) throw this.#refuse(`groups deeper than ${MAX_DEPTH}`);
    const parts = [this.#sequence()];
    while (this.#peek() === "|") {
      this.#at++;
      parts.push(this.#sequence());
    }
    this.#depth--;
    return parts.length === 1 ? (parts[0] as PatternNode) : { kind: "choice", parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) {
      if (next === "$" && this.#at === this.#characters.length - 1) {
        this.#at++;
        break;
      }
      parts.push(this.#repeated(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #repeated(part: PatternNode): PatternNode {
    const sign = this.#peek();
    if (sign !== "*" && sign !== "+" && sign !== "?" && sign !== "{") return part;
    this.#at++;
    const [least, most] =
      sign === "{" ? this.#counts() : sign === "?" ? [0, 1] : [sign === "+" ? 1 : 0, undefined];
    const after = this.#peek();
    if (after === "*" || after === "+" || after === "?" || after === "{")
      throw this.#refuse(`"${after}" after a repetition`);
    return { kind: "repeat", part, least, most };
  }

  /** After "{". */
  #counts(): [number, number | undefined] {
    const least = this.#number();
    if (least === undefined) throw this.#refuse('"{" without a number');
    let most: number | undefined = least;
    if (this.#peek() === ",") {
      this.#at++;
      most = this.#number();
    }
    if (this.#take() !== "}") throw this.#refuse('"{" without "}"');
    if (most !== undefined && most < least) throw this.#refuse("a repetition that ends before it begins");
    return [least, most];
  }

  #number(): number | undefined {
    let digits = "";
    for (let next = this.#peek(); next !== undefined && next >= "0" && next <= "9"; next = this.#peek()) {
      digits += next;
      this.#at++;
      if (Number(digits) > MAX_REPEAT) throw this.#refuse(`more than ${MAX_REPEAT} repetitions`);
    }
    return digits === "" ? undefined : Number(digits);
  }

  #atom(): PatternNode {
    const character = this.#take() as string;
    switch (character) {
      case ".":
        return { kind: "characters", set: ANY_CHARACTER };
      case "[":
        return { kind: "characters", set: this.#set() };
      case "(":
        return this.#group();
      case "\\":
        return { kind: "characters", set: this.#escape() };
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.#refuse(`"${character}" with nothing to repeat`);
      case "^":
      case "$":
        throw this.#refuse(`"${character}" inside: a match is always of the whole value`);
      default:
        return { kind: "characters", set: single(character) };
    }
  }

  #group(): PatternNode {
    if (this.#peek() === "?") {
      this.#at++;
      if (this.#take() !== ":") throw this.#refuse("a group that begins with (? and is not (?:");
    }
    const node = this.#choice();
    if (this.#take() !== ")") throw this.#refuse('"(" without ")"');
    return node;
  }

  /** After "\". */
  #escape(): CharacterSet {
    const character = this.#take();
    if (character === undefined) throw this.#refuse('"\\" at the end');
    const known = CLASSES.get(character);
    if (known !== undefined) return known;
    const control = ESCAPES.get(character);
    if (control !== undefined) return single(control);
    if (/[A-Za-z0-9]/.test(character)) throw this.#refuse(`"\\${character}", which is not supported`);
    return single(character);
  }

  /** After "[". */
  #set(): CharacterSet {
    const negated = this.#peek() === "^";
    if (negated) this.#at++;
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      const from = this.#setItem();
      if (typeof from !== "number") {
        ranges.push(...from);
        continue;
      }
      const isRange = this.#peek() === "-" && this.#characters[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      const to = isRange ? this.#setItem() : from;
      if (typeof to !== "number" || to < from) throw this.#refuse("a range of characters that is none");
      ranges.push([from, to]);
    }
    this.#at++;
    return { ranges, negated };
  }

  #setItem(): number | CharacterSet["ranges"] {
    const character = this.#take();
    if (character === undefined) throw this.#refuse('"[" without "]"');
    if (character !== "\\") return character.codePointAt(0) as number;
    const { ranges, negated } = this.#escape();
    if (negated) throw this.#refuse("a negated class inside [...]");
    const [only] = ranges;
    return ranges.length === 1 && only !== undefined && only[0] === only[1] ? only[0] : ranges;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(): string | undefined {
    return this.#characters[this.#at++];
  }

  #refuse(what: string): SearchError {
    return invalid(`a regular expression has ${what} at character ${this.#at}`);
  }
}

function single(character: string): CharacterSet {
  const point = character.codePointAt(0) as number;
  return { ranges: [[point, point]], negated: false };
}
