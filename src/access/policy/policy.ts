/** A policy as it is evaluated: parsed, checked and compiled. */

import type { Condition } from "./condition.ts";
import type { Pattern } from "./pattern.ts";

/** Greatest policy, in UTF-8 bytes; S3's for buckets. Everything else that a policy has is bounded by it. */
export const MAX_POLICY_BYTES = 20 * 1024;
/** Statements of one policy. */
export const MAX_POLICY_STATEMENTS = 256;

export interface Policy {
  readonly statements: readonly Statement[];
  /** Whether some condition asks for what is known only once the object has been read. */
  readonly asksForObject: boolean;
}

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  /** Undefined in policies of identities: whoever has the policy. */
  readonly principals: PrincipalList | undefined;
  /** In lower case. */
  readonly actions: PatternList;
  /** Undefined in trust policies: the role itself. */
  readonly resources: PatternList | undefined;
  readonly conditions: readonly Condition[];
}

export interface PatternList {
  /** NotAction, NotResource. */
  readonly negated: boolean;
  readonly patterns: readonly Pattern[];
}

export interface PrincipalList {
  /** NotPrincipal. */
  readonly negated: boolean;
  readonly patterns: readonly PrincipalPattern[];
}

export type PrincipalPattern =
  | { readonly kind: "everyone" }
  /** The account and, if it says so itself, everybody in it. */
  | { readonly kind: "account"; readonly accountId: string }
  | { readonly kind: "arn"; readonly arn: string }
  /** The id of a user or a role, which is never given out again. */
  | { readonly kind: "unique-id"; readonly id: string }
  | { readonly kind: "canonical"; readonly canonicalId: string }
  | { readonly kind: "federated"; readonly provider: string }
  | { readonly kind: "service"; readonly service: string };
