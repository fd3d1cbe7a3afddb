import { invalid } from "../errors.ts";
import type { Scalar } from "../model/document.ts";
import { checkLimit } from "../model/limits.ts";
import { at, quoted, readArray, readBoolean, readNumber, readObject, readString } from "../model/plain.ts";
import { readScalar } from "../model/scalar.ts";
import type { Comparison, Filter } from "./filter.ts";

/**
 * A filter from its plain form, arrays: `["And", [f, ...]]`, `["Or", [f, ...]]`, `["Not", f]`, `[field, operator, operand]`, `[field, "Exists"]`. The operators
 * are in docs/internals/search.md. The shape and the depth are checked here, fields and types by `bindFilter`.
 */
export function parseFilter(plain: unknown, path = "filter"): Filter {
  return new Reader().read(plain, path, 1);
}

const COMPARISON_NAMES = new Map<string, Comparison>([
  ["Eq", "eq"],
  ["Ne", "ne"],
  ["NotEq", "ne"],
  ["Lt", "lt"],
  ["Lte", "lte"],
  ["Gt", "gt"],
  ["Gte", "gte"],
]);
const LIST_NAMES = new Map<string, "in" | "not-in" | "contains-any" | "contains-all">([
  ["In", "in"],
  ["NotIn", "not-in"],
  ["ContainsAny", "contains-any"],
  ["ContainsAll", "contains-all"],
]);
const TEXT_NAMES = new Map<string, "all-tokens" | "any-token" | "phrase">([
  ["AllTokens", "all-tokens"],
  ["AnyToken", "any-token"],
  ["Phrase", "phrase"],
]);
const PATTERN_NAMES = new Map<string, readonly ["glob" | "regex", boolean]>([
  ["Glob", ["glob", false]],
  ["IGlob", ["glob", true]],
  ["Regex", ["regex", false]],
  ["IRegex", ["regex", true]],
]);

class Reader {
  #nodes = 0;

  read(plain: unknown, path: string, depth: number): Filter {
    checkLimit("filterDepth", depth, { path });
    checkLimit("filterNodes", ++this.#nodes, { path });
    const parts = readArray(plain, path);
    const head = readString(parts[0], `${path}[0]`);
    if (parts.length === 2 && (head === "And" || head === "Or")) {
      const filters = readArray(parts[1], `${path}[1]`, "filterNodes");
      return {
        kind: head === "And" ? "and" : "or",
        filters: filters.map((filter, i) => this.read(filter, `${path}[1][${i}]`, depth + 1)),
      };
    }
    if (parts.length === 2 && head === "Not")
      return { kind: "not", filter: this.read(parts[1], `${path}[1]`, depth + 1) };
    const operator = readString(parts[1], `${path}[1]`);
    if (operator === "Exists" || operator === "Null") {
      expectLength(parts, 2, path);
      return { kind: operator === "Exists" ? "exists" : "null", field: head };
    }
    if (operator !== "Fuzzy") expectLength(parts, 3, path);
    return this.#onField(head, operator, parts, path);
  }

  #onField(field: string, operator: string, parts: readonly unknown[], path: string): Filter {
    const [operand, where] = [parts[2], `${path}[2]`];
    const comparison = COMPARISON_NAMES.get(operator);
    if (comparison !== undefined) return compare(field, comparison, operand, where);
    const list = LIST_NAMES.get(operator);
    if (list !== undefined) return { kind: list, field, values: readScalars(operand, where) };
    const text = TEXT_NAMES.get(operator);
    if (text !== undefined) return { kind: text, field, query: readString(operand, where) };
    const pattern = PATTERN_NAMES.get(operator);
    if (pattern !== undefined)
      return { kind: pattern[0], field, pattern: readString(operand, where), ignoreCase: pattern[1] };
    switch (operator) {
      case "Contains":
        return { kind: "contains", field, value: readScalar(operand, where) };
      case "Prefix":
        return { kind: "prefix", field, prefix: readString(operand, where) };
      case "Fuzzy":
        return fuzzy(field, parts, path);
      default:
        throw invalid(`${at(path)}${quoted(operator)} is no operator of filters`, { path });
    }
  }
}

/** `["updated", "Lt", 5]`; null compares with nothing there; `{"new": "updated"}` is an attribute of the row that a write brings. */
function compare(field: string, operator: Comparison, operand: unknown, path: string): Filter {
  if (operand === null) {
    if (operator === "eq") return { kind: "null", field };
    if (operator === "ne") return { kind: "exists", field };
    throw invalid(`${at(path)}null has no order`, { path });
  }
  if (typeof operand !== "object")
    return { kind: "compare", field, operator, value: readScalar(operand, path) };
  const { new: newField } = readObject(operand, ["new"], path);
  return { kind: "compare-new", field, operator, newField: readString(newField, `${path}.new`) };
}

/** `["name", "Fuzzy", "skery"]`, `["name", "Fuzzy", "skery", {"distance": 2, "prefix": true}]`. */
function fuzzy(field: string, parts: readonly unknown[], path: string): Filter {
  if (parts.length !== 4) expectLength(parts, 3, path);
  const { distance, prefix } = readObject(parts[3] ?? {}, ["distance", "prefix"], `${path}[3]`);
  return {
    kind: "fuzzy",
    field,
    value: readString(parts[2], `${path}[2]`),
    distance: distance === undefined ? 1 : readNumber(distance, `${path}[3].distance`),
    prefix: prefix === undefined ? false : readBoolean(prefix, `${path}[3].prefix`),
  };
}

function readScalars(plain: unknown, path: string): readonly Scalar[] {
  return readArray(plain, path, "filterValues").map((value, i) => readScalar(value, `${path}[${i}]`));
}

function expectLength(parts: readonly unknown[], length: number, path: string): void {
  if (parts.length !== length)
    throw invalid(`${at(path)}expected ${length} elements in the filter, not ${parts.length}`, { path });
}
