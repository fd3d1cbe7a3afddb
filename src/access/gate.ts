/** The one place where a request is allowed or denied. Pure: the same principal and request always get the same decision. */

import { assert, unreachable } from "../base/index.ts";
import type { Operation } from "./operations.ts";
import { hasRole } from "./roles.ts";
import type { Decision, OperationRequest, Principal } from "./types.ts";

export interface Gate {
  /**
   * Decides one request. Everything that is not allowed is denied: a name without a row, no principal, too small a role, a bucket that is
   * not on the principal's list, and a bucket or object operation that names no bucket.
   */
  authorize(principal: Principal | undefined, request: OperationRequest): Decision;
  /**
   * For requests that touch more than one resource (a copy reads its source and writes its target): allowed only when each is. The first
   * denial is the answer; none to decide is a denial too.
   */
  authorizeAll(principal: Principal | undefined, requests: readonly OperationRequest[]): Decision;
  /** The row of an operation, for metrics and audit. */
  operation(name: string): Operation | undefined;
  operations(): readonly Operation[];
}

const ALLOW: Decision = { kind: "allow" };

/** Joins the tables of all surfaces. Two rows of the same name are a bug. */
export function createGate(rows: readonly Operation[]): Gate {
  const table = new Map<string, Operation>();
  for (const row of rows) {
    assert(!table.has(row.name), "an operation has one row");
    table.set(row.name, row);
  }
  const authorize = (principal: Principal | undefined, request: OperationRequest): Decision => {
    const operation = table.get(request.name);
    if (operation === undefined) return deny("unknown-operation");
    if (principal === undefined) return deny("anonymous");
    if (!hasRole(principal.role, operation.leastRole)) return deny("role");
    return inScope(principal, operation, request) ? ALLOW : deny("scope");
  };
  return {
    authorize,
    authorizeAll: (principal, requests) => {
      if (requests.length === 0) return deny("unknown-operation");
      for (const request of requests) {
        const decision = authorize(principal, request);
        if (decision.kind === "deny") return decision;
      }
      return ALLOW;
    },
    operation: (name) => table.get(name),
    operations: () => [...table.values()],
  };
}

function inScope(principal: Principal, operation: Operation, request: OperationRequest): boolean {
  switch (operation.resource) {
    case "service":
      return true;
    case "bucket":
    case "object":
      return (
        request.bucket !== undefined && request.bucket !== "" && mayTouchBucket(principal, request.bucket)
      );
    case "cluster":
    case "key":
      return principal.buckets === undefined;
    default:
      return unreachable(operation.resource);
  }
}

/** Whether the principal's allow-list lets it touch this bucket; also what listings of buckets are filtered by. */
export function mayTouchBucket(principal: Principal, bucket: string): boolean {
  return principal.buckets === undefined || principal.buckets.includes(bucket);
}

function deny(reason: (Decision & { kind: "deny" })["reason"]): Decision {
  return { kind: "deny", reason };
}
