/** Who may do what with identities: users, groups, roles, policies and keys of an account, sessions, and roles that may be taken on. */

import { callerOf } from "./bucket-decision.ts";
import type { Operation } from "./operations.ts";
import type { PolicyContext } from "./policy/context.ts";
import {
  evaluateBounded,
  evaluatePolicies,
  evaluatePolicy,
  type PolicyRequest,
  type PolicyVerdict,
} from "./policy/evaluate.ts";
import { hasRole } from "./roles.ts";
import { type Decision, deny, type OperationRequest, type Principal, type RoleAccess } from "./types.ts";

const ALLOW: Decision = { kind: "allow" };

export function decideOnIdentity(
  operation: Operation,
  principal: Principal,
  request: OperationRequest,
): Decision {
  // Credentials that come of it would reach further than the key that asks.
  if (principal.buckets !== undefined || principal.namespaces !== undefined) return deny("scope");
  if (operation.resource === "identity") return onAccount(operation, principal, request);
  // Sessions and roles are a user's; a key of an operator is nobody in particular.
  if (principal.role !== "user") return deny("role");
  if (operation.resource === "session") return isSession(principal) ? deny("role") : ALLOW;
  if (request.role === undefined) return deny("policy");
  return onRole(operation, principal, request, request.role);
}

/** As in AWS, a session of a user or an account does not make lasting credentials of itself; one of a role does what the role may. */
function onAccount(operation: Operation, principal: Principal, request: OperationRequest): Decision {
  if (principal.role !== "user") {
    return hasRole(principal.role, operation.leastRole) ? ALLOW : deny("role");
  }
  if (isSession(principal) && principal.identity?.caller.kind !== "role-session") return deny("role");
  return allowsItself(principal, operation, request.resource ?? "*", request.context)
    ? ALLOW
    : deny("policy");
}

/**
 * Within an account it is enough that the role trusts the caller by name; one that is trusted as one of its account, or that is of another
 * account, must be allowed by its own policies too. Source: the IAM user guide, "Policy evaluation logic", and "Cross-account policy evaluation".
 */
function onRole(
  operation: Operation,
  principal: Principal,
  request: OperationRequest,
  role: RoleAccess,
): Decision {
  const caller = callerOf(principal);
  if (!("accountId" in caller) && caller.kind !== "federated") return deny("policy");
  const asked: PolicyRequest = {
    caller,
    action: operation.action,
    resource: undefined,
    context: contextOf(principal, request.context),
  };
  const trusted = evaluatePolicy(role.trust, asked);
  if (trusted === "deny") return deny("denied");
  if (trusted === "silent") return deny("policy");
  // Whoever a provider vouches for has nothing of itself; the provider is one of the role's own account.
  if (caller.kind === "federated") {
    const isOwn = caller.provider.startsWith(`arn:aws:iam::${role.accountId}:oidc-provider/`);
    return isOwn && trusted === "allow" ? ALLOW : deny("policy");
  }
  const resource = request.resource ?? "*";
  const isNamed = trusted === "allow" && caller.accountId === role.accountId;
  const { own, ofSession } = verdicts(principal, operation, resource, request.context);
  const isAllowed = isNamed ? own !== "deny" : own === undefined || own === "allow";
  return isAllowed && (ofSession === undefined || ofSession === "allow") ? ALLOW : deny("policy");
}

/** What the caller was given allows it, and so does what its session was given. The account itself was given everything. */
export function allowsItself(
  principal: Principal,
  operation: Operation,
  resource: string,
  context: PolicyContext | undefined,
): boolean {
  const { own, ofSession } = verdicts(principal, operation, resource, context);
  return (own === undefined || own === "allow") && (ofSession === undefined || ofSession === "allow");
}

interface Verdicts {
  /** Undefined: it has everything. */
  readonly own: PolicyVerdict | undefined;
  /** Undefined: nothing confines it. */
  readonly ofSession: PolicyVerdict | undefined;
}

function verdicts(
  principal: Principal,
  operation: Operation,
  resource: string,
  context: PolicyContext | undefined,
): Verdicts {
  const { identity } = principal;
  if (identity === undefined) return { own: undefined, ofSession: undefined };
  const asked: PolicyRequest = {
    caller: identity.caller,
    action: operation.policyAction ?? operation.action,
    resource,
    context: contextOf(principal, context),
  };
  const { policies, boundary, sessionPolicies } = identity;
  return {
    own: policies && evaluateBounded(policies, boundary, asked),
    ofSession: sessionPolicies && evaluatePolicies(sessionPolicies, asked),
  };
}

function contextOf({ identity }: Principal, context: PolicyContext | undefined): PolicyContext {
  return { values: (key) => identity?.context.get(key) ?? context?.values(key) };
}

function isSession({ identity }: Principal): boolean {
  return identity?.context.has("aws:tokenissuetime") ?? false;
}
