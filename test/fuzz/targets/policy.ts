import { AccessError } from "../../../src/access/errors.ts";
import { contextOf } from "../../../src/access/policy/context.ts";
import { evaluatePolicies, evaluatePolicy } from "../../../src/access/policy/evaluate.ts";
import { type PolicyKind, parsePolicy } from "../../../src/access/policy/parse-policy.ts";
import { isPublicPolicy } from "../../../src/access/policy/public-policy.ts";
import { readStrictJson } from "../../../src/access/policy/strict-json.ts";
import { broken, type FuzzTarget, refusable, same, text, utf8 } from "../target.ts";

const KINDS: readonly PolicyKind[] = [
  { kind: "identity" },
  { kind: "bucket", bucket: "bucket", isAction: (pattern) => pattern.startsWith("s3:") || pattern === "*" },
  { kind: "trust" },
];
const DENY_ALL = parsePolicy(
  '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}',
  { kind: "identity" },
);
const REQUESTS = ["s3:GetObject", "s3:PutObject", "sts:AssumeRole"].map((action) => ({
  caller: { kind: "anonymous" } as const,
  action,
  resource: action.startsWith("s3:") ? "arn:aws:s3:::bucket/key" : undefined,
  context: contextOf(
    new Map([
      ["aws:sourceip", ["10.0.0.1"]],
      ["aws:username", ["ann"]],
    ]),
  ),
}));

/** How a variable of a policy begins. */
const VARIABLE = "$".concat("{");

const statement = (more: object): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Sid: "a", Effect: "Allow", ...more }] });

/** Policies: refused by name or read as JSON reads them, evaluated without a throw, and what is denied is denied. */
export const policy: FuzzTarget = {
  name: "policy",
  maxBytes: 4096,
  dictionary: [
    '"Deny"',
    '"NotAction"',
    '"NotPrincipal"',
    '"*"',
    `${VARIABLE}aws:username}`,
    `${VARIABLE}*}`,
    "\\ud800",
    "__proto__",
    '"IpAddress"',
    '"10.0.0.0/8"',
    '"Null"',
    '"ForAllValues:StringLike"',
    "[",
    "{",
    ",",
  ],
  seeds: () => [
    text(statement({ Action: "s3:Get*", Resource: `arn:aws:s3:::bucket/${VARIABLE}aws:username}/*` })),
    text(
      statement({
        Principal: "*",
        Action: ["s3:GetObject"],
        Resource: ["arn:aws:s3:::bucket/*"],
        Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } },
      }),
    ),
    text(statement({ Principal: { AWS: "arn:aws:iam::123456789012:user/ann" }, Action: "sts:AssumeRole" })),
    text(
      statement({
        NotAction: "s3:Delete*",
        NotResource: "arn:aws:s3:::other/*",
        Condition: {
          StringLike: { "s3:prefix": ["a*", "b?"] },
          DateLessThan: { "aws:CurrentTime": "2030-01-01T00:00:00Z" },
        },
      }),
    ),
  ],
  property: (input) => {
    const given = utf8(input);
    const json = refusable([AccessError], () => readStrictJson(given));
    if (json.kind === "value") same(json.value, JSON.parse(given), "what strict JSON reads");
    const labels = KINDS.map((kind) => {
      const parsed = refusable([AccessError], () => parsePolicy(given, kind));
      if (parsed.kind === "refused") return "refused";
      const verdicts = REQUESTS.map((request) => {
        const verdict = evaluatePolicy(parsed.value, request);
        if (evaluatePolicies([parsed.value, DENY_ALL], request) !== "deny" && request.resource !== undefined)
          broken("what another policy denies is not denied");
        return verdict;
      });
      return `${kind.kind} ${isPublicPolicy(parsed.value) ? "public" : ""} ${verdicts.join(" ")}`;
    });
    return `${json.kind}, ${labels.join(", ")}`;
  },
  large: [
    (sizeBytes) => text(`[${"[],".repeat(sizeBytes / 3)}[]]`),
    (sizeBytes) => text(`"${"a".repeat(sizeBytes)}"`),
  ],
};
