import { describe, expect, it } from "vitest";
import { SearchError } from "../errors.ts";
import { EVERY_FIELD } from "../testing/random-documents.ts";
import { bindQuery } from "./bind-query.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { parseQuery } from "./parse-query.ts";

function refusal(action: () => unknown): SearchError {
  try {
    action();
  } catch (error) {
    if (error instanceof SearchError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const bound = (plain: unknown) => bindQuery(parseQuery(plain), EVERY_FIELD);
const VECTOR = [1, 2, 3, 4];

describe("a query", () => {
  it("is read in all its parts", () => {
    const query = bound({
      top_k: 5,
      vector: { value: VECTOR, exact: true, weight: 0.5, candidates: 50 },
      text: { query: "low tide", fields: { title: 2 }, match: "all", last_as_prefix: true },
      sparse: { field: "terms", value: { indices: [1], values: [2] } },
      legs: [{ vector: { field: "far", value: [1, 2, 3] } }],
      filter: ["seen", "Gte", "1970-01-02"],
      rank_by: [
        "Sum",
        [
          ["Leg", 0],
          [
            "Weight",
            2,
            ["Decay", ["Attribute", "year", { missing: 1 }], { origin: 3, scale: 2, shape: "gaussian" }],
          ],
          ["Saturate", ["Attribute", "price"], { midpoint: 2 }],
          ["Filter", ["sold", "Eq", true]],
          1,
        ],
      ],
      aggregate: { metrics: { n: ["count"], most: ["max", "seen"] }, group_by: ["color"], limit: 7 },
      facets: ["tags", { field: "color", limit: 3 }],
      diversify: { field: "color", limit: 2 },
      include: ["title", "vector"],
      highlight: { fields: ["body"], fragments: 1, characters: 20, before: "[", after: "]" },
      explain: true,
    });
    expect(query.legs.map(({ kind }) => kind)).toEqual(["vector", "text", "sparse", "vector"]);
    expect(query.legs[0]).toMatchObject({ field: "vector", exact: true, weight: 0.5, candidates: 50 });
    expect(query.legs[1]).toMatchObject({
      fields: new Map([["title", 2]]),
      match: "all",
      lastAsPrefix: true,
    });
    expect(query.filter).toMatchObject({ value: 86_400_000 });
    expect(query.ranking).toMatchObject({ kind: "expression", expression: { kind: "sum" } });
    expect(query.aggregation).toEqual({
      metrics: new Map([
        ["n", { kind: "count" }],
        ["most", { kind: "max", field: "seen" }],
      ]),
      groupBy: ["color"],
      limit: 7,
    });
    expect(query.facets).toEqual([
      { field: "tags", limit: 10 },
      { field: "color", limit: 3 },
    ]);
    expect(query).toMatchObject({ topK: 5, diversify: { field: "color", limit: 2 }, explain: true });
  });

  it("has short forms and defaults", () => {
    expect(bound({ vector: VECTOR, text: "tide" })).toMatchObject({
      topK: 10,
      legs: [
        { kind: "vector", field: "vector", exact: false, weight: 1 },
        { kind: "text", query: "tide", match: "any" },
      ],
      ranking: { kind: "rrf", k: 60 },
      projection: { kind: "all" },
      facets: [],
      explain: false,
    });
    expect(bound({ fusion: "weighted" }).ranking).toEqual({ kind: "weighted" });
    expect(bound({ include: false }).projection).toEqual({ kind: "id" });
    expect(bound({ order_by: [["year", "desc"], ["id"]] }).ranking).toEqual({
      kind: "order",
      keys: [
        { field: "year", direction: "desc", missing: "last" },
        { field: "id", direction: "asc", missing: "last" },
      ],
    });
  });

  it.each<[unknown, string]>([
    [[], "expected an object"],
    [{ limit: 3 }, "unknown key"],
    [{ top_k: -1 }, "from 0 on"],
    [{ top_k: 1.5 }, "from 0 on"],
    [{ vector: [1, 2] }, "dimensions"],
    [{ vector: { field: "nothing", value: VECTOR } }, "no vector field"],
    [{ vector: { value: [0, 0, 0, 0] } }, "direction"],
    [{ sparse: { field: "title", value: { indices: [], values: [] } } }, "no sparse vector field"],
    [{ text: { query: "x", fields: ["color"] } }, "no text field"],
    [{ text: { query: "x", match: "some" } }, "expected one of any, all, phrase"],
    [{ text: { query: "x", weight: -1 } }, "from 0 on"],
    [{ legs: [{}] }, "one of vector, text and sparse"],
    [{ legs: [{ text: "x", vector: VECTOR }] }, "one of vector, text and sparse"],
    [{ fusion: "sum" }, "rrf, weighted"],
    [{ fusion: { method: "weighted", k: 3 } }, "only rrf"],
    [{ fusion: { k: 0 } }, "above 0"],
    [{ fusion: "rrf", order_by: [] }, "only one of"],
    [{ fusion: "rrf", cursor: "x" }, "in an order"],
    [{ vector: VECTOR, order_by: [["year"]] }, "stands alone"],
    [{ order_by: [["tags"]] }, "holds an array"],
    [{ order_by: [["title"]] }, "no attribute"],
    [{ order_by: [["note"]] }, "not filterable"],
    [{ order_by: [["year", "down"]] }, "asc, desc"],
    [{ order_by: [["year", "asc", "missing_last", 1]] }, "expected [field"],
    [{ order_by: [["year"]], cursor: "!" }, "the cursor"],
    [{ rank_by: ["Leg", 0] }, "no leg 0"],
    [{ rank_by: ["Attribute", "color"] }, "no numbers"],
    [{ rank_by: ["Sum", []] }, "no terms"],
    [{ rank_by: ["Sum", [], 1, 2] }, "too many"],
    [{ rank_by: ["Power", 2, 3] }, "no part of expressions"],
    [{ rank_by: ["Decay", 1, { origin: 0, scale: 0 }] }, "above 0"],
    [{ rank_by: ["Saturate", 1, { midpoint: -1 }] }, "above 0"],
    [{ rank_by: ["Filter", ["nothing", "Eq", 1]] }, "no field"],
    [{ aggregate: { metrics: { a: ["sum", "color"] } } }, "does not take"],
    [{ aggregate: { metrics: { a: ["sum", "seen"] } } }, "does not take"],
    [{ aggregate: { metrics: { a: ["max", "sizes"] } } }, "holds an array"],
    [{ aggregate: { metrics: { a: ["median", "year"] } } }, "expected one of"],
    [{ aggregate: { metrics: { a: ["max"] } } }, "expected a string"],
    [{ aggregate: { metrics: {}, group_by: ["tags"] } }, "holds an array"],
    [{ facets: ["color", "color"] }, "twice"],
    [{ facets: ["title"] }, "no attribute"],
    [{ diversify: { field: "color" } }, "only ranked"],
    [{ vector: VECTOR, diversify: { field: "color", limit: 0 } }, "from 1 on"],
    [{ include: ["nothing"] }, "no field"],
    [{ include: "title" }, "expected names"],
    [{ text: "x", highlight: { fields: ["color"] } }, "no text field"],
    [{ vector: VECTOR, highlight: true }, "only a text leg"],
  ])("is refused: %j", (plain, message) => {
    const error = refusal(() => bound(plain));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(message);
  });

  const many = <T>(count: number, one: T) => new Array<T>(count).fill(one);
  const deep = (depth: number): unknown => (depth === 1 ? 1 : ["Weight", 1, deep(depth - 1)]);

  it.each<[string, unknown]>([
    ["topK", { top_k: 1_001 }],
    ["legs", { legs: many(9, { text: "x" }) }],
    ["legs", { text: "x", legs: many(8, { text: "x" }) }],
    ["legCandidates", { text: { query: "x", candidates: 10_001 } }],
    ["queryTextBytes", { text: "x".repeat(8_193) }],
    ["orderKeys", { order_by: many(9, ["year"]) }],
    ["cursorBytes", { order_by: [["year"]], cursor: "x".repeat(600_000) }],
    ["expressionNodes", { rank_by: ["Sum", many(64, 1)] }],
    ["filterDepth", { rank_by: deep(33) }],
    [
      "aggregations",
      { aggregate: { metrics: Object.fromEntries(many(33, 0).map((_, i) => [`m${i}`, ["count"]])) } },
    ],
    ["groupKeys", { aggregate: { metrics: {}, group_by: many(5, "color") } }],
    ["groups", { aggregate: { metrics: {}, limit: 10_001 } }],
    ["facets", { facets: many(17, "color") }],
    ["facetValues", { facets: [{ field: "color", limit: 1_001 }] }],
    ["diversifyPerValue", { text: "x", diversify: { field: "color", limit: 1_001 } }],
    ["highlightFragments", { text: "x", highlight: { fragments: 17 } }],
    ["highlightCharacters", { text: "x", highlight: { characters: 1_025 } }],
    ["sparseEntries", { sparse: { field: "terms", value: { indices: many(4_097, 1), values: [] } } }],
  ])("is refused over the limit %s", (limit, plain) => {
    expect(refusal(() => bound(plain)).details.limit).toBe(limit);
  });
});

describe("a cursor", () => {
  const keys = [
    { field: "year", direction: "asc", missing: "last" },
    { field: "color", direction: "desc", missing: "first" },
  ] as const;

  it("says where a page ended", () => {
    for (const id of ["x", "\u{1f600}", 0n, 2n ** 64n - 1n]) {
      for (const values of [
        [1, "a"],
        [2n ** 60n, null],
        [null, ""],
        [-0.5, "\u{1f600}"],
      ]) {
        expect(decodeCursor(keys, encodeCursor(keys, { values, id }))).toEqual({ values, id });
      }
    }
  });

  it("is refused by another order, and when it is none", () => {
    const cursor = encodeCursor(keys, { values: [1, "a"], id: 1n });
    expect(refusal(() => decodeCursor([keys[0]], cursor)).message).toContain("another order");
    const reversed = [{ ...keys[0], direction: "desc" as const }, keys[1]];
    expect(refusal(() => decodeCursor(reversed, cursor)).message).toContain("another order");
    const made = (plain: unknown) => Buffer.from(JSON.stringify(plain)).toString("base64url");
    const order = "year asc last,color desc first";
    for (const wrong of [
      "",
      "*",
      made(1),
      made([]),
      made([2, order, [1, 2], "AQ"]),
      made([1, order, [1, {}], "AQ"]),
      made([1, order, [1, [1]], "AgE"]),
      made([1, order, [1, 2], "AQ"]),
      made([1, order, [1, { int: "x" }], "AgE"]),
    ])
      expect(refusal(() => decodeCursor(keys, wrong)).code).toBe("invalid-argument");
  });
});
