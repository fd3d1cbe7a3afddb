import { describe, expect, it } from "vitest";
import { SearchError } from "../errors.ts";
import { fitDocument } from "../model/fit-document.ts";
import { parseDocument } from "../model/parse-document.ts";
import { EVERY_FIELD } from "../testing/random-documents.ts";
import { bindFilter } from "./bind-filter.ts";
import type { Filter } from "./filter.ts";
import { documentPredicate } from "./match-document.ts";
import { parseFilter } from "./parse-filter.ts";

const document = fitDocument(
  parseDocument({
    id: "a-1",
    vector: [1, 2, 3, 4],
    text: { title: "seal on a rock" },
    attributes: {
      color: "blue",
      tags: ["sea", "stone"],
      sizes: [],
      year: 2024,
      price: 2,
      ratings: [0.5, 4],
      sold: false,
      seen: "2026-01-02T03:04:05Z",
      owner: "a0000000-0000-4000-8000-00000000000b",
    },
  }),
  EVERY_FIELD,
  "",
);

const words = (filter: { readonly kind: string; readonly query: string }, text: string) =>
  filter.kind === "phrase" ? text.includes(filter.query) : text.split(" ").includes(filter.query);

function holds(plain: unknown): boolean {
  return documentPredicate(bindFilter(parseFilter(plain), EVERY_FIELD), words)(document);
}

function refusal(action: () => unknown): SearchError {
  try {
    action();
  } catch (error) {
    if (error instanceof SearchError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a filter holds", () => {
  it.each<[unknown]>([
    [["And", []]],
    [["Not", ["Or", []]]],
    [["color", "Eq", "blue"]],
    [["color", "Ne", "red"]],
    [["year", "Eq", 2024n]],
    [["year", "Lt", 2024.5]],
    [["price", "Eq", 2n]],
    [["price", "Gte", 2]],
    [["price", "Eq", 2]],
    [["tags", "Eq", "stone"]],
    [["tags", "Ne", "wood"]],
    [["tags", "Gt", "seb"]],
    [["ratings", "Lt", 1]],
    [["color", "In", ["red", "blue"]]],
    [["color", "NotIn", ["red"]]],
    [["color", "NotIn", []]],
    [["tags", "Contains", "sea"]],
    [["tags", "ContainsAny", ["x", "sea"]]],
    [["tags", "ContainsAll", ["sea", "stone"]]],
    [["tags", "ContainsAll", []]],
    [["color", "Prefix", "bl"]],
    [["color", "Prefix", ""]],
    [["tags", "Glob", "st*"]],
    [["color", "IGlob", "BL*"]],
    [["color", "Regex", "bl(u|a)e"]],
    [["color", "IRegex", "BLUE"]],
    [["color", "Fuzzy", "bleu", { distance: 2 }]],
    [["color", "Fuzzy", "blx", { prefix: true }]],
    [["owner", "Prefix", "A0"]],
    [["owner", "Eq", "A0000000-0000-4000-8000-00000000000B"]],
    [["seen", "Gt", "2026-01-02T03:04:04.999Z"]],
    [["seen", "Eq", Date.UTC(2026, 0, 2, 3, 4, 5)]],
    [["sold", "Eq", false]],
    [["sold", "Lt", true]],
    [["title", "AllTokens", "seal"]],
    [["title", "Phrase", "on a"]],
    [["title", "Exists"]],
    [["vector", "Exists"]],
    [["far", "Null"]],
    [["flags", "Null"]],
    [["flags", "Eq", null]],
    [["sizes", "Exists"]],
    [["sizes", "Ne", 3]],
    [["sizes", "NotIn", [3]]],
    [["id", "Eq", "a-1"]],
    [["id", "Prefix", "a-"]],
    [["id", "Exists"]],
  ])("%o", (plain) => {
    expect(holds(plain)).toBe(true);
    expect(holds(["Not", plain])).toBe(false);
  });

  it.each<[unknown]>([
    [["Or", []]],
    [["color", "Eq", "Blue"]],
    [["flags", "Ne", true]],
    [["flags", "NotIn", [true]]],
    [["flags", "Eq", true]],
    [["sizes", "Eq", 3]],
    [["sizes", "ContainsAny", [3]]],
    [["color", "In", []]],
    [["tags", "Ne", "sea"]],
    [["id", "Eq", 1]],
    [["id", "Gt", 7]],
    [["body", "AllTokens", "seal"]],
    [["color", "Regex", "bl"]],
  ])("%o not", (plain) => expect(holds(plain)).toBe(false));
});

describe("a condition of a write", () => {
  const condition = (plain: unknown) =>
    documentPredicate(bindFilter(parseFilter(plain), EVERY_FIELD, "if", { newRow: true }), words);
  const next = { ...document, attributes: new Map([["year", 2025]]) };

  it("is insert-only, update-only or newer-wins", () => {
    expect(condition(["id", "Null"])(undefined, next)).toBe(true);
    expect(condition(["id", "Null"])(document, next)).toBe(false);
    expect(condition(["id", "Exists"])(undefined, next)).toBe(false);
    expect(condition(["year", "Lt", { new: "year" }])(document, next)).toBe(true);
    expect(condition(["year", "Lt", { new: "year" }])(next, document)).toBe(false);
    expect(condition(["year", "Lt", { new: "year" }])(undefined, next)).toBe(false);
  });

  it("alone may speak of the new row, and of equal types", () => {
    const newer = parseFilter(["year", "Lt", { new: "year" }]);
    expect(refusal(() => bindFilter(newer, EVERY_FIELD)).message).toContain("only the condition of a write");
    expect(refusal(() => documentPredicate(newer, words)(document)).message).toContain("only the condition");
    expect(refusal(() => condition(["year", "Lt", { new: "price" }])).message).toContain("different types");
  });
});

describe("a filter is refused", () => {
  it.each<[unknown, string]>([
    ["x", "expected an array"],
    [[], "expected a string"],
    [["And"], "expected a string"],
    [["And", ["color", "Eq", "x"]], "expected an array"],
    [["color", "Equals", "x"], "no operator"],
    [["color", "Eq"], "expected 3 elements"],
    [["color", "Eq", "x", 1], "expected 3 elements"],
    [["color", "Exists", 1], "expected 2 elements"],
    [["color", "Lt", null], "no order"],
    [["color", "Eq", { old: "x" }], "unknown key"],
    [["color", "Eq", ["x"]], "expected an object"],
    [["color", "In", "x"], "expected an array"],
    [["color", "Eq", 3], "no string"],
    [["year", "Eq", "3"], "no int"],
    [["price", "Eq", Number.NaN], "finite"],
    [["seen", "Eq", "yesterday"], "datetime"],
    [["owner", "Eq", "x"], "uuid"],
    [["colour", "Eq", "x"], "no field"],
    [["note", "Eq", "x"], "not filterable"],
    [["title", "Eq", "x"], "no attribute"],
    [["color", "AllTokens", "x"], "no text field"],
    [["color", "Contains", "x"], "no array"],
    [["year", "Prefix", "2"], "no strings"],
    [["color", "Fuzzy", "x", { distance: 1.5 }], "whole number"],
    [["color", "Regex", "("], "regular expression"],
    [["color", "Glob", "["], "glob"],
    [["color", "Prefix", "\ud800"], "surrogate"],
  ])("%o", (plain, message) => {
    const error = refusal(() => bindFilter(parseFilter(plain), EVERY_FIELD));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(message);
  });

  const nested = (depth: number): unknown => (depth === 1 ? ["year", "Eq", 1] : ["Not", nested(depth - 1)]);

  it.each<[string, unknown]>([
    ["filterDepth", nested(33)],
    ["filterNodes", ["Or", Array.from({ length: 1024 }, () => ["year", "Eq", 1])]],
    ["filterValues", ["year", "In", Array.from({ length: 10_001 }, (_, i) => i)]],
    ["patternBytes", ["color", "Glob", "x".repeat(257)]],
    ["fuzzyDistance", ["color", "Fuzzy", "x", { distance: 3 }]],
    ["queryTextBytes", ["title", "Phrase", "x".repeat(8193)]],
    ["stringBytes", ["color", "Eq", "x".repeat(8193)]],
    ["idBytes", ["id", "Eq", "x".repeat(257)]],
  ])("over the limit %s", (limit, plain) => {
    expect(refusal(() => bindFilter(parseFilter(plain), EVERY_FIELD)).details.limit).toBe(limit);
  });

  it("over the limits also as a typed tree", () => {
    const year: Filter = { kind: "compare", field: "year", operator: "eq", value: 1 };
    const deep = Array.from({ length: 32 }).reduce<Filter>((filter) => ({ kind: "not", filter }), year);
    expect(refusal(() => bindFilter(deep, EVERY_FIELD)).details.limit).toBe("filterDepth");
    const many: Filter = { kind: "or", filters: new Array<Filter>(1024).fill(year) };
    expect(refusal(() => bindFilter(many, EVERY_FIELD)).details.limit).toBe("filterNodes");
    const values: Filter = { kind: "in", field: "year", values: new Array<number>(6_000).fill(1) };
    expect(
      refusal(() => bindFilter({ kind: "or", filters: [values, values] }, EVERY_FIELD)).details.limit,
    ).toBe("filterValues");
  });

  it("at the limits it is not", () => {
    expect(holds(nested(32))).toBe(true);
    expect(holds(["Or", Array.from({ length: 1023 }, () => ["year", "Eq", 2024])])).toBe(true);
  });
});
