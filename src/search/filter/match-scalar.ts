import { unreachable } from "../../base/index.ts";
import type { Scalar } from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import type { Comparison, Filter } from "./filter.ts";
import { isFuzzyMatch } from "./fuzzy.ts";
import { compileGlob } from "./glob.ts";
import type { Pattern } from "./pattern.ts";
import { compileRegex } from "./regex.ts";

/** The filters that look at one value at a time. */
export type ValueFilter = Extract<
  Filter,
  {
    readonly kind: "compare" | "in" | "contains" | "contains-any" | "prefix" | "glob" | "regex" | "fuzzy";
  }
>;

/**
 * What a filter asks of one value, with patterns compiled. "ne" is asked as "eq": the caller turns the answer round. "limit-exceeded" when the patterns
 * of the filter have taken too long on the values so far.
 */
export function valuePredicate(filter: ValueFilter): (value: Scalar) => boolean {
  switch (filter.kind) {
    case "compare":
      return (value) => compares(value, filter.operator, filter.value);
    case "contains":
      return (value) => compareScalars(value, filter.value) === 0;
    case "in":
    case "contains-any":
      return isOneOf(filter.values);
    case "prefix":
      return (value) => typeof value === "string" && value.startsWith(filter.prefix);
    case "glob":
    case "regex": {
      const pattern = compilePattern(filter);
      return (value) => {
        if (typeof value !== "string") return false;
        const before = pattern.looks;
        const matches = pattern.matches(value);
        filter.cost?.addLooks(pattern.looks - before);
        return matches;
      };
    }
    case "fuzzy": {
      const wanted = Array.from(filter.value);
      return (value) => typeof value === "string" && isFuzzyMatch(wanted, value, filter);
    }
    default:
      return unreachable(filter);
  }
}

export function compilePattern(filter: Extract<Filter, { readonly pattern: string }>): Pattern {
  const compile = filter.kind === "glob" ? compileGlob : compileRegex;
  return compile(filter.pattern, filter.ignoreCase);
}

/** False where the two have no order; "ne" as "eq". */
export function compares(value: Scalar, operator: Comparison, other: Scalar): boolean {
  const order = compareScalars(value, other);
  if (order === undefined) return false;
  switch (operator) {
    case "eq":
    case "ne":
      return order === 0;
    case "lt":
      return order < 0;
    case "lte":
      return order <= 0;
    case "gt":
      return order > 0;
    case "gte":
      return order >= 0;
    default:
      return unreachable(operator);
  }
}

function isOneOf(values: readonly Scalar[]): (value: Scalar) => boolean {
  // A number and a bigint that are equal have one form, so a set finds every equal value.
  const set = new Set<Scalar>(values.map(canonical));
  return (value) => set.has(canonical(value));
}

function canonical(value: Scalar): Scalar {
  if (typeof value === "number")
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "bigint") return value;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
