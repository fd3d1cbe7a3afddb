import { describe, expect, test } from "vitest";
import { createGate, mayTouchBucket } from "./gate.ts";
import type { Operation, ResourceKind } from "./operations.ts";
import { hasRole, ROLES } from "./roles.ts";
import type { OperationRequest, Principal, Role } from "./types.ts";

const RESOURCES: readonly ResourceKind[] = ["service", "bucket", "object", "cluster", "key"];

/** One row for each resource and least role. */
const TABLE: readonly Operation[] = RESOURCES.flatMap((resource) =>
  ROLES.map((leastRole) => ({
    name: `${resource}-${leastRole}`,
    action: `test:${resource}`,
    leastRole,
    resource,
  })),
);

const gate = createGate(TABLE);

function principal(role: Role, buckets?: readonly string[]): Principal {
  return { keyId: "k", role, buckets, owner: { id: "o", displayName: "o" } };
}

/** The rules once more, written down differently. */
function expected(operation: Operation, who: Principal, bucket: string | undefined): string {
  const order = "reader writer admin";
  if (order.indexOf(who.role) < order.indexOf(operation.leastRole)) return "role";
  const needsBucket = operation.resource === "bucket" || operation.resource === "object";
  if (needsBucket && !bucket) return "scope";
  if (needsBucket && who.buckets && !who.buckets.some((name) => name === bucket)) return "scope";
  if (["cluster", "key"].includes(operation.resource) && who.buckets) return "scope";
  return "allow";
}

describe("every operation, every role, in and out of scope", () => {
  const scopes: readonly (readonly string[] | undefined)[] = [undefined, ["mine"], ["mine", "other"], []];
  const targets: readonly (string | undefined)[] = [undefined, "", "mine", "theirs", "min", "mine2"];
  for (const operation of TABLE) {
    test(operation.name, () => {
      let allowed = 0;
      for (const role of ROLES) {
        for (const buckets of scopes) {
          for (const bucket of targets) {
            const who = principal(role, buckets);
            const request: OperationRequest = {
              name: operation.name,
              ...(bucket === undefined ? {} : { bucket }),
            };
            const decision = gate.authorize(who, request);
            const answer = decision.kind === "deny" ? decision.reason : decision.kind;
            expect([role, buckets, bucket, answer]).toEqual([
              role,
              buckets,
              bucket,
              expected(operation, who, bucket),
            ]);
            if (answer === "allow") allowed++;
          }
        }
      }
      expect(allowed).toBeGreaterThan(0);
    });
  }
});

describe("what has no row or no principal", () => {
  test("an unknown operation is denied to everybody", () => {
    expect(gate.authorize(principal("admin"), { name: "no-such" })).toEqual({
      kind: "deny",
      reason: "unknown-operation",
    });
    expect(gate.authorize(undefined, { name: "no-such" })).toEqual({
      kind: "deny",
      reason: "unknown-operation",
    });
    expect(gate.authorize(principal("admin"), { name: "constructor" })).toMatchObject({ kind: "deny" });
  });

  test("nobody is denied everything", () => {
    for (const { name } of TABLE) {
      expect(gate.authorize(undefined, { name, bucket: "mine" })).toEqual({
        kind: "deny",
        reason: "anonymous",
      });
    }
  });

  test("a role that is none gives nothing", () => {
    const strange = { ...principal("reader"), role: "owner" as unknown as Role };
    expect(gate.authorize(strange, { name: "service-reader" })).toEqual({ kind: "deny", reason: "role" });
    expect(hasRole("reader", "root" as unknown as Role)).toBe(false);
  });

  test("two rows of one name are a bug", () => {
    expect(() => createGate([TABLE[0]!, TABLE[0]!])).toThrow("an operation has one row");
  });
});

test("listings are filtered by the allow-list", () => {
  expect(mayTouchBucket(principal("reader"), "any")).toBe(true);
  expect(mayTouchBucket(principal("admin", ["mine"]), "mine")).toBe(true);
  expect(mayTouchBucket(principal("admin", ["mine"]), "theirs")).toBe(false);
});

test("the gate tells its rows", () => {
  expect(gate.operations()).toEqual(TABLE);
  expect(gate.operation("bucket-writer")?.action).toBe("test:bucket");
  expect(gate.operation("no-such")).toBeUndefined();
});
