/**
 * Conditions of statements. Source: the IAM user guide, "Condition operators" and "Multivalued context keys".
 *
 * One request value against the list of a policy: the positive operators hold when one of the list fits, the negated ones when none does.
 * A key that the request does not have: positive operators do not hold, negated ones do, `...IfExists` holds always, `ForAllValues` holds,
 * `ForAnyValue` does not.
 */

import { conditionKeyName, type PolicyContext } from "./context.ts";
import { blockContains, parseAddressBlock, parseIpAddress } from "./ip-address.ts";
import { kmsKeyId, kmsKeyPattern } from "./kms-key.ts";
import { compilePattern, matchesPattern, type Pattern } from "./pattern.ts";

/** Undefined: the value in the policy is none of this operator's kind. */
type Test = (value: string, context: PolicyContext) => boolean;
type Compile = (value: string, options: ConditionOptions) => Test | undefined;

export interface ConditionOptions {
  readonly variables: boolean;
}

export interface Condition {
  /** As `conditionKeyName` spells it. */
  readonly key: string;
  readonly quantifier: "one" | "any" | "all";
  readonly ifExists: boolean;
  readonly negated: boolean;
  /** "null" asks whether the key is there. */
  readonly kind: "value" | "null";
  /** No value that it accepts is a pattern for nearly everything: none begins with a sign, and no block of addresses is the whole of them. */
  readonly isFixed: boolean;
  readonly tests: readonly Test[];
}

interface OperatorRow {
  readonly negated: boolean;
  readonly compile: Compile;
}

const text =
  (ignoreCase: boolean, wildcards: boolean): Compile =>
  (value, { variables }) => {
    const pattern = compilePattern(value, { variables, wildcards });
    return pattern && ((given, context) => matchesPattern(pattern, given, context, ignoreCase));
  };

const numeric =
  (holds: (given: number, wanted: number) => boolean): Compile =>
  (value) => {
    const wanted = parseNumber(value);
    if (wanted === undefined) return undefined;
    return (given) => {
      const number = parseNumber(given);
      return number !== undefined && holds(number, wanted);
    };
  };

const date =
  (holds: (given: number, wanted: number) => boolean): Compile =>
  (value) => {
    const wanted = parseDate(value);
    if (wanted === undefined) return undefined;
    return (given) => {
      const timeMs = parseDate(given);
      return timeMs !== undefined && holds(timeMs, wanted);
    };
  };

const bool: Compile = (value) => {
  const wanted = value.toLowerCase();
  return wanted === "true" || wanted === "false" ? (given) => given.toLowerCase() === wanted : undefined;
};

const binary: Compile = (value) =>
  /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? (given) => given === value : undefined;

const address: Compile = (value) => {
  const block = parseAddressBlock(value);
  if (block === undefined) return undefined;
  return (given) => {
    const bytes = parseIpAddress(given);
    return bytes !== undefined && blockContains(block, bytes);
  };
};

const ARN_PARTS = 6;

/** Each of the six parts is matched alone, so that a star does not reach across a colon. */
const arn: Compile = (value, { variables }) => {
  const patterns: Pattern[] = [];
  for (const part of arnParts(value)) {
    const pattern = compilePattern(part, { variables, wildcards: true });
    if (pattern === undefined) return undefined;
    patterns.push(pattern);
  }
  if (patterns.length !== ARN_PARTS || patterns[0]?.literal !== "arn") return undefined;
  return (given, context) => {
    const parts = arnParts(given);
    return (
      parts.length === ARN_PARTS &&
      patterns.every((pattern, index) => matchesPattern(pattern, parts[index] ?? "", context))
    );
  };
};

function arnParts(value: string): readonly string[] {
  const parts = value.split(":");
  return parts.length <= ARN_PARTS ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")];
}

const equal = (given: number, wanted: number): boolean => given === wanted;
const less = (given: number, wanted: number): boolean => given < wanted;
const atMost = (given: number, wanted: number): boolean => given <= wanted;
const greater = (given: number, wanted: number): boolean => given > wanted;
const atLeast = (given: number, wanted: number): boolean => given >= wanted;

const positive = (compile: Compile): OperatorRow => ({ negated: false, compile });
const negative = (compile: Compile): OperatorRow => ({ negated: true, compile });

const OPERATORS: ReadonlyMap<string, OperatorRow> = new Map([
  ["StringEquals", positive(text(false, false))],
  ["StringNotEquals", negative(text(false, false))],
  ["StringEqualsIgnoreCase", positive(text(true, false))],
  ["StringNotEqualsIgnoreCase", negative(text(true, false))],
  ["StringLike", positive(text(false, true))],
  ["StringNotLike", negative(text(false, true))],
  ["NumericEquals", positive(numeric(equal))],
  ["NumericNotEquals", negative(numeric(equal))],
  ["NumericLessThan", positive(numeric(less))],
  ["NumericLessThanEquals", positive(numeric(atMost))],
  ["NumericGreaterThan", positive(numeric(greater))],
  ["NumericGreaterThanEquals", positive(numeric(atLeast))],
  ["DateEquals", positive(date(equal))],
  ["DateNotEquals", negative(date(equal))],
  ["DateLessThan", positive(date(less))],
  ["DateLessThanEquals", positive(date(atMost))],
  ["DateGreaterThan", positive(date(greater))],
  ["DateGreaterThanEquals", positive(date(atLeast))],
  ["Bool", positive(bool)],
  ["BinaryEquals", positive(binary)],
  ["IpAddress", positive(address)],
  ["NotIpAddress", negative(address)],
  ["ArnEquals", positive(arn)],
  ["ArnLike", positive(arn)],
  ["ArnNotEquals", negative(arn)],
  ["ArnNotLike", negative(arn)],
]);

const KMS_KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id";

/** The same key may be named by its id or by an ARN, on either side: ids are compared. */
function ofKmsKey({ negated, compile }: OperatorRow): OperatorRow {
  return {
    negated,
    compile: (value, options) => {
      if (compile(value, options) === undefined) return undefined;
      const compileId = compile === arn ? text(false, true) : compile;
      const test = compileId(kmsKeyPattern(value), options);
      return test && ((given, context) => test(kmsKeyId(given), context));
    },
  };
}

const SPELLING = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/;

/** One operator with one key, or what is wrong with it, in words. */
export function compileCondition(
  operator: string,
  key: string,
  values: readonly string[],
  options: ConditionOptions,
): Condition | string {
  const [, set, name = "", ifExists] = SPELLING.exec(operator) ?? [];
  const quantifier = set === "ForAnyValue" ? "any" : set === "ForAllValues" ? "all" : "one";
  const shape = { key: conditionKeyName(key), quantifier, ifExists: ifExists !== undefined } as const;
  if (name === "Null" && !shape.ifExists) {
    const test = values.length === 1 ? bool(values[0] ?? "", options) : undefined;
    return test
      ? { ...shape, negated: false, kind: "null", isFixed: false, tests: [test] }
      : "Null takes true or false";
  }
  const known = OPERATORS.get(name);
  const row = shape.key === KMS_KEY_ID && known !== undefined ? ofKmsKey(known) : known;
  if (row === undefined) return `there is no condition operator ${operator.slice(0, 64)}`;
  const tests: Test[] = [];
  for (const value of values) {
    const test = row.compile(value, options);
    if (test === undefined) return `"${value.slice(0, 64)}" is no value for ${name}`;
    tests.push(test);
  }
  const isFixed = !values.some(isWideOpen);
  return { ...shape, negated: row.negated, kind: "value", isFixed, tests };
}

/** Blocks wider than these are the public, as S3 sees it. */
const LEAST_PREFIX_BITS = { ipv4: 8, ipv6: 32 };

function isWideOpen(value: string): boolean {
  if (/^[*?$]/.test(value)) return true;
  const block = parseAddressBlock(value);
  if (block === undefined) return false;
  return block.prefixBits < (block.bytes.length === 4 ? LEAST_PREFIX_BITS.ipv4 : LEAST_PREFIX_BITS.ipv6);
}

export function conditionHolds(condition: Condition, context: PolicyContext): boolean {
  const { tests, negated, quantifier, ifExists } = condition;
  const values = context.values(condition.key);
  const isThere = values !== undefined && values.length > 0;
  if (condition.kind === "null") return tests[0]?.(isThere ? "false" : "true", context) ?? false;
  if (!isThere) return ifExists || quantifier === "all" || (negated && quantifier === "one");
  const fits = (value: string): boolean => tests.some((test) => test(value, context)) !== negated;
  // Without a set operator a key has one value; of several, all must do.
  return quantifier === "any" ? values.some(fits) : values.every(fits);
}

function parseNumber(value: string): number | undefined {
  return /^[+-]?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : undefined;
}

/** ISO 8601 in the forms that the W3C's note on dates has, or whole seconds since the epoch. */
function parseDate(value: string): number | undefined {
  if (/^\d{1,12}$/.test(value)) return Number(value) * 1000;
  if (!/^\d{4}-\d\d(-\d\d)?(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/.test(value)) return undefined;
  const timeMs = Date.parse(value);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
