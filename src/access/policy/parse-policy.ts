/**
 * From the text of a policy to what is evaluated. Whatever is not understood is refused here, when the policy is stored; nothing is ignored.
 * Source: the IAM user guide, "Grammar of the IAM JSON policy language".
 */

import { AccessError } from "../errors.ts";
import { type Condition, compileCondition } from "./condition.ts";
import { isKnownConditionKey, isObjectConditionKey } from "./condition-keys.ts";
import { conditionKeyName } from "./context.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import {
  MAX_POLICY_BYTES,
  MAX_POLICY_STATEMENTS,
  type PatternList,
  type Policy,
  type PrincipalList,
  type Statement,
} from "./policy.ts";
import { parsePrincipals } from "./principals.ts";
import { isJsonObject, type JsonObject, type JsonValue, readStrictJson } from "./strict-json.ts";

/** What a policy is attached to, which tells what its statements have. */
export type PolicyKind =
  /** Principals; resources are the bucket and what is in it. */
  | { readonly kind: "bucket"; readonly bucket: string; readonly isAction: (pattern: string) => boolean }
  /** No principals. */
  | { readonly kind: "identity" }
  /** Principals; no resources. */
  | { readonly kind: "trust" };

const VERSIONS: readonly JsonValue[] = ["2012-10-17", "2008-10-17"];
const POLICY_MEMBERS: ReadonlySet<string> = new Set(["Version", "Id", "Statement"]);
const STATEMENT_MEMBERS: ReadonlySet<string> = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);

/** Throws AccessError "policy-malformed" whose message says what is wrong. */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  if (new TextEncoder().encode(text).length > MAX_POLICY_BYTES) {
    throw malformed(`a policy has at most ${MAX_POLICY_BYTES} bytes`);
  }
  return policyOfJson(readStrictJson(text), kind);
}

export function policyOfJson(root: JsonValue, kind: PolicyKind): Policy {
  if (!isJsonObject(root)) throw malformed("a policy is an object");
  refuseOthers(root, POLICY_MEMBERS, "a policy");
  const version = root.Version ?? "2008-10-17";
  if (!VERSIONS.includes(version)) throw malformed("Version is 2012-10-17 or 2008-10-17");
  if (root.Id !== undefined && typeof root.Id !== "string") throw malformed("Id is a string");
  if (root.Statement === undefined) throw malformed("a policy has a Statement");
  const list = Array.isArray(root.Statement) ? (root.Statement as readonly JsonValue[]) : [root.Statement];
  if (list.length === 0) throw malformed("a policy has at least one statement");
  if (list.length > MAX_POLICY_STATEMENTS)
    throw malformed(`a policy has at most ${MAX_POLICY_STATEMENTS} statements`);
  const reader = new StatementReader(kind, version === "2012-10-17");
  const statements = list.map((statement) => reader.read(statement));
  refuseRepeatedSids(statements);
  const asksForObject = statements.some(({ conditions }) =>
    conditions.some(({ key }) => isObjectConditionKey(key)),
  );
  return { statements, asksForObject };
}

class StatementReader {
  readonly #kind: PolicyKind;
  readonly #variables: boolean;

  constructor(kind: PolicyKind, variables: boolean) {
    this.#kind = kind;
    this.#variables = variables;
  }

  read(value: JsonValue): Statement {
    if (!isJsonObject(value)) throw malformed("a statement is an object");
    refuseOthers(value, STATEMENT_MEMBERS, "a statement");
    const { Sid: sid, Effect: effect } = value;
    if (sid !== undefined && (typeof sid !== "string" || sid.length > 256))
      throw malformed("Sid is a string");
    if (effect !== "Allow" && effect !== "Deny") throw malformed("Effect is Allow or Deny");
    return {
      sid,
      effect,
      principals: this.#principals(value),
      actions: this.#actions(value),
      resources: this.#resources(value),
      conditions: this.#conditions(value.Condition),
    };
  }

  #principals(statement: JsonObject): PrincipalList | undefined {
    const element = oneOf(statement, "Principal", "NotPrincipal");
    if (this.#kind.kind === "identity") {
      if (element !== undefined) throw malformed("a policy of an identity has no Principal");
      return undefined;
    }
    if (element === undefined) throw malformed("a statement has a Principal");
    const patterns = parsePrincipals(element.value);
    if (patterns === undefined) throw malformed("Invalid principal in policy");
    // It would let in everybody else, nobody included.
    if (element.negated && statement.Effect === "Allow") {
      throw malformed("Allow with NotPrincipal is not allowed.");
    }
    return { negated: element.negated, patterns };
  }

  #actions(statement: JsonObject): PatternList {
    const element = oneOf(statement, "Action", "NotAction");
    if (element === undefined) throw malformed("a statement has an Action");
    const patterns = strings(element.value, element.name).map((action) => {
      if (!isActionPattern(action)) throw malformed(`"${action.slice(0, 128)}" is no action`);
      if (this.#kind.kind === "bucket" && !this.#kind.isAction(action)) {
        throw malformed("Policy has invalid action");
      }
      return this.#pattern(action.toLowerCase(), false);
    });
    return { negated: element.negated, patterns };
  }

  #resources(statement: JsonObject): PatternList | undefined {
    const element = oneOf(statement, "Resource", "NotResource");
    if (this.#kind.kind === "trust") {
      if (element !== undefined) throw malformed("a trust policy has no Resource");
      return undefined;
    }
    if (element === undefined) throw malformed("a statement has a Resource");
    const patterns = strings(element.value, element.name).map((resource) => {
      this.#checkResource(resource);
      return this.#pattern(resource, true);
    });
    return { negated: element.negated, patterns };
  }

  #checkResource(resource: string): void {
    if (this.#kind.kind === "bucket") {
      const bucket = `arn:aws:s3:::${this.#kind.bucket}`;
      // A pattern for the name would reach other buckets if it were the policy of one of them; here it can only reach this one.
      const isOfBucket =
        resource === bucket || resource.startsWith(`${bucket}/`) || mayMatchBucket(resource, bucket);
      if (!isOfBucket) throw malformed("Policy has invalid resource");
      return;
    }
    if (resource !== "*" && !/^arn:[^:\s]+:[^:\s]*:[^:\s]*:[^:\s]*:.+$/s.test(resource)) {
      throw malformed(`"${resource.slice(0, 128)}" is no resource`);
    }
  }

  #conditions(value: JsonValue | undefined): readonly Condition[] {
    if (value === undefined) return [];
    if (!isJsonObject(value)) throw malformed("Condition is an object");
    const conditions: Condition[] = [];
    for (const [operator, keys] of Object.entries(value)) {
      if (!isJsonObject(keys)) throw malformed(`what follows ${operator.slice(0, 64)} is an object`);
      for (const [key, values] of Object.entries(keys))
        conditions.push(this.#condition(operator, key, values));
    }
    return conditions;
  }

  #condition(operator: string, key: string, values: JsonValue): Condition {
    if (!isKnownConditionKey(conditionKeyName(key), this.#kind.kind === "trust")) {
      throw malformed(`Policy has an invalid condition key: ${key.slice(0, 128)}`);
    }
    const condition = compileCondition(operator, key, scalars(values, key), { variables: this.#variables });
    if (typeof condition === "string") throw malformed(condition);
    return condition;
  }

  #pattern(source: string, variables: boolean): Pattern {
    const pattern = compilePattern(source, { variables: variables && this.#variables, wildcards: true });
    if (pattern === undefined) throw malformed(`"${source.slice(0, 128)}" has a variable that is none`);
    return pattern;
  }
}

/** "arn:aws:s3:::*" and the like: signs before the name of the bucket has ended. */
function mayMatchBucket(resource: string, bucket: string): boolean {
  const star = resource.search(/[*?]/);
  return (
    star >= 0 &&
    bucket.startsWith(resource.slice(0, star)) &&
    (resource === "*" || resource.startsWith("arn:aws:s3:::"))
  );
}

/** "*", "s3:Get*", "iam:CreateUser": the service has no signs in it. */
function isActionPattern(action: string): boolean {
  return action === "*" || /^[a-zA-Z0-9-]{1,64}:[a-zA-Z0-9*?-]{1,128}$/.test(action);
}

interface Element {
  readonly name: string;
  readonly negated: boolean;
  readonly value: JsonValue;
}

function oneOf(statement: JsonObject, name: string, negatedName: string): Element | undefined {
  const [value, negatedValue] = [statement[name], statement[negatedName]];
  if (value !== undefined && negatedValue !== undefined) {
    throw malformed(`a statement has ${name} or ${negatedName}, not both`);
  }
  if (value !== undefined) return { name, negated: false, value };
  return negatedValue === undefined ? undefined : { name: negatedName, negated: true, value: negatedValue };
}

function strings(value: JsonValue, what: string): readonly string[] {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  if (list.length === 0) throw malformed(`${what} is empty`);
  return list.map((item) => {
    if (typeof item !== "string" || item === "") throw malformed(`${what} is a string or a list of strings`);
    return item;
  });
}

function scalars(value: JsonValue, key: string): readonly string[] {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  if (list.length === 0) throw malformed(`${key.slice(0, 64)} has no value`);
  return list.map((item) => {
    if (item === null || typeof item === "object")
      throw malformed(`a value of ${key.slice(0, 64)} is a string`);
    return String(item);
  });
}

function refuseOthers(value: JsonObject, allowed: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(value)) {
    if (!allowed.has(name)) throw malformed(`${what} has no member "${name.slice(0, 64)}"`);
  }
}

function refuseRepeatedSids(statements: readonly Statement[]): void {
  const seen = new Set<string>();
  for (const { sid } of statements) {
    if (sid === undefined || sid === "") continue;
    if (seen.has(sid)) throw malformed(`two statements have the Sid "${sid.slice(0, 64)}"`);
    seen.add(sid);
  }
}

function malformed(message: string): AccessError {
  return new AccessError("policy-malformed", message);
}
