/**
 * Rules of who may ask from a browser. Stored as JSON in UTF-8, format 1: a list of rules whose members are those of `CorsRule`. Source: the S3 user
 * guide, "Elements of a CORS configuration", and the Fetch standard.
 */

import type { BucketConfiguration } from "../../../object/index.ts";

export interface CorsRule {
  readonly id: string | undefined;
  /** With at most one "*" each. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** In lower case, with at most one "*" each. */
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds: number | undefined;
}

export const CORS_METHODS: ReadonlySet<string> = new Set(["GET", "PUT", "POST", "DELETE", "HEAD"]);
/** Rules of one bucket, as in S3. */
export const MAX_CORS_RULES = 100;

const FORMAT = 1;
const parsed = new WeakMap<BucketConfiguration, readonly CorsRule[]>();

export function corsDocument(rules: readonly CorsRule[]): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(rules)) };
}

/** Parsed once for each stored document. A format of a newer version is never guessed. */
export function corsRules(stored: BucketConfiguration): readonly CorsRule[] {
  const known = parsed.get(stored);
  if (known !== undefined) return known;
  if (stored.format !== FORMAT) throw new Error(`format ${stored.format} of CORS rules is not known`);
  const rules = JSON.parse(
    new TextDecoder("utf-8", { fatal: true }).decode(stored.document),
  ) as readonly CorsRule[];
  parsed.set(stored, rules);
  return rules;
}

export interface CorsQuestion {
  readonly origin: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: readonly string[];
}

/** The first rule that lets it through. */
export function matchingRule(rules: readonly CorsRule[], asked: CorsQuestion): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.methods.includes(asked.method) &&
      rule.origins.some((pattern) => matchesOneStar(pattern, asked.origin)) &&
      asked.headers.every((name) => rule.headers.some((pattern) => matchesOneStar(pattern, name))),
  );
}

function matchesOneStar(pattern: string, text: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === text;
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

/** What a browser is told. `Vary` keeps caches from giving one origin's answer to another. */
export function corsHeaders(rule: CorsRule, asked: CorsQuestion): readonly string[] {
  const isForAll = rule.origins.includes("*");
  const headers = ["Access-Control-Allow-Origin", isForAll ? "*" : asked.origin];
  headers.push("Access-Control-Allow-Methods", rule.methods.join(", "));
  if (asked.headers.length > 0) headers.push("Access-Control-Allow-Headers", asked.headers.join(", "));
  if (rule.exposed.length > 0) headers.push("Access-Control-Expose-Headers", rule.exposed.join(", "));
  if (rule.maxAgeSeconds !== undefined) headers.push("Access-Control-Max-Age", String(rule.maxAgeSeconds));
  if (!isForAll) headers.push("Access-Control-Allow-Credentials", "true");
  headers.push("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
  return headers;
}
