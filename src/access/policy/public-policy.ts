/**
 * Whether a bucket policy lets in the public. Source: the S3 user guide, "The meaning of public": a statement that allows is public when it
 * allows everybody, unless a condition holds one of these keys to fixed values.
 */

import type { Condition } from "./condition.ts";
import type { Policy, Statement } from "./policy.ts";

const CONFINING_KEYS: ReadonlySet<string> = new Set([
  "aws:principalarn",
  "aws:principalorgid",
  "aws:principalorgpaths",
  "aws:principalaccount",
  "aws:sourceaccount",
  "aws:sourcearn",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:userid",
  "aws:sourceip",
  "s3:dataaccesspointaccount",
  "s3:dataaccesspointarn",
]);

export function isPublicPolicy(policy: Policy): boolean {
  return policy.statements.some(isPublicStatement);
}

function isPublicStatement(statement: Statement): boolean {
  const { effect, principals, conditions } = statement;
  if (effect === "Deny" || principals === undefined) return false;
  const everybody = principals.patterns.some(({ kind }) => kind === "everyone");
  return everybody && !conditions.some(confines);
}

/** A condition that a request without the key, or with any value, can meet confines nobody. */
function confines(condition: Condition): boolean {
  const { key, kind, negated, ifExists, quantifier, isFixed } = condition;
  return (
    CONFINING_KEYS.has(key) && kind === "value" && isFixed && !negated && !ifExists && quantifier !== "all"
  );
}
