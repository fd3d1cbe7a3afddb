/** One policy against one request. Pure; the time depends on the length of the policy and of the request's values only. */

import { conditionHolds } from "./condition.ts";
import type { PolicyContext } from "./context.ts";
import { hasItsValues, matchesPattern } from "./pattern.ts";
import type { PatternList, Policy, Statement } from "./policy.ts";
import { type Caller, fitOfPrincipals } from "./principals.ts";

export interface PolicyRequest {
  readonly caller: Caller;
  /** "s3:GetObject". */
  readonly action: string;
  /** "arn:aws:s3:::bucket/key"; undefined for what names none (a trust policy's role). */
  readonly resource: string | undefined;
  readonly context: PolicyContext;
}

/**
 * - `deny`: some statement denies. It wins over everything.
 * - `allow`: some statement allows.
 * - `allow-account`: some statement allows the account of the caller, which must allow the caller itself.
 * - `silent`: nothing in it speaks of the request.
 */
export type PolicyVerdict = "deny" | "allow" | "allow-account" | "silent";

export function evaluatePolicy(policy: Policy, request: PolicyRequest): PolicyVerdict {
  let verdict: PolicyVerdict = "silent";
  for (const statement of policy.statements) {
    const fit = fitOfStatement(statement, request);
    if (fit === "none") continue;
    if (statement.effect === "Deny") return "deny";
    if (fit === "named") verdict = "allow";
    else if (verdict === "silent") verdict = "allow-account";
  }
  return verdict;
}

/** Several policies of one identity: what one denies is denied. */
export function evaluatePolicies(policies: readonly Policy[], request: PolicyRequest): PolicyVerdict {
  let verdict: PolicyVerdict = "silent";
  for (const policy of policies) {
    const found = evaluatePolicy(policy, request);
    if (found === "deny") return "deny";
    if (found === "allow" || verdict === "silent") verdict = found;
  }
  return verdict;
}

/**
 * Policies of an identity within its boundary: what either denies is denied, and only what both allow is allowed. Source: the IAM user guide, "Permissions
 * boundaries for IAM entities".
 */
export function evaluateBounded(
  policies: readonly Policy[],
  boundary: Policy | undefined,
  request: PolicyRequest,
): PolicyVerdict {
  const verdict = evaluatePolicies(policies, request);
  if (boundary === undefined || verdict === "deny") return verdict;
  const bound = evaluatePolicy(boundary, request);
  if (bound === "deny") return "deny";
  return bound === "allow" ? verdict : "silent";
}

function fitOfStatement(statement: Statement, request: PolicyRequest): "named" | "of-account" | "none" {
  const fit = callerFit(statement, request.caller);
  if (fit === "none") return "none";
  if (!matchesList(statement.actions, statement.effect, request.action.toLowerCase(), request.context))
    return "none";
  if (!matchesResource(statement, request)) return "none";
  return statement.conditions.every((condition) => conditionHolds(condition, request.context)) ? fit : "none";
}

function callerFit({ principals, effect }: Statement, caller: Caller): "named" | "of-account" | "none" {
  if (principals === undefined) return "named";
  const fit = fitOfPrincipals(principals.patterns, caller);
  if (!principals.negated) return fit;
  // "Everybody but the account" spares the account itself; its users are spared only where they are named, as in AWS.
  const isSpared = fit === "named" || (fit === "of-account" && effect === "Allow");
  return isSpared ? "none" : "named";
}

function matchesResource({ resources, effect }: Statement, request: PolicyRequest): boolean {
  if (resources === undefined || request.resource === undefined) return resources === undefined;
  return matchesList(resources, effect, request.resource, request.context);
}

function matchesList(
  list: PatternList,
  effect: Statement["effect"],
  text: string,
  context: PolicyContext,
): boolean {
  const { patterns, negated } = list;
  // "Everything but what has your name in it", asked by somebody without a name: denied, never allowed.
  if (negated && effect === "Allow" && !patterns.every((pattern) => hasItsValues(pattern, context)))
    return false;
  return patterns.some((pattern) => matchesPattern(pattern, text, context)) !== negated;
}
