import { expect, test } from "vitest";
import { decideOnBucket } from "./bucket-decision.ts";
import { accountIdOf } from "./index.ts";
import { parsePolicy } from "./policy/parse-policy.ts";

const owner = { id: "c".repeat(64), displayName: "Alice" };
const accountId = accountIdOf(owner.id);
const SECRET = { StringEquals: { "s3:ExistingObjectTag/class": "secret" } };
const ALLOW = { Effect: "Allow", Action: "s3:*", Resource: "*" };

function policyOf(...statements: object[]) {
  return parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }), { kind: "identity" });
}

/** What a session with all rights of its role, narrowed down by these statements, may do with an object of class "secret" and of another. */
function decisions(action: string, ...statements: object[]): string[] {
  const identity = {
    caller: {
      kind: "role-session" as const,
      accountId,
      canonicalId: owner.id,
      arn: `arn:aws:sts::${accountId}:assumed-role/r/s`,
      roleArn: `arn:aws:iam::${accountId}:role/r`,
      uniqueId: "AROAX",
    },
    policies: [policyOf(ALLOW)],
    sessionPolicies: [policyOf(...statements)],
    context: new Map(),
  };
  const asked = decideOnBucket({
    operation: { name: action, action, leastRole: "writer", resource: "object" },
    principal: { keyId: "k", role: "user", buckets: undefined, owner, identity },
    request: { name: action, bucket: "b", key: "k" },
    bucket: "b",
    access: {
      ownerId: owner.id,
      policy: undefined,
      acl: undefined,
      publicAccessBlock: {
        blockPublicAcls: false,
        ignorePublicAcls: false,
        blockPublicPolicy: false,
        restrictPublicBuckets: false,
      },
      ownership: "BucketOwnerEnforced",
    },
  });
  return ["secret", "public"].map((value) => {
    const object = { ownerId: owner.id, acl: undefined, tags: [{ key: "class", value }] };
    return (asked.kind === "depends-on-object" ? asked.decide(object) : asked).kind;
  });
}

test.each([
  "s3:GetObject",
  "s3:GetObjectTagging",
  "s3:PutObjectTagging",
  "s3:DeleteObject",
  "s3:DeleteObjectVersion",
])("a session's own policies look at the tags of the object for %s", (action) => {
  const deny = { ...ALLOW, Effect: "Deny", Condition: SECRET };
  expect(decisions(action, ALLOW, deny)).toEqual(["deny", "allow"]);
  expect(decisions(action, { ...ALLOW, Condition: SECRET })).toEqual(["allow", "deny"]);
});
