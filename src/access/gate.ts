/**
 * The one place where a request is allowed or denied. Pure: the same principal, request and rows always get the same decision.
 *
 * A key with a role for operators (reader, writer, admin) may do what its role may on every bucket in its scope. A key of the role `user`, and
 * nobody at all, may do what owning, policies and grants give them; policies that deny hold for everybody, but for those who may always change
 * the policy itself. docs/internals/access.md has the rules in one table.
 */

import { assert, unreachable } from "../base/index.ts";
import type { BucketAccess } from "./bucket-access.ts";
import { decideOnBucket } from "./bucket-decision.ts";
import { allowsItself, decideOnIdentity } from "./identity-decision.ts";
import { mayTouchNamespace } from "./namespaces.ts";
import type { Operation } from "./operations.ts";
import { hasRole } from "./roles.ts";
import { type Decision, deny, type OperationRequest, type Principal } from "./types.ts";

export interface Gate {
  /**
   * Decides one request. Everything that is not allowed is denied: a name without a row, no principal, too small a role, a bucket that is
   * not on the principal's list, and a bucket or object operation that names no bucket.
   */
  authorize(principal: Principal | undefined, request: OperationRequest): Decision;
  /** The row of an operation, for metrics and audit. */
  operation(name: string): Operation | undefined;
  operations(): readonly Operation[];
}

export interface GateOptions {
  /** What a bucket says of itself, as this node has applied it; undefined: there is no such bucket here. */
  bucket(name: string): BucketAccess | undefined;
  /** Whether those without a key may be let in to this bucket at all. */
  isPublicBucket(name: string): boolean;
}

const ALLOW: Decision = { kind: "allow" };
const ROLES_ONLY: GateOptions = { bucket: () => undefined, isPublicBucket: () => false };

/** Joins the tables of all surfaces. Two rows of the same name are a bug. Without options buckets say nothing: roles and scopes decide. */
export function createGate(rows: readonly Operation[], options: GateOptions = ROLES_ONLY): Gate {
  const table = new Map<string, Operation>();
  for (const row of rows) {
    assert(!table.has(row.name), "an operation has one row");
    table.set(row.name, row);
  }
  return {
    authorize: (principal, request) => {
      const operation = table.get(request.name);
      return operation === undefined
        ? deny("unknown-operation")
        : decide({ operation, principal, request, options });
    },
    operation: (name) => table.get(name),
    operations: () => [...table.values()],
  };
}

interface Case {
  readonly operation: Operation;
  readonly principal: Principal | undefined;
  readonly request: OperationRequest;
  readonly options: GateOptions;
}

function decide(asked: Case): Decision {
  const { operation, principal, request, options } = asked;
  switch (operation.resource) {
    case "service":
      if (principal === undefined) return deny("anonymous");
      return principal.role === "user" ? ofPolicies(asked, principal) : byRole(operation, principal);
    case "cluster":
    case "key":
    case "namespace":
      if (principal === undefined) return deny("anonymous");
      if (!hasRole(principal.role, operation.leastRole)) return deny("role");
      return inScope(operation.resource, principal, request) ? ALLOW : deny("scope");
    case "caller":
      return principal === undefined ? deny("anonymous") : ALLOW;
    case "identity":
    case "session":
    case "role":
      return principal === undefined ? deny("anonymous") : decideOnIdentity(operation, principal, request);
    case "bucket":
    case "object": {
      const { bucket } = request;
      if (principal === undefined && (bucket === undefined || !options.isPublicBucket(bucket)))
        return deny("anonymous");
      if (
        principal !== undefined &&
        principal.role !== "user" &&
        !hasRole(principal.role, operation.leastRole)
      ) {
        return deny("role");
      }
      if (bucket === undefined || bucket === "") return deny("scope");
      if (principal !== undefined && !mayTouchBucket(principal, bucket)) return deny("scope");
      if (operation.creates === true)
        return principal === undefined ? deny("anonymous") : ofCreation(asked, principal);
      return decideOnBucket({ operation, principal, request, bucket, access: options.bucket(bucket) });
    }
    default:
      return unreachable(operation.resource);
  }
}

function inScope(
  resource: "cluster" | "key" | "namespace",
  principal: Principal,
  { namespace }: OperationRequest,
): boolean {
  if (resource === "namespace") return namespace !== undefined && mayTouchNamespace(principal, namespace);
  return principal.buckets === undefined && (resource === "key" || principal.namespaces === undefined);
}

function byRole(operation: Operation, principal: Principal): Decision {
  return hasRole(principal.role, operation.leastRole) ? ALLOW : deny("role");
}

function ofCreation(asked: Case, principal: Principal): Decision {
  return principal.role === "user" ? ofPolicies(asked, principal) : byRole(asked.operation, principal);
}

/** What belongs to no bucket: the account may, others as their policies say, which name no bucket as "*" or "arn:aws:s3:::*". */
function ofPolicies({ operation, request }: Case, principal: Principal): Decision {
  const resource = `arn:aws:s3:::${request.bucket ?? "*"}`;
  return allowsItself(principal, operation, resource, request.context) ? ALLOW : deny("policy");
}

/** Whether the principal's allow-list lets it touch this bucket; also what listings of buckets are filtered by. */
export function mayTouchBucket(principal: Principal, bucket: string): boolean {
  if (principal.buckets === undefined) return principal.namespaces === undefined;
  return principal.buckets.includes(bucket);
}
