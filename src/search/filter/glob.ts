import { invalid } from "../errors.ts";
import { ANY_CHARACTER, type CharacterSet, Pattern, type PatternNode } from "./pattern.ts";

/**
 * A glob over a whole value: `*` any characters, `?` one, `[a-z]` and `[!a-z]` one of a set, `\` takes the next character as it is. Unlike in file
 * names, "/" and a leading "." are characters like others.
 */
export function compileGlob(pattern: string, ignoreCase: boolean): Pattern {
  const characters = Array.from(pattern);
  const parts: PatternNode[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] as string;
    if (character === "*") {
      // Several in a row are one.
      if (characters[i - 1] === "*" && parts.at(-1)?.kind === "repeat") continue;
      parts.push({
        kind: "repeat",
        part: { kind: "characters", set: ANY_CHARACTER },
        least: 0,
        most: undefined,
      });
    } else if (character === "?") parts.push({ kind: "characters", set: ANY_CHARACTER });
    else if (character === "[") {
      const end = endOfSet(characters, i);
      parts.push({ kind: "characters", set: setOf(characters.slice(i + 1, end)) });
      i = end;
    } else {
      const taken = character === "\\" ? characters[++i] : character;
      if (taken === undefined) throw invalid('a glob ends after "\\"');
      const point = taken.codePointAt(0) as number;
      parts.push({ kind: "characters", set: { ranges: [[point, point]], negated: false } });
    }
  }
  return new Pattern({ kind: "sequence", parts }, ignoreCase);
}

/** Where the set that begins at `start` ends; a "]" that comes first is one of its characters. */
function endOfSet(characters: readonly string[], start: number): number {
  const first = characters[start + 1] === "!" ? start + 2 : start + 1;
  const end = characters.indexOf("]", first + 1);
  if (end < 0) throw invalid('a glob has "[" without "]"');
  return end;
}

function setOf(inner: readonly string[]): CharacterSet {
  const negated = inner[0] === "!";
  const characters = negated ? inner.slice(1) : inner;
  const ranges: [number, number][] = [];
  for (let i = 0; i < characters.length; i++) {
    const first = (characters[i] as string).codePointAt(0) as number;
    const isRange = characters[i + 1] === "-" && i + 2 < characters.length;
    const last = isRange ? ((characters[i + 2] as string).codePointAt(0) as number) : first;
    if (last < first) throw invalid("a range of characters in a glob goes down");
    ranges.push([first, last]);
    if (isRange) i += 2;
  }
  return { ranges, negated };
}
