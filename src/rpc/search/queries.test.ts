import { describe, expect, it } from "vitest";
import { AggregationKind, TextMatch } from "../../gen/skerry/search/v1/search_pb.js";
import { asked } from "../testing/fake-namespaces.ts";
import { DOCS, lastAsked, PATH, SearchApi } from "../testing/search-api.ts";
import { as } from "../testing/test-api.ts";

const search = SearchApi.forTests();

describe("a query", () => {
  it("is the same over REST and over Connect", async () => {
    await search.post(`${PATH}/query`, {
      top_k: 5,
      vector: { field: "embedding", value: [1, 2], exact: true },
      text: { query: "rock pool", fields: { title: 2 }, match: "all", last_as_prefix: true, weight: 0.5 },
      filter: ["year", "In", [2023, 2024]],
      rank_by: [
        "Sum",
        [
          ["Leg", 0],
          ["Weight", 2, ["Saturate", ["Attribute", "stars", { missing: 1 }], { midpoint: 5 }]],
        ],
      ],
      aggregate: { metrics: { n: ["count"] }, group_by: ["year"], limit: 3 },
      facets: [{ field: "tags", limit: 4 }],
      diversify: { field: "author", limit: 2 },
      include: ["title"],
      highlight: { fields: ["title"], fragments: 2, characters: 80 },
      explain: true,
      consistency: "eventual",
      timeout_ms: 500,
    });
    const overRest = lastAsked();
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ consistency: "eventual", timeoutMs: 500 });
    await search.queries.query(
      {
        ...DOCS,
        queries: [
          {
            topK: 5,
            legs: [
              {
                kind: {
                  case: "vector",
                  value: { field: "embedding", value: { values: [1, 2] }, exact: true },
                },
              },
              {
                kind: {
                  case: "text",
                  value: {
                    query: "rock pool",
                    fields: { title: 2 },
                    match: TextMatch.ALL,
                    lastAsPrefix: true,
                    weight: 0.5,
                  },
                },
              },
            ],
            filter: {
              kind: {
                case: "condition",
                value: {
                  field: "year",
                  operator: "In",
                  value: {
                    kind: {
                      case: "listValue",
                      value: {
                        values: [2023n, 2024n].map((value) => ({
                          kind: { case: "intValue" as const, value },
                        })),
                      },
                    },
                  },
                },
              },
            },
            rankBy: {
              kind: {
                case: "sum",
                value: {
                  terms: [
                    { kind: { case: "leg", value: 0 } },
                    {
                      kind: {
                        case: "weighted",
                        value: {
                          weight: 2,
                          term: {
                            kind: {
                              case: "saturate",
                              value: {
                                midpoint: 5,
                                term: { kind: { case: "attribute", value: { field: "stars", missing: 1 } } },
                              },
                            },
                          },
                        },
                      },
                    },
                  ],
                },
              },
            },
            aggregate: { metrics: { n: { kind: AggregationKind.COUNT } }, groupBy: ["year"], limit: 3 },
            facets: [{ field: "tags", limit: 4 }],
            diversify: { field: "author", limit: 2 },
            include: ["title"],
            highlight: { fields: ["title"], fragments: 2, characters: 80 },
            explain: true,
          },
        ],
      },
      as("reader"),
    );
    const plainly = (value: unknown) =>
      JSON.parse(
        JSON.stringify(value, (_, item: unknown) => (item instanceof Map ? [...item] : item)) ?? "null",
      );
    expect(plainly(lastAsked())).toEqual(plainly(overRest));
  });

  it("is answered as itself, with what it cost", async () => {
    const { status, body } = await search.post(`${PATH}/query`, {
      text: "rocks",
      aggregate: { metrics: { n: ["count"] }, group_by: ["year"] },
      facets: ["tags"],
      explain: true,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      version: 3,
      as_of_ms: 5,
      results: [
        {
          id: "a",
          score: 0.25,
          text: { title: "rocks" },
          attributes: { year: 2024, at: "1970-01-01T00:00:00.000Z", score: 2, tags: ["x"] },
          vectors: { vector: [1, 0.5] },
          highlights: { title: ["<em>rocks</em>"] },
        },
      ],
      aggregations: [{ key: { year: 2024 }, values: { n: 2, mean: 0.5 } }],
      facets: { tags: [{ value: "x", count: 2 }] },
      performance: { exhaustive: true, total_ms: 1 },
      explain: { legs: [{ scores: [0.5, null] }] },
    });
  });

  it("shows sums that no number of JSON holds as Connect's JSON does", async () => {
    const overRest = await search.post(`${PATH}/query`, {
      aggregate: { metrics: { vast: ["sum", "score"] } },
    });
    expect(overRest.body).toMatchObject({
      aggregations: [{ values: { n: 2, mean: 0.5, vast: "Infinity", low: "-Infinity" } }],
    });
    const aggregate = { metrics: { vast: { kind: "AGGREGATION_KIND_SUM", field: "score" } } };
    const overConnect = await search.post("/skerry.search.v1.QueryService/Query", {
      ...DOCS,
      queries: [{ aggregate }],
    });
    const shown = { vast: { floatValue: "Infinity" }, low: { floatValue: "-Infinity" } };
    expect(overConnect.body).toMatchObject({ results: [{ groups: [{ values: shown }] }] });
  });

  it("comes with others, and is answered with them", async () => {
    const { body } = await search.post(`${PATH}/query`, {
      queries: [{ text: "a" }, { order_by: [["year", "desc"]] }],
    });
    expect(body).toMatchObject({
      version: 3,
      results: [{ results: [{ id: "a" }] }, { next_cursor: "next" }],
    });
    expect(await search.post(`${PATH}/query`, { queries: [{}], text: "a" })).toMatchObject({ status: 400 });
    const many = Array.from({ length: 17 }, () => ({}));
    expect(await search.post(`${PATH}/query`, { queries: many })).toMatchObject({
      status: 400,
      body: { error: { code: "limit_exceeded", details: { limit: "queries", most: "16", given: "17" } } },
    });
  });

  it.each([
    [{ top_k: 1001 }, "limit_exceeded"],
    [{ filter: ["year"] }, "invalid_argument"],
    [{ vektor: [1] }, "invalid_argument"],
    [{ vector: ["x"] }, "invalid_argument"],
    [{ consistency: "weak" }, "invalid_argument"],
    [{ at_version: 1, at_time_ms: 1 }, "invalid_argument"],
  ])("is refused: %j", async (query, code) => {
    expect(await search.post(`${PATH}/query`, query)).toMatchObject({
      status: 400,
      body: { error: { code } },
    });
  });
});
