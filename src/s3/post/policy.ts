/** The policy of a POST form: what the form may say, signed by whoever hands it out. Source: Amazon S3 API, "POST policy". */

import { fromBase64 } from "../../base/index.ts";
import { isSecretHeader, REDACTED } from "../auth/secret-values.ts";
import { S3Refusal } from "../errors.ts";

const MAX_POLICY_BYTES = 20 * 1024;
const MAX_CONDITIONS = 100;

export type PolicyCondition =
  | { readonly kind: "equals"; readonly field: string; readonly value: string }
  | { readonly kind: "starts-with"; readonly field: string; readonly prefix: string }
  | { readonly kind: "length"; readonly least: number; readonly greatest: number };

export interface PostPolicy {
  readonly expiresAtMs: number;
  readonly conditions: readonly PolicyCondition[];
}

/** Fields that need no condition: they carry the policy itself, or nothing that is stored. */
const FREE_FIELDS: ReadonlySet<string> = new Set([
  "file",
  "policy",
  "signature",
  "awsaccesskeyid",
  "x-amz-signature",
]);

/** Refuses "InvalidPolicyDocument". */
export function parsePolicy(text: string): PostPolicy {
  const document = parseJson(text);
  const { expiration, conditions } = document;
  if (typeof expiration !== "string") throw invalidPolicy("Policy missing expiration.");
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(expiration);
  const expiresAtMs = isTime ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalidPolicy(`Invalid 'expiration' value: '${expiration}'`);
  if (!Array.isArray(conditions)) throw invalidPolicy("Policy missing conditions.");
  if (conditions.length > MAX_CONDITIONS) throw invalidPolicy("Policy has too many conditions.");
  return { expiresAtMs, conditions: conditions.flatMap(parseCondition) };
}

function parseJson(text: string): { readonly expiration?: unknown; readonly conditions?: unknown } {
  const bytes = fromBase64(text.replaceAll(/\s/g, ""));
  if (bytes === undefined || bytes.length > MAX_POLICY_BYTES)
    throw invalidPolicy("Invalid Policy: Invalid Base64.");
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // It is no JSON: refused below.
  }
  throw invalidPolicy("Invalid Policy: Invalid JSON.");
}

function parseCondition(value: unknown): PolicyCondition[] {
  if (Array.isArray(value)) return [parseListCondition(value)];
  if (typeof value !== "object" || value === null) throw invalidPolicy("Invalid Simple-Condition.");
  const entries = Object.entries(value);
  if (entries.length !== 1)
    throw invalidPolicy(
      "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
    );
  return entries.map(([field, wanted]) => {
    if (typeof wanted !== "string") throw invalidPolicy("Invalid Simple-Condition: Value must be a string.");
    return { kind: "equals", field: field.toLowerCase(), value: wanted };
  });
}

function parseListCondition(list: readonly unknown[]): PolicyCondition {
  const [operator, first, second] = list;
  const name = typeof operator === "string" ? operator.toLowerCase() : "";
  if (list.length !== 3) throw invalidPolicy(`Invalid Condition: a condition of '${name}' has three parts.`);
  if (name === "content-length-range") {
    const [least, greatest] = [wholeOf(first), wholeOf(second)];
    if (least === undefined || greatest === undefined || least > greatest) {
      throw invalidPolicy("Invalid content-length-range.");
    }
    return { kind: "length", least, greatest };
  }
  if (typeof first !== "string" || !first.startsWith("$") || typeof second !== "string") {
    throw invalidPolicy(`Invalid Condition: '${name}' takes a field and a value.`);
  }
  const field = first.slice(1).toLowerCase();
  if (name === "eq") return { kind: "equals", field, value: second };
  if (name === "starts-with") return { kind: "starts-with", field, prefix: second };
  throw invalidPolicy(`Invalid Condition: unknown operation '${name}'.`);
}

function wholeOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Whether a form keeps its policy; the length of the file is for `checkLength`. Refuses "AccessDenied". */
export function checkPolicy(policy: PostPolicy, fields: ReadonlyMap<string, string>, nowMs: number): void {
  if (policy.expiresAtMs <= nowMs) {
    throw new S3Refusal("AccessDenied", "Invalid according to Policy: Policy expired.");
  }
  const covered = new Set<string>();
  for (const condition of policy.conditions) {
    if (condition.kind === "length") continue;
    covered.add(condition.field);
    const value = fields.get(condition.field) ?? "";
    const [operator, wanted, holds] =
      condition.kind === "equals"
        ? ["eq", condition.value, value === condition.value]
        : ["starts-with", condition.prefix, startsWith(condition.field, value, condition.prefix)];
    if (!holds) {
      const shown = isSecretHeader(condition.field) ? REDACTED : wanted;
      throw new S3Refusal(
        "AccessDenied",
        `Invalid according to Policy: Policy Condition failed: ["${operator}", "$${condition.field}", "${shown}"]`,
      );
    }
  }
  for (const field of fields.keys()) {
    if (covered.has(field) || FREE_FIELDS.has(field) || field.startsWith("x-ignore-")) continue;
    // A checksum only adds to what must hold.
    if (field.startsWith("x-amz-checksum-")) continue;
    throw new S3Refusal("AccessDenied", `Invalid according to Policy: Extra input fields: ${field}`);
  }
}

/** A Content-Type may be a list, of which each has to begin so. */
function startsWith(field: string, value: string, prefix: string): boolean {
  if (field === "content-type") return value.split(",").every((type) => type.trimStart().startsWith(prefix));
  return value.startsWith(prefix);
}

/** As far as it is known: up to `slackBytes` more may come. */
export interface FileLength {
  readonly sizeBytes: number;
  readonly slackBytes?: number;
}

/** Refuses "EntityTooLarge" and "EntityTooSmall", when it is sure. */
export function checkLength(policy: PostPolicy, { sizeBytes, slackBytes = 0 }: FileLength): void {
  for (const condition of policy.conditions) {
    if (condition.kind !== "length") continue;
    const details = { ProposedSize: String(sizeBytes) };
    if (sizeBytes > condition.greatest) throw new S3Refusal("EntityTooLarge", undefined, details);
    if (sizeBytes + slackBytes < condition.least) throw new S3Refusal("EntityTooSmall", undefined, details);
  }
}

function invalidPolicy(message: string): S3Refusal {
  return new S3Refusal("InvalidPolicyDocument", message);
}
