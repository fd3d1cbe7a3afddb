/** Every limit on what a request to a namespace may hold, and every operator of filters, over REST and with the engine behind it. */

import { request } from "node:http";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NamespaceService } from "../../gen/skerry/search/v1/search_pb.js";
import { EngineWorld } from "../../search/engine/testing/engine-world.ts";
import { LIMITS, type LimitName } from "../../search/model/limits.ts";
import { TestApi } from "../testing/test-api.ts";

const PROJECT = "/v1/orgs/acme/projects/web/namespaces";
const SCHEMA = {
  vectors: { vector: { dimensions: 2 } },
  sparse: { terms: {} },
  text: { title: {}, body: {} },
  attributes: {
    n: "int",
    f: "float",
    on: "bool",
    at: "datetime",
    u: "uuid",
    name: "string",
    tags: "string[]",
  },
};
const UUID = "0190b3c4-0000-7000-8000-000000000001";
const DOCUMENTS = [
  {
    id: "a",
    text: { title: "Rocks in the sea" },
    attributes: {
      n: 1,
      f: 0.5,
      on: true,
      at: "2024-01-01T00:00:00Z",
      u: UUID,
      name: "skerry",
      tags: ["x", "y"],
    },
  },
  { id: "b", text: { title: "The sea is deep" }, attributes: { n: 2, name: "shoal", tags: ["y"] } },
  { id: 3, attributes: { tags: [] } },
];

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start(new EngineWorld("limits").engine().engine);
  expect((await call("PUT", "/docs", { schema: SCHEMA })).status).toBe(201);
  expect((await call("POST", "/docs/documents", { upserts: DOCUMENTS })).status).toBe(200);
  expect((await call("PUT", "/scratch", {})).status).toBe(201);
});
afterAll(() => api.close());

interface ErrorBody {
  readonly error: { readonly code: string; readonly details: Readonly<Record<string, string>> };
}

function call(verb: string, path: string, body: unknown) {
  return api.rest(verb, `${PROJECT}${path}`, { key: "admin", body: JSON.stringify(body) });
}

type Call = readonly [verb: string, path: string, body: unknown];

interface Row {
  /** Made of a number that is the limit, and of one more. */
  readonly call: (size: number) => Call;
  /** 400 unless it is about the size of the request. */
  readonly status?: number;
}

const repeat = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));
const fields = <T>(count: number, value: T) => Object.fromEntries(repeat(count, (at) => [`f${at}`, value]));
const create = (schema: object): Call => ["PUT", `/made-${Math.random().toString(36).slice(2)}`, { schema }];
const upsert = (document: object): Call => [
  "POST",
  "/scratch/documents",
  { upserts: [{ id: "x", ...document }] },
];
const query = (more: object): Call => ["POST", "/docs/query", more];
const filter = (plain: unknown): Call => query({ filter: plain });
const nested = (depth: number): unknown => (depth === 1 ? ["n", "Exists"] : ["Not", nested(depth - 1)]);

/** Of two or three digits and letters, each another one after stemming: together they have few bytes. */
function shortWord(at: number): string {
  const rest = "0123456789bcdfghjklmnpqrtvwxz";
  const [digit, more] = [at % 10, Math.floor(at / 10)];
  if (more < rest.length) return `${digit}${rest[more]}`;
  const last = more - rest.length;
  return `${digit}${rest[last % rest.length]}${rest[Math.floor(last / rest.length)]}`;
}

/** A row for each name: that there is none is an error of types. */
const ROWS: Readonly<Record<LimitName, Row | string>> = {
  nameCharacters: "part of what a name looks like: below",
  fieldNameCharacters: { call: (size) => create({ attributes: { ["f".repeat(size)]: "int" } }) },
  schemaFields: { call: (size) => create({ attributes: fields(size, "int") }) },
  vectorFields: { call: (size) => create({ vectors: fields(size, { dimensions: 2 }) }) },
  dimensions: { call: (size) => create({ vectors: { v: { dimensions: size } } }) },
  idBytes: { call: (size) => ["POST", "/scratch/documents", { deletes: ["i".repeat(size)] }] },
  documentBytes: {
    // The rest of the document takes a hundred bytes.
    call: (size) => {
      const last = size > LIMITS.documentBytes ? 524_288 : 524_000;
      return upsert({ text: { a: "t".repeat(524_288), b: "t".repeat(last) } });
    },
    status: 413,
  },
  documentFields: { call: (size) => upsert({ attributes: fields(size, 1) }) },
  sparseEntries: {
    call: (size) =>
      upsert({ sparse: { s: { indices: repeat(size, (at) => at), values: repeat(size, () => 1) } } }),
  },
  textBytes: { call: (size) => upsert({ text: { t: "t".repeat(size) } }) },
  stringBytes: { call: (size) => upsert({ attributes: { s: "s".repeat(size) } }) },
  arrayElements: { call: (size) => upsert({ attributes: { a: repeat(size, () => 1) } }) },
  batchDocuments: {
    call: (size) => ["POST", "/scratch/documents", { deletes: repeat(size, (at) => at) }],
    status: 413,
  },
  batchBytes: "the bytes of a body come first: below",
  changedBytes: "a property of what is stored: below",
  filteredDocuments: "a property of what is stored: below",
  filterDepth: { call: (size) => filter(nested(size)) },
  filterNodes: { call: (size) => filter(["Or", repeat(size - 1, () => ["n", "Exists"])]) },
  filterValues: { call: (size) => filter(["n", "In", repeat(size, (at) => at)]) },
  patternBytes: { call: (size) => filter(["name", "Glob", "g".repeat(size)]) },
  patternStates: {
    call: (size) => filter(["name", "Regex", size === LIMITS.patternStates ? "a{1000}" : "(a{40}){40}"]),
  },
  filterPatternStates: {
    // Each has a thousand states and the end.
    call: (size) => filter(["Or", repeat(Math.ceil(size / 1_024), () => ["name", "Regex", "a{1000}"])]),
  },
  filterPatternLooks: "takes seconds: src/search/unit/filter-turns.test.ts",
  fuzzyDistance: { call: (size) => filter(["name", "Fuzzy", "skery", { distance: size }]) },
  topK: { call: (size) => query({ top_k: size }) },
  legs: { call: (size) => query({ legs: repeat(size, () => ({ text: "sea" })) }) },
  legCandidates: { call: (size) => query({ text: { query: "sea", candidates: size } }) },
  queries: { call: (size) => query({ queries: repeat(size, () => ({ top_k: 1 })) }) },
  queryTextBytes: { call: (size) => query({ text: "q".repeat(size) }) },
  // Of the two text fields.
  queryTerms: { call: (size) => query({ text: repeat(Math.ceil(size / 2), shortWord).join(" ") }) },
  phraseWords: {
    call: (size) => query({ text: { query: repeat(size, (at) => `w${at}`).join(" "), match: "phrase" } }),
  },
  orderKeys: {
    call: (size) =>
      query({
        order_by: ["n", "f", "on", "at", "u", "name", "tags", "id", "n"]
          .slice(0, size)
          .map((name) => [name, "asc"]),
      }),
  },
  aggregations: { call: (size) => query({ aggregate: { metrics: fields(size, ["count"]) } }) },
  groupKeys: {
    call: (size) =>
      query({
        aggregate: { metrics: { c: ["count"] }, group_by: ["n", "f", "on", "name", "tags"].slice(0, size) },
      }),
  },
  groups: {
    call: (size) => query({ aggregate: { metrics: { c: ["count"] }, group_by: ["n"], limit: size } }),
  },
  facets: { call: (size) => query({ facets: repeat(size, (at) => `g${at}`) }) },
  facetValues: { call: (size) => query({ facets: [{ field: "n", limit: size }] }) },
  facetDistinct: "a property of what is stored: below",
  expressionNodes: { call: (size) => query({ rank_by: ["Sum", repeat(size - 1, () => 1)] }) },
  diversifyPerValue: { call: (size) => query({ diversify: { field: "n", limit: size } }) },
  highlightFragments: { call: (size) => query({ text: "sea", highlight: { fragments: size } }) },
  highlightCharacters: { call: (size) => query({ text: "sea", highlight: { characters: size } }) },
  cursorBytes: { call: (size) => query({ order_by: [["n", "asc"]], cursor: "c".repeat(size) }) },
  fetchDocuments: { call: (size) => ["POST", "/docs/documents/fetch", { ids: repeat(size, (at) => at) }] },
  answerBytes: "a property of what is stored: below",
  deadlineMs: { call: (size) => query({ timeout_ms: size }) },
};

describe("a limit", () => {
  it.each(Object.entries(ROWS).filter((row): row is [LimitName, Row] => typeof row[1] !== "string"))(
    "%s is kept, and passed with its name",
    async (name, { call: make, status = 400 }) => {
      const most = LIMITS[name];
      const over = await call(...make(most + 1));
      expect([over.status, (over.body as ErrorBody).error]).toMatchObject([
        status,
        { code: "limit_exceeded", details: { limit: name } },
      ]);
      const at = await call(...make(most));
      // What is within this limit may pass another, or be wrong in itself; it is not refused for this one.
      expect((at.body as Partial<ErrorBody>).error?.details["limit"]).not.toBe(name);
      expect(at.status).toBeLessThan(500);
    },
  );

  it("the bytes of a body are refused before they are sent", async () => {
    const answered = await new Promise<unknown>((resolve, reject) => {
      const sent = request(new URL(`${PROJECT}/docs/documents`, api.baseUrl), {
        method: "POST",
        headers: {
          authorization: "Bearer admin",
          "content-type": "application/json",
          "content-length": LIMITS.batchBytes + 1,
        },
      });
      sent.on("error", reject);
      sent.on("response", (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () => {
          sent.destroy();
          resolve([response.statusCode, JSON.parse(Buffer.concat(pieces).toString())]);
        });
      });
      sent.flushHeaders();
    });
    expect(answered).toMatchObject([
      413,
      {
        error: {
          code: "payload_too_large",
          details: { limit: "request_body_bytes", limit_value: "33554432" },
        },
      },
    ]);
  });

  it("changedBytes is kept, and passed with its name", async () => {
    const half = "t".repeat(500_000);
    const patch = () =>
      call("POST", "/large/documents", {
        patch_by_filter: { filter: ["id", "Exists"], set: { attributes: { n: 1 } } },
      });
    await call("PUT", "/large", {});
    for (let bytes = 0; bytes <= LIMITS.changedBytes; bytes += 2 * half.length)
      await call("POST", "/large/documents", { upserts: [{ id: bytes, text: { a: half, b: half } }] });
    expect(await patch()).toMatchObject({
      status: 400,
      body: {
        error: { code: "limit_exceeded", details: { limit: "changedBytes", most: `${LIMITS.changedBytes}` } },
      },
    });
  });

  it("filteredDocuments is kept, and passed with its name", async () => {
    const most = LIMITS.filteredDocuments;
    const write = (more: object) => call("POST", "/many/documents", more);
    await call("PUT", "/many", {});
    for (let from = 0; from <= most; from += LIMITS.batchDocuments) {
      const count = Math.min(LIMITS.batchDocuments, most + 1 - from);
      await write({ upserts: repeat(count, (at) => ({ id: from + at })) });
    }
    const given = String(most + 1);
    expect(await write({ delete_by_filter: ["id", "Exists"] })).toMatchObject({
      status: 400,
      body: {
        error: {
          code: "limit_exceeded",
          details: { limit: "filteredDocuments", most: String(most), given },
        },
      },
    });
    expect((await write({ delete_by_filter: ["id", "Gt", 0] })).body).toMatchObject({ deleted: most });
  });

  it("answerBytes is kept, and passed with its name", async () => {
    const half = "t".repeat(500_000);
    const ids = repeat(Math.ceil(LIMITS.answerBytes / 1_000_000), (id) => id);
    await call("PUT", "/long", {});
    for (const id of ids)
      await call("POST", "/long/documents", { upserts: [{ id, text: { a: half, b: half } }] });
    const order_by = [["id", "asc"]];
    const fetched = (some: readonly number[]) => call("POST", "/long/documents/fetch", { ids: some });
    const queried = (more: object) => call("POST", "/long/query", { order_by, top_k: ids.length, ...more });
    const refused = {
      status: 400,
      body: {
        error: { code: "limit_exceeded", details: { limit: "answerBytes", most: `${LIMITS.answerBytes}` } },
      },
    };
    expect(await fetched(ids)).toMatchObject(refused);
    expect((await fetched(ids.slice(0, 5))).status).toBe(200);
    expect(await queried({})).toMatchObject(refused);
    expect((await queried({ include: false })).status).toBe(200);
    const part = { order_by, top_k: Math.ceil(ids.length / 2) };
    expect(await call("POST", "/long/query", { queries: [part, part] })).toMatchObject(refused);
  });

  it("facetDistinct is kept, and passed with its name", async () => {
    const documents = (from: number, to: number) =>
      repeat(to - from, (at) => ({
        id: from + at,
        attributes: { wide: repeat(1_000, (n) => (from + at) * 1_000 + n) },
      }));
    const facets = () => call("POST", "/wide/query", { top_k: 0, facets: ["wide"] });
    await call("PUT", "/wide", { schema: { attributes: { wide: "int[]" } } });
    await call("POST", "/wide/documents", { upserts: documents(0, 100) });
    expect((await facets()).status).toBe(200);
    await call("POST", "/wide/documents", { upserts: documents(100, 101) });
    expect(await facets()).toMatchObject({
      status: 400,
      body: { error: { code: "limit_exceeded", details: { limit: "facetDistinct", most: "100000" } } },
    });
  });
});

/** Filters, and the ids of the documents that pass; or what is wrong with them. */
const OPERATORS: readonly (readonly [filter: unknown, ids: readonly (string | number)[] | "refused"])[] = [
  [["n", "Eq", 1], ["a"]],
  [["n", "Eq", "one"], "refused"],
  [["n", "Eq", null], [3]],
  [["unknown", "Eq", 1], "refused"],
  [["n", "Ne", 1], ["b"]],
  [["on", "Ne", "yes"], "refused"],
  [["n", "Lt", 2], ["a"]],
  [["n", "Lt", null], "refused"],
  [["at", "Lte", "2024-01-01T00:00:00Z"], ["a"]],
  [["at", "Lte", "yesterday"], "refused"],
  [["f", "Gt", 0.25], ["a"]],
  [["f", "Gt", [1]], "refused"],
  [["f", "Lt", 2 ** 63], ["a"]],
  [["f", "In", [1e20, 0.5]], ["a"]],
  [["id", "Gte", "b"], ["b"]],
  [["n", "Gte"], "refused"],
  [
    ["n", "In", [1, 2, 9]],
    ["a", "b"],
  ],
  [["n", "In", 1], "refused"],
  [["u", "In", [UUID]], ["a"]],
  [["u", "In", ["no uuid"]], "refused"],
  [["n", "NotIn", [1]], ["b"]],
  [["n", "NotIn", [true]], "refused"],
  [["tags", "Contains", "x"], ["a"]],
  [["tags", "Contains", 1], "refused"],
  [["name", "Contains", "s"], "refused"],
  [
    ["tags", "ContainsAny", ["x", "y"]],
    ["a", "b"],
  ],
  [["tags", "ContainsAny", "x"], "refused"],
  [["tags", "ContainsAll", ["x", "y"]], ["a"]],
  [["n", "ContainsAll", [1]], "refused"],
  [["name", "Prefix", "sk"], ["a"]],
  [["n", "Prefix", "1"], "refused"],
  [["name", "Glob", "s*l"], ["b"]],
  [["name", "Glob", "[a"], "refused"],
  [["name", "IGlob", "S?????"], ["a"]],
  [["f", "IGlob", "*"], "refused"],
  [
    ["name", "Regex", "s[a-k]+.*"],
    ["a", "b"],
  ],
  [["name", "Regex", "("], "refused"],
  [["name", "IRegex", "SHOAL"], ["b"]],
  [["name", "IRegex", "(a)\\1"], "refused"],
  [["name", "Fuzzy", "skery"], ["a"]],
  [["name", "Fuzzy", "skery", { distance: 0.5 }], "refused"],
  [["name", "Fuzzy", 1], "refused"],
  [["title", "AllTokens", "sea deep"], ["b"]],
  [["name", "AllTokens", "sea"], "refused"],
  [
    ["title", "AnyToken", "rock deep"],
    ["a", "b"],
  ],
  [["title", "AnyToken", ["rock"]], "refused"],
  [
    ["title", "Phrase", "the sea"],
    ["a", "b"],
  ],
  [["n", "Phrase", "sea"], "refused"],
  [["f", "Exists"], ["a"]],
  [["f", "Exists", true], "refused"],
  [["title", "Null"], [3]],
  [["nothing", "Null"], "refused"],
  [
    [
      "And",
      [
        ["n", "Exists"],
        ["n", "Lt", 2],
      ],
    ],
    ["a"],
  ],
  [["And", ["n", "Exists"]], "refused"],
  [
    [
      "Or",
      [
        ["n", "Eq", 2],
        ["id", "Eq", 3],
      ],
    ],
    ["b", 3],
  ],
  [["Or", "n"], "refused"],
  [
    ["Not", ["n", "Eq", 1]],
    ["b", 3],
  ],
  [["Not", [["n", "Eq", 1]]], "refused"],
  [["n", "Like", 1], "refused"],
  [{ n: 1 }, "refused"],
  [["n", "Eq", { new: "n" }], "refused"],
];

describe("a filter", () => {
  it.each(OPERATORS)("%j", async (plain, wanted) => {
    const answered = await call("POST", "/docs/query", {
      filter: plain,
      order_by: [["id", "asc"]],
      include: false,
    });
    if (wanted === "refused") {
      expect(answered).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
      return;
    }
    const { results } = answered.body as { readonly results: readonly { readonly id: string | number }[] };
    expect(new Set(results.map(({ id }) => id))).toEqual(new Set(wanted));
  });
});

describe("over the limits of a caller", () => {
  it("a key with too much under way is told when to come back", async () => {
    const leaves = repeat(100, () => api.inflight.enter("admin"));
    const refused = await call("POST", "/docs/query", {});
    for (const leave of leaves) leave?.();
    expect([refused.status, refused.header.get("retry-after")]).toEqual([429, "1"]);
    expect(refused).toMatchObject({ body: { error: { code: "resource_exhausted" } } });
  });

  it("an organization with too many requests a second is told so, over REST and Connect", async () => {
    api.rate = { kind: "limited", of: "organization", retryAfterMs: 1_200 };
    const refused = await call("POST", "/docs/query", {});
    expect([refused.status, refused.header.get("retry-after")]).toEqual([429, "2"]);
    expect(refused).toMatchObject({
      body: { error: { details: { limit: "requestsPerSecond", scope: "organization" } } },
    });
    const asked = createClient(NamespaceService, api.http2()).getNamespace(
      { org: "acme", project: "web", namespace: "docs" },
      { headers: { authorization: "Bearer admin" } },
    );
    const error = await asked.catch((reason: unknown) => reason);
    api.rate = { kind: "allow" };
    if (!(error instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[error.code], error.metadata.get("retry-after")]).toEqual(["ResourceExhausted", "2"]);
    expect(error.message).toContain("organization");
    expect(api.organizations).toEqual(["acme"]);
    // A branch is of both.
    await call("POST", "/docs/branch", { target: "acme/other/docs" });
    expect(api.organizations).toEqual(["acme"]);
    await call("POST", "/docs/branch", { target: "zeta/other/docs" });
    expect(api.organizations.toSorted()).toEqual(["acme", "zeta"]);
  });

  it.each([
    ["a name that is a path", "GET", "/..%2f..%2fetc", 400],
    ["a name of 64 characters", "GET", `/${"n".repeat(64)}`, 400],
    ["a name with capitals", "GET", "/Docs", 400],
    ["an unknown namespace", "GET", "/nothing", 404],
    ["a field that requests do not have", "POST", "/docs/query", 400],
  ])("%s is refused", async (_, verb, path, status) => {
    const body = verb === "POST" ? JSON.stringify({ top: 1 }) : undefined;
    const options = { key: "admin", ...(body !== undefined && { body }) };
    expect((await api.rest(verb, `${PROJECT}${path}`, options)).status).toBe(status);
  });
});
