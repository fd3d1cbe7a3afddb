import { contextOf } from "../../../src/access/policy/context.ts";
import { compilePattern, matchesPattern } from "../../../src/access/policy/pattern.ts";
import { type FuzzTarget, same, text, utf8 } from "../target.ts";

const NOTHING = contextOf(new Map());

/** Whether a pattern of "*" and "?" fits, character by character and without any cleverness. */
function dumbFits(pattern: readonly string[], given: readonly string[]): boolean {
  let reachable = new Set([0]);
  for (const sign of pattern) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (sign === "*") for (let to = at; to <= given.length; to++) next.add(to);
      else if (at < given.length && (sign === "?" || sign === given[at])) next.add(at + 1);
    }
    reachable = next;
  }
  return reachable.has(given.length);
}

/** Patterns of policies, a line for the pattern and a line for the text, against a dumb matcher. */
export const policyPattern: FuzzTarget = {
  name: "policy-pattern",
  maxBytes: 120,
  dictionary: ["*", "?", "**", "*?", "a", "\u{1F600}", "\n", "/"],
  seeds: () => [
    text("arn:aws:s3:::b/*\narn:aws:s3:::b/x/y"),
    text("a?c*e\nabcde"),
    text("*a*b?\nxaybz"),
    text("*?\u{1F600}\nx\u{1F600}\u{1F600}"),
  ],
  property: (input) => {
    const [source = "", given = ""] = utf8(input).split("\n");
    const pattern = compilePattern(source, { variables: false, wildcards: true });
    if (pattern === undefined) return "no pattern";
    const found = matchesPattern(pattern, given, NOTHING);
    same(found, dumbFits([...source], [...given]), `${JSON.stringify(source)} on ${JSON.stringify(given)}`);
    return `${found}, ${pattern.literal === undefined ? "signs" : "literal"}`;
  },
};
