// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of policies.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AccessError } from "../errors.ts";
import { type PlainRequest, type PlainStatement, plainVerdict } from "../testing/plain-policy.ts";
import { conditionKeyName, contextOf } from "./context.ts";
import { evaluatePolicies, evaluatePolicy } from "./evaluate.ts";
import { fromNativePolicy, isNativePolicy } from "./native-policy.ts";
import { type PolicyKind, parsePolicy } from "./parse-policy.ts";
import { compilePattern, matchesPattern } from "./pattern.ts";
import { MAX_POLICY_BYTES } from "./policy.ts";
import type { Caller } from "./principals.ts";
import { isPublicPolicy } from "./public-policy.ts";
import { readStrictJson } from "./strict-json.ts";

const IDENTITY: PolicyKind = { kind: "identity" };
const BUCKET: PolicyKind = {
  kind: "bucket",
  bucket: "b",
  isAction: (action) => action === "*" || action.startsWith("s3:"),
};
const TRUST: PolicyKind = { kind: "trust" };

const ROOT: Caller = {
  kind: "account",
  accountId: "111111111111",
  canonicalId: "c1",
  arn: "arn:aws:iam::111111111111:root",
  roleArn: undefined,
  uniqueId: "111111111111",
};
const ALICE: Caller = {
  ...ROOT,
  kind: "user",
  arn: "arn:aws:iam::111111111111:user/alice",
  uniqueId: "AIDAALICE00000000001",
};
const SESSION: Caller = {
  ...ROOT,
  kind: "role-session",
  arn: "arn:aws:sts::111111111111:assumed-role/reader/now",
  roleArn: "arn:aws:iam::111111111111:role/reader",
  uniqueId: "AROAREADER0000000001",
};
const STRANGER: Caller = {
  ...ROOT,
  accountId: "222222222222",
  canonicalId: "c2",
  arn: "arn:aws:iam::222222222222:root",
};
const NOBODY: Caller = { kind: "anonymous" };

function statement(extra: object = {}): object {
  return { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*", ...extra };
}

function bucketPolicy(...statements: object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

function problem(text: string, kind: PolicyKind = BUCKET): string {
  try {
    parsePolicy(text, kind);
    return "accepted";
  } catch (error) {
    if (!(error instanceof AccessError) || error.code !== "policy-malformed") throw error;
    return error.message;
  }
}

function values(table: Record<string, readonly string[]>) {
  return contextOf(new Map(Object.entries(table).map(([key, list]) => [conditionKeyName(key), list])));
}

function verdict(
  text: string,
  caller: Caller,
  table: Record<string, readonly string[]> = {},
  key = "k",
): string {
  const request = {
    caller,
    action: "s3:GetObject",
    resource: `arn:aws:s3:::b/${key}`,
    context: values(table),
  };
  return evaluatePolicy(parsePolicy(text, BUCKET), request);
}

describe("what is stored", () => {
  it.each([
    bucketPolicy(statement()),
    JSON.stringify({ Statement: statement({ Sid: "one" }) }),
    JSON.stringify({
      Version: "2008-10-17",
      Id: "x",
      Statement: [statement({ Action: ["s3:Get*", "s3:PutObject"] })],
    }),
    bucketPolicy(statement({ Principal: { AWS: ["111111111111", "arn:aws:iam::111111111111:user/a/b"] } })),
    bucketPolicy(
      statement({ Principal: { CanonicalUser: "c".repeat(64), Service: "logging.s3.amazonaws.com" } }),
    ),
    bucketPolicy(
      statement({ Condition: { IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"] } } }),
    ),
    bucketPolicy(statement({ Condition: { Bool: { "aws:SecureTransport": false } } })),
    bucketPolicy(statement({ Condition: { NumericLessThanEqualsIfExists: { "s3:max-keys": 10 } } })),
    bucketPolicy(statement({ Resource: "arn:aws:s3:::*" })),
    bucketPolicy(statement({ Resource: ["arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*"] })),
  ])("accepts %s", (text) => {
    expect(problem(text)).toBe("accepted");
  });

  it.each([
    ["", "the policy is not JSON (at character 0)"],
    ["[]", "a policy is an object"],
    ["{} {}", "the policy goes on after its end (at character 3)"],
    ['{"Statement":[],"Statement":[]}', 'the policy has the member "Statement" twice (at character 27)'],
    ["{}", "a policy has a Statement"],
    [JSON.stringify({ Statement: [] }), "a policy has at least one statement"],
    [JSON.stringify({ Version: "2015", Statement: [statement()] }), "Version is 2012-10-17 or 2008-10-17"],
    [JSON.stringify({ Statement: [statement()], Extra: 1 }), 'a policy has no member "Extra"'],
    [bucketPolicy(statement({ Effect: "allow" })), "Effect is Allow or Deny"],
    [bucketPolicy(statement({ Note: "x" })), 'a statement has no member "Note"'],
    [bucketPolicy(statement({ Principal: undefined })), "a statement has a Principal"],
    [bucketPolicy(statement({ NotPrincipal: "*" })), "a statement has Principal or NotPrincipal, not both"],
    [
      bucketPolicy(statement({ Principal: undefined, NotPrincipal: { AWS: "111111111111" } })),
      "Allow with NotPrincipal is not allowed.",
    ],
    [bucketPolicy(statement({ Principal: { AWS: "alice" } })), "Invalid principal in policy"],
    [
      bucketPolicy(statement({ Principal: { AWS: "arn:aws:iam::111111111111:user/*" } })),
      "Invalid principal in policy",
    ],
    [bucketPolicy(statement({ Principal: { Somebody: "*" } })), "Invalid principal in policy"],
    [bucketPolicy(statement({ Principal: {} })), "Invalid principal in policy"],
    [bucketPolicy(statement({ Action: "ec2:RunInstances" })), "Policy has invalid action"],
    [bucketPolicy(statement({ Action: [] })), "Action is empty"],
    [bucketPolicy(statement({ Action: "s3:Get Object" })), '"s3:Get Object" is no action'],
    [
      bucketPolicy(statement({ Action: "s3:GetObject", NotAction: "s3:PutObject" })),
      "a statement has Action or NotAction, not both",
    ],
    [bucketPolicy(statement({ Resource: "arn:aws:s3:::other/*" })), "Policy has invalid resource"],
    [bucketPolicy(statement({ Resource: "arn:aws:s3:::bb" })), "Policy has invalid resource"],
    [
      bucketPolicy(statement({ Resource: "arn:aws:s3:::b/${aws:}" })),
      '"arn:aws:s3:::b/${aws:}" has a variable that is none',
    ],
    [
      bucketPolicy(statement({ Condition: { StringSame: { "s3:prefix": "x" } } })),
      "there is no condition operator StringSame",
    ],
    [
      bucketPolicy(statement({ Condition: { NullIfExists: { "s3:prefix": "true" } } })),
      "there is no condition operator NullIfExists",
    ],
    [
      bucketPolicy(statement({ Condition: { StringNotEquals: { "s3:nonsense": "x" } } })),
      "Policy has an invalid condition key: s3:nonsense",
    ],
    [
      bucketPolicy(statement({ Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/33" } } })),
      '"10.0.0.0/33" is no value for IpAddress',
    ],
    [
      bucketPolicy(statement({ Condition: { NumericEquals: { "s3:max-keys": "many" } } })),
      '"many" is no value for NumericEquals',
    ],
    [bucketPolicy(statement({ Condition: { StringEquals: { "s3:prefix": [] } } })), "s3:prefix has no value"],
    [bucketPolicy(statement({ Sid: "a" }), statement({ Sid: "a" })), 'two statements have the Sid "a"'],
    [`{"Statement":${"[".repeat(40)}${"]".repeat(40)}}`, "the policy is nested too deeply (at character 29)"],
    [" ".repeat(MAX_POLICY_BYTES + 1), `a policy has at most ${MAX_POLICY_BYTES} bytes`],
  ])("refuses %s", (text, reason) => {
    expect(problem(text)).toBe(reason);
  });

  it("keeps principals and resources to where they belong", () => {
    expect(problem(bucketPolicy(statement()), IDENTITY)).toBe("a policy of an identity has no Principal");
    expect(problem(bucketPolicy(statement()), TRUST)).toBe("a trust policy has no Resource");
    const trust = {
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::1:oidc-provider/x" },
      Action: "sts:AssumeRoleWithWebIdentity",
    };
    expect(
      problem(
        bucketPolicy({ ...trust, Condition: { StringEquals: { "host.example/realm:sub": "x" } } }),
        TRUST,
      ),
    ).toBe("accepted");
    expect(
      problem(bucketPolicy(statement({ Condition: { StringEquals: { "host.example/realm:sub": "x" } } }))),
    ).toMatch(/invalid condition key/);
  });

  it("reads or refuses whatever bytes come", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => bucketPolicy(statement({ Resource: text }))),
        ),
        (text) => {
          problem(text);
        },
      ),
    );
  });

  it("reads JSON as JSON.parse does, but for members that come twice", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(JSON.stringify(readStrictJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});

describe("who is meant", () => {
  const cases: readonly (readonly [unknown, string, string, string, string, string])[] = [
    // principal, the account itself, its user, its role's session, another account, nobody
    ["*", "allow", "allow", "allow", "allow", "allow"],
    [{ AWS: "*" }, "allow", "allow", "allow", "allow", "allow"],
    [{ AWS: "111111111111" }, "allow", "allow-account", "allow-account", "silent", "silent"],
    [
      { AWS: "arn:aws:iam::111111111111:root" },
      "allow",
      "allow-account",
      "allow-account",
      "silent",
      "silent",
    ],
    [{ CanonicalUser: "c1" }, "allow", "allow-account", "allow-account", "silent", "silent"],
    [{ AWS: "arn:aws:iam::111111111111:user/alice" }, "silent", "allow", "silent", "silent", "silent"],
    [{ AWS: "AIDAALICE00000000001" }, "silent", "allow", "silent", "silent", "silent"],
    [{ AWS: "arn:aws:iam::111111111111:role/reader" }, "silent", "silent", "allow", "silent", "silent"],
    [
      { AWS: "arn:aws:sts::111111111111:assumed-role/reader/now" },
      "silent",
      "silent",
      "allow",
      "silent",
      "silent",
    ],
    [{ Service: "logging.s3.amazonaws.com" }, "silent", "silent", "silent", "silent", "silent"],
  ];
  it.each(cases)("%j", (principal, ...expected) => {
    const text = bucketPolicy(statement({ Principal: principal }));
    expect([ROOT, ALICE, SESSION, STRANGER, NOBODY].map((caller) => verdict(text, caller))).toEqual(expected);
  });

  it("spares with NotPrincipal exactly whom it names", () => {
    const deny = bucketPolicy({
      ...statement(),
      Effect: "Deny",
      Principal: undefined,
      NotPrincipal: { AWS: "111111111111" },
    });
    expect([ROOT, ALICE, STRANGER, NOBODY].map((caller) => verdict(deny, caller))).toEqual([
      "silent",
      "deny",
      "deny",
      "deny",
    ]);
  });

  it("knows services", () => {
    const text = bucketPolicy(statement({ Principal: { Service: "logging.s3.amazonaws.com" } }));
    expect(verdict(text, { kind: "service", service: "logging.s3.amazonaws.com" })).toBe("allow");
    expect(verdict(text, { kind: "service", service: "other" })).toBe("silent");
  });
});

describe("what is decided", () => {
  it("lets deny win, whatever the order", () => {
    const [allow, deny] = [statement(), statement({ Effect: "Deny", Resource: "arn:aws:s3:::b/secret*" })];
    for (const text of [bucketPolicy(allow, deny), bucketPolicy(deny, allow)]) {
      expect(verdict(text, NOBODY, {}, "open")).toBe("allow");
      expect(verdict(text, NOBODY, {}, "secret/x")).toBe("deny");
    }
    const policies = [allow, deny].map((one) => parsePolicy(bucketPolicy(one), BUCKET));
    const request = {
      caller: NOBODY,
      action: "s3:GetObject",
      resource: "arn:aws:s3:::b/secret",
      context: values({}),
    };
    expect(evaluatePolicies(policies, request)).toBe("deny");
    expect(evaluatePolicies([], request)).toBe("silent");
  });

  it("does not confuse a bucket with what is in it, or with another whose name begins alike", () => {
    const policy = parsePolicy(bucketPolicy(statement({ Resource: "arn:aws:s3:::b" })), BUCKET);
    const ask = (resource: string) =>
      evaluatePolicy(policy, { caller: NOBODY, action: "s3:GetObject", resource, context: values({}) });
    expect(["arn:aws:s3:::b", "arn:aws:s3:::b/k", "arn:aws:s3:::bb"].map(ask)).toEqual([
      "allow",
      "silent",
      "silent",
    ]);
  });

  it.each([
    ["StringEquals", "s3:prefix", ["a", "b"], ["b"], true],
    ["StringEquals", "s3:prefix", ["a"], ["A"], false],
    ["StringEqualsIgnoreCase", "s3:prefix", ["a"], ["A"], true],
    ["StringEquals", "s3:prefix", ["a*"], ["ab"], false],
    ["StringLike", "s3:prefix", ["a*"], ["ab"], true],
    ["StringLike", "s3:prefix", ["a?"], ["a\u{1F600}"], true],
    ["StringNotEquals", "s3:prefix", ["a", "b"], ["b"], false],
    ["StringNotEquals", "s3:prefix", ["a"], undefined, true],
    ["StringEquals", "s3:prefix", ["a"], undefined, false],
    ["StringEqualsIfExists", "s3:prefix", ["a"], undefined, true],
    ["StringEqualsIfExists", "s3:prefix", ["a"], ["b"], false],
    ["Null", "s3:prefix", ["true"], undefined, true],
    ["Null", "s3:prefix", ["false"], ["x"], true],
    ["Null", "s3:prefix", ["true"], ["x"], false],
    ["NumericLessThanEquals", "s3:max-keys", ["10"], ["10"], true],
    ["NumericLessThanEquals", "s3:max-keys", ["10"], ["x"], false],
    ["DateGreaterThan", "aws:CurrentTime", ["2026-01-01T00:00:00Z"], ["2026-01-01T00:00:01Z"], true],
    ["DateLessThan", "aws:EpochTime", ["1000"], ["999"], true],
    ["Bool", "aws:SecureTransport", ["true"], ["true"], true],
    ["Bool", "aws:SecureTransport", ["false"], ["true"], false],
    ["IpAddress", "aws:SourceIp", ["10.0.0.0/9"], ["10.127.255.255"], true],
    ["IpAddress", "aws:SourceIp", ["10.0.0.0/9"], ["10.128.0.0"], false],
    ["IpAddress", "aws:SourceIp", ["10.0.0.1"], ["::ffff:10.0.0.1"], true],
    ["IpAddress", "aws:SourceIp", ["2001:db8::/33"], ["2001:db8:8000::"], false],
    ["NotIpAddress", "aws:SourceIp", ["10.0.0.0/8"], ["192.0.2.1"], true],
    ["ArnLike", "aws:PrincipalArn", ["arn:aws:iam::*:user/a*"], ["arn:aws:iam::1:user/ab"], true],
    ["ArnLike", "aws:PrincipalArn", ["arn:aws:iam:*:*:user/a"], ["arn:aws:iam::1:x:user/a"], false],
    ["ForAnyValue:StringEquals", "s3:RequestObjectTagKeys", ["a"], ["a", "b"], true],
    ["ForAllValues:StringEquals", "s3:RequestObjectTagKeys", ["a"], ["a", "b"], false],
    ["ForAllValues:StringEquals", "s3:RequestObjectTagKeys", ["a"], undefined, true],
    ["ForAnyValue:StringEquals", "s3:RequestObjectTagKeys", ["a"], undefined, false],
    ["ForAnyValue:StringNotEquals", "s3:RequestObjectTagKeys", ["a"], ["a", "b"], true],
    ["StringEquals", "s3:ExistingObjectTag/Team", ["a"], ["a"], true],
  ] as const)("%s on %s %j against %j: %j", (operator, key, wanted, given, holds) => {
    const text = bucketPolicy(statement({ Condition: { [operator]: { [key]: wanted } } }));
    expect(verdict(text, NOBODY, given === undefined ? {} : { [key]: given })).toBe(
      holds ? "allow" : "silent",
    );
  });

  it("tells keys of tags apart by their case, and nothing else", () => {
    const text = bucketPolicy(
      statement({ Condition: { StringEquals: { "S3:existingobjecttag/Team": "a" } } }),
    );
    expect(verdict(text, NOBODY, { "s3:ExistingObjectTag/Team": ["a"] })).toBe("allow");
    expect(verdict(text, NOBODY, { "s3:ExistingObjectTag/team": ["a"] })).toBe("silent");
    expect(parsePolicy(text, BUCKET).asksForObject).toBe(true);
  });

  it.each([
    ["${aws:PrincipalTag/team}", "aws:principaltag/team"],
    ["${AWS:principaltag/Team}", "aws:principaltag/Team"],
    ["${aws:PrincipalAccount}", "aws:principalaccount"],
  ])("asks for the value of %s by the one spelling of its key", (variable, key) => {
    const pattern = compilePattern(`home/${variable}/*`, { variables: true, wildcards: true });
    const context = { values: (asked: string) => (asked === key ? ["red"] : undefined) };
    expect(matchesPattern(pattern!, "home/red/x", context)).toBe(true);
    expect(matchesPattern(pattern!, "home/blue/x", context)).toBe(false);
  });

  it("puts in variables as they are, and only in the newer version", () => {
    const text = bucketPolicy(statement({ Resource: "arn:aws:s3:::b/${aws:username}/*" }));
    expect(verdict(text, ALICE, { "aws:username": ["alice"] }, "alice/x")).toBe("allow");
    expect(verdict(text, ALICE, { "aws:username": ["*"] }, "bob/x")).toBe("silent");
    expect(verdict(text, ALICE, {}, "alice/x")).toBe("silent");
    const older = text.replace("2012-10-17", "2008-10-17");
    expect(verdict(older, ALICE, { "aws:username": ["alice"] }, "alice/x")).toBe("silent");
    const fallback = bucketPolicy(statement({ Resource: "arn:aws:s3:::b/${aws:username, 'nobody'}/*" }));
    expect(verdict(fallback, NOBODY, {}, "nobody/x")).toBe("allow");
  });

  it("allows nothing to somebody without the name that NotResource asks for", () => {
    const text = (effect: string) =>
      bucketPolicy({
        ...statement({ Effect: effect }),
        Resource: undefined,
        NotResource: "arn:aws:s3:::b/${aws:username}/*",
      });
    expect(verdict(text("Allow"), NOBODY)).toBe("silent");
    expect(verdict(text("Deny"), NOBODY)).toBe("deny");
  });

  it("decides as the plain evaluator does", () => {
    fc.assert(
      fc.property(fc.array(STATEMENTS, { minLength: 1, maxLength: 5 }), REQUESTS, (statements, request) => {
        const policy = parsePolicy(
          JSON.stringify({ Version: "2012-10-17", Statement: statements }),
          IDENTITY,
        );
        const found = evaluatePolicy(policy, {
          caller: ALICE,
          action: request.action,
          resource: request.resource,
          context: contextOf(new Map(Object.entries(request.values))),
        });
        expect(found).toBe(plainVerdict(statements, request));
      }),
      { numRuns: 3000 },
    );
  });
});

const WORDS = fc.stringMatching(/^[ab*?/]{1,4}$/);
const ACTION = fc.constantFrom(
  "s3:GetObject",
  "s3:getobject",
  "s3:Get*",
  "s3:Put?bject",
  "*",
  "s3:*",
  "s3:ListBucket",
  "ec2:*",
);
const RESOURCE = fc.oneof(
  fc.constant("*"),
  WORDS.map((word) => `arn:aws:s3:::${word}`),
  fc.constantFrom("arn:aws:s3:::a/${aws:username}", "arn:aws:s3:::${*}/b", "arn:aws:s3:::${aws:username}*"),
);
const OPERATOR = fc
  .tuple(
    fc.constantFrom("", "ForAnyValue:", "ForAllValues:"),
    fc.constantFrom(
      "StringEquals",
      "StringNotEquals",
      "StringLike",
      "StringNotLike",
      "StringEqualsIgnoreCase",
      "NumericEquals",
      "NumericLessThan",
      "NumericGreaterThanEquals",
      "Bool",
    ),
    fc.constantFrom("", "IfExists"),
  )
  .map((parts) => parts.join(""));
const CONDITION_VALUE = (operator: string) => {
  if (operator.includes("Numeric")) return fc.constantFrom("1", "2", "3");
  if (operator.includes("Bool")) return fc.constantFrom("true", "false");
  // As literals, signs are characters to one operator and patterns to the other.
  return operator.includes("Like") ? WORDS : fc.stringMatching(/^[abAB]{1,2}$/);
};
const CONDITION = fc
  .oneof(OPERATOR, fc.constant("Null"))
  .chain((operator) =>
    fc.record({
      operator: fc.constant(operator),
      key: fc.constantFrom("s3:prefix", "s3:max-keys", "aws:username"),
      wanted:
        operator === "Null"
          ? fc.constantFrom(["true"], ["false"])
          : fc.array(CONDITION_VALUE(operator), { minLength: 1, maxLength: 3 }),
    }),
  )
  .map(({ operator, key, wanted }) => ({ [operator]: { [key]: wanted } }));
const STATEMENTS: fc.Arbitrary<PlainStatement> = fc
  .tuple(
    fc.constantFrom("Allow" as const, "Deny" as const),
    fc.oneof(
      fc.array(ACTION, { minLength: 1, maxLength: 2 }).map((list) => ({ Action: list })),
      fc.array(ACTION, { minLength: 1, maxLength: 2 }).map((list) => ({ NotAction: list })),
    ),
    // Without variables: a variable without a value is the one thing that the two see differently, and has a test of its own.
    fc.oneof(
      fc.array(RESOURCE, { minLength: 1, maxLength: 2 }).map((list) => ({ Resource: list })),
      fc
        .array(WORDS, { minLength: 1, maxLength: 2 })
        .map((list) => ({ NotResource: list.map((word) => `arn:aws:s3:::${word}`) })),
    ),
    fc.option(CONDITION, { nil: undefined }),
  )
  .map(([effect, actions, resources, condition]) => ({
    Effect: effect,
    ...actions,
    ...resources,
    ...(condition && { Condition: condition }),
  }));
const REQUESTS: fc.Arbitrary<PlainRequest> = fc.record({
  action: fc.constantFrom("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
  resource: fc.stringMatching(/^[ab*/]{1,4}$/).map((word) => `arn:aws:s3:::${word}`),
  values: fc
    .record(
      {
        "s3:prefix": fc.array(fc.stringMatching(/^[abA/]{1,3}$/), { minLength: 1, maxLength: 2 }),
        "s3:max-keys": fc.array(fc.constantFrom("1", "2", "x"), { minLength: 1, maxLength: 2 }),
        "aws:username": fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 1 }),
      },
      { requiredKeys: [] },
    )
    .map((table) => table as Record<string, readonly string[]>),
});

describe("the public", () => {
  it.each([
    [statement(), true],
    [statement({ Effect: "Deny" }), false],
    [statement({ Principal: { AWS: "111111111111" } }), false],
    [statement({ Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/24" } } }), false],
    [statement({ Condition: { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } } }), true],
    [statement({ Condition: { IpAddressIfExists: { "aws:SourceIp": "10.0.0.0/24" } } }), true],
    [statement({ Condition: { NotIpAddress: { "aws:SourceIp": "10.0.0.0/24" } } }), true],
    [statement({ Condition: { StringLike: { "aws:PrincipalArn": "*" } } }), true],
    [statement({ Condition: { StringEquals: { "s3:prefix": "x" } } }), true],
  ])("%j: %j", (one, expected) => {
    expect(isPublicPolicy(parsePolicy(bucketPolicy(one), BUCKET))).toBe(expected);
  });
});

describe("the native form", () => {
  const convert = (value: object): string => {
    const root = readStrictJson(JSON.stringify(value));
    if (!isNativePolicy(root)) return "not native";
    try {
      return JSON.stringify(fromNativePolicy(root, "b"));
    } catch (error) {
      if (!(error instanceof AccessError)) throw error;
      return error.message;
    }
  };
  const one = (extra: object = {}) => ({
    effect: "allow",
    actions: ["GetObject"],
    resources: [{ bucket: "b", prefix: "p/" }],
    ...extra,
  });

  it("becomes the AWS form, which is then checked like any other", () => {
    const text = convert({
      version: "v1",
      statements: [
        one({
          conditions: { source_ip: ["10.0.0.0/8"], secure_transport: true, headers: { "User-Agent": "x*" } },
        }),
        one({
          effect: "deny",
          actions: ["s3:ListBucket", "UploadPart"],
          resources: [{ bucket: "*" }],
          conditions: { prefix: "a*", prefix_like: true },
        }),
      ],
    });
    expect(JSON.parse(text)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: "*",
          Action: ["s3:GetObject"],
          Resource: ["arn:aws:s3:::b/p/*"],
          Condition: {
            IpAddress: { "aws:SourceIp": ["10.0.0.0/8"] },
            Bool: { "aws:SecureTransport": "true" },
            StringEquals: { "aws:UserAgent": "x${*}" },
          },
        },
        {
          Effect: "Deny",
          Principal: "*",
          Action: ["s3:ListBucket", "s3:PutObject"],
          Resource: ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
          Condition: { StringLike: { "s3:prefix": "a${*}*" } },
        },
      ],
    });
    expect(problem(text)).toBe("accepted");
  });

  it.each([
    [{ Statement: [] }, "not native"],
    [{ version: "v2", statements: [one()] }, 'version is "v1"'],
    [{ version: "v1", statements: [] }, "statements is a list that is not empty"],
    [{ version: "v1", statements: [one({ effect: "Allow" })] }, "effect is allow or deny"],
    [
      { version: "v1", statements: [one({ actions: ["ReplicationRead"] })] },
      'there is no action "ReplicationRead"',
    ],
    [
      { version: "v1", statements: [one({ resources: [{ bucket: "c" }] })] },
      "a resource names another bucket",
    ],
    [{ version: "v1", statements: [one({ conditions: { color: "red" } })] }, 'there is no condition "color"'],
    [
      { version: "v1", statements: [one({ conditions: { headers: { Cookie: "x" } } })] },
      'no condition can ask for the header "Cookie"',
    ],
    [{ version: "v1", statements: [one({ extra: 1 })] }, 'the native form has no member "extra"'],
  ])("%j: %s", (value, reason) => {
    expect(convert(value)).toBe(reason);
  });
});
