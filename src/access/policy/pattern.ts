/**
 * Patterns of policies: "*" stands for any run of characters, "?" for any one, `${name}` for a value of the request (in policies of version
 * 2012-10-17), `${*}`, `${?}` and `${$}` for the signs themselves. Values are put in as they are: a star in one is a star and no pattern.
 */

import { conditionKeyName, type PolicyContext } from "./context.ts";

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "run" }
  | { readonly kind: "one" }
  | { readonly kind: "variable"; readonly key: string; readonly fallback: string | undefined };

export interface Pattern {
  readonly source: string;
  readonly parts: readonly Part[];
  /** What it must be, when there is nothing but text in it. */
  readonly literal: string | undefined;
}

export interface PatternOptions {
  readonly variables: boolean;
  /** Whether "*" and "?" are signs; otherwise they are characters. */
  readonly wildcards: boolean;
}

const ESCAPED: ReadonlySet<string> = new Set(["*", "?", "$"]);
/** "aws:username" or "aws:PrincipalTag/team, 'nobody'". */
const VARIABLE = /^([A-Za-z0-9._/-]+:[^\s,'{}$]+)(?:\s*,\s*'([^']*)')?$/;

/** Undefined when what stands in `${...}` is none of a variable's forms. */
export function compilePattern(source: string, options: PatternOptions): Pattern | undefined {
  const parts: Part[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  for (let at = 0; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (options.wildcards && (character === "*" || character === "?")) {
      flush();
      parts.push({ kind: character === "*" ? "run" : "one" });
    } else if (options.variables && character === "$" && source[at + 1] === "{") {
      const close = source.indexOf("}", at);
      if (close < 0) return undefined;
      const inside = source.slice(at + 2, close);
      at = close;
      if (ESCAPED.has(inside)) {
        text += inside;
        continue;
      }
      const match = VARIABLE.exec(inside);
      if (match?.[1] === undefined) return undefined;
      flush();
      parts.push({ kind: "variable", key: conditionKeyName(match[1]), fallback: match[2] });
    } else text += character;
  }
  flush();
  const isLiteral = parts.length <= 1 && (parts[0]?.kind ?? "text") === "text";
  return { source, parts, literal: isLiteral ? text || literalOf(parts) : undefined };
}

function literalOf(parts: readonly Part[]): string {
  return parts[0]?.kind === "text" ? parts[0].text : "";
}

/** A variable without a value in the request matches nothing. */
export function matchesPattern(
  pattern: Pattern,
  text: string,
  context: PolicyContext,
  ignoreCase = false,
): boolean {
  const given = ignoreCase ? text.toLowerCase() : text;
  if (pattern.literal !== undefined) {
    return (ignoreCase ? pattern.literal.toLowerCase() : pattern.literal) === given;
  }
  const signs = signsOf(pattern, context, ignoreCase);
  return signs !== undefined && matchesSigns(signs, given);
}

/** Whether the request has a value for every variable. */
export function hasItsValues(pattern: Pattern, context: PolicyContext): boolean {
  return pattern.parts.every(
    (part) => part.kind !== "variable" || valueFor(part.key, part.fallback, context) !== undefined,
  );
}

const RUN = -1;
const ONE = -2;

/** Code units, with RUN and ONE for the two signs. */
function signsOf(
  pattern: Pattern,
  context: PolicyContext,
  ignoreCase: boolean,
): readonly number[] | undefined {
  const signs: number[] = [];
  for (const part of pattern.parts) {
    if (part.kind === "run") {
      if (signs.at(-1) !== RUN) signs.push(RUN);
    } else if (part.kind === "one") signs.push(ONE);
    else {
      const text = part.kind === "text" ? part.text : valueFor(part.key, part.fallback, context);
      if (text === undefined) return undefined;
      const folded = ignoreCase ? text.toLowerCase() : text;
      for (let index = 0; index < folded.length; index += 1) signs.push(folded.charCodeAt(index));
    }
  }
  return signs;
}

/** A key with several values stands for none of them. */
function valueFor(key: string, fallback: string | undefined, context: PolicyContext): string | undefined {
  const values = context.values(key);
  return values?.length === 1 ? values[0] : fallback;
}

/** Goes back to the last run only, so that the time is at most the product of the two lengths. */
function matchesSigns(signs: readonly number[], text: string): boolean {
  let at = 0;
  let sign = 0;
  let runSign = -1;
  let runAt = 0;
  while (at < text.length) {
    const wanted = signs[sign];
    if (wanted === RUN) {
      runSign = sign;
      runAt = at;
      sign += 1;
    } else if (wanted === ONE || wanted === text.charCodeAt(at)) {
      at += wanted === ONE ? characterLength(text, at) : 1;
      sign += 1;
    } else if (runSign >= 0) {
      runAt += 1;
      at = runAt;
      sign = runSign + 1;
    } else return false;
  }
  while (signs[sign] === RUN) sign += 1;
  return sign === signs.length;
}

/** A character beyond the first plane is two code units. */
function characterLength(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
