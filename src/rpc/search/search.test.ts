import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KeyKind, KeyService, Role } from "../../gen/skerry/admin/v1/admin_pb.js";
import {
  AggregationKind,
  DocumentService,
  NamespaceService,
  QueryService,
  TextMatch,
  VerifyFindingKind,
} from "../../gen/skerry/search/v1/search_pb.js";
import { asked } from "../testing/fake-namespaces.ts";
import { as, codeOf, TestApi } from "../testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());
beforeEach(() => {
  asked.length = 0;
});

/** Greater than a double holds; `post` writes it in full where a body says "BIG". */
const BIG = 9007199254740993n;
const DOCS = { org: "acme", project: "web", namespace: "docs" };
const PATH = "/v1/orgs/acme/projects/web/namespaces/docs";
const NAME = { org: "acme", project: "web", name: "docs" };
const namespaces = () => createClient(NamespaceService, api.http2());
const documents = () => createClient(DocumentService, api.http2());
const queries = () => createClient(QueryService, api.http2());
const post = (path: string, body: unknown, key = "admin") =>
  api.rest("POST", path, { key, body: JSON.stringify(body).replace('"BIG"', BIG.toString()) });

/** What the namespaces were asked, but for signals and other marks of the way. */
const lastAsked = () => asked.at(-1)?.arguments.slice(0, 2);

it("answers what verify found, over REST and over Connect", async () => {
  const said = { section: "ids", field: "", problem: "row 3 is not found by its id" };
  const { body } = await post(`${PATH}/verify`, {});
  expect(body).toMatchObject({
    documents: 3,
    findings: [{ ...said, kind: "id", segment: 7, document: "a" }],
  });
  expect((body as { findings: object[] }).findings[0]).not.toHaveProperty("batch");
  const { findings } = await namespaces().verifyNamespace(DOCS, as("admin"));
  expect(findings).toMatchObject([
    { ...said, kind: VerifyFindingKind.ID, segment: 7n, document: { id: { case: "text", value: "a" } } },
  ]);
});

describe("a batch", () => {
  it("is the same over REST and over Connect", async () => {
    const rest = await post(`${PATH}/documents`, {
      upserts: [
        {
          id: "a",
          vector: [1, 0.5],
          sparse: { terms: { indices: [3, 1], values: [0.25, 2] } },
          text: { title: "rocks" },
          attributes: { year: 2024, tags: ["x", "y"], big: "BIG", on: true, ratio: 0.5 },
          expires_at: 5000,
        },
        { id: 7 },
      ],
      patches: [{ id: "b", text: { title: null }, attributes: { year: null } }],
      deletes: ["c", 8],
      delete_by_filter: ["year", "Lt", 2000],
      patch_by_filter: { filter: ["Not", ["tags", "Contains", "x"]], set: { attributes: { seen: true } } },
      if: [
        "And",
        [
          ["id", "Exists"],
          ["year", "Lt", { new: "year" }],
        ],
      ],
      if_version: 3,
    });
    expect(rest).toMatchObject({
      status: 200,
      body: { version: 4, upserted: 2, patched: 1, deleted: 2, repeated: false },
    });
    const overRest = lastAsked();

    const value = (kind: object) => ({ kind }) as never;
    const condition = (field: string, operator: string, more: object) =>
      ({ kind: { case: "condition", value: { field, operator, ...more } } }) as never;
    await documents().writeDocuments(
      {
        ...DOCS,
        upserts: [
          {
            id: { id: { case: "text", value: "a" } },
            vectors: { vector: { packed: new Uint8Array(Float32Array.of(1, 0.5).buffer) } },
            sparse: { terms: { indices: [3, 1], values: [0.25, 2] } },
            text: { title: "rocks" },
            attributes: {
              year: value({ case: "intValue", value: 2024n }),
              tags: value({
                case: "listValue",
                value: { values: ["x", "y"].map((text) => value({ case: "stringValue", value: text })) },
              }),
              big: value({ case: "intValue", value: BIG }),
              on: value({ case: "boolValue", value: true }),
              ratio: value({ case: "floatValue", value: 0.5 }),
            },
            expiresAtMs: 5000n,
          },
          { id: { id: { case: "number", value: 7n } } },
        ],
        patches: [
          {
            id: { id: { case: "text", value: "b" } },
            removedText: ["title"],
            attributes: { year: value({ case: "nullValue", value: true }) },
          },
        ],
        deletes: [{ id: { case: "text", value: "c" } }, { id: { case: "number", value: 8n } }],
        deleteByFilter: condition("year", "Lt", { value: value({ case: "intValue", value: 2000n }) }),
        patchByFilter: {
          filter: {
            kind: {
              case: "not",
              value: condition("tags", "Contains", { value: value({ case: "stringValue", value: "x" }) }),
            },
          },
          set: { attributes: { seen: value({ case: "boolValue", value: true }) } },
        },
        if: {
          kind: {
            case: "and",
            value: {
              filters: [condition("id", "Exists", {}), condition("year", "Lt", { newField: "year" })],
            },
          },
        },
        ifVersion: 3n,
      },
      as("writer"),
    );
    expect(lastAsked()).toEqual(overRest);
    expect(overRest?.[0]).toEqual(NAME);
  });

  it("comes with an idempotency key in the header or in the message", async () => {
    await api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body: '{"deletes":["a"]}',
      header: { "idempotency-key": "once" },
    });
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ idempotencyKey: "once" });
    await post(`${PATH}/documents`, { deletes: ["a"], idempotency_key: "twice" });
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ idempotencyKey: "twice" });
  });

  it("comes as one document a line, and as a stream", async () => {
    const body = '{"id":"a","text":{"title":"rocks"}}\n{"id":"b"}\n';
    const lines = await api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body,
      type: "application/x-ndjson",
    });
    expect(lines).toMatchObject({ status: 200, body: { version: 4, upserted: 2 } });
    expect(asked.at(-1)?.arguments[1]).toMatchObject({ upserts: [{ id: "a" }, { id: "b" }] });
    const stream = async function* () {
      yield DOCS;
      yield { ...DOCS, document: { id: { id: { case: "text" as const, value: "a" } } } };
    };
    expect(await documents().uploadDocuments(stream(), as("writer"))).toMatchObject({ upserted: 1 });
    const elsewhere = async function* () {
      yield DOCS;
      yield { ...DOCS, namespace: "others" };
    };
    expect(await codeOf(documents().uploadDocuments(elsewhere(), as("writer")))).toBe("InvalidArgument");
  });

  it.each([
    ["a line that is no document", '{"id":"a"}\n{"id":[]}\n', "upserts[1].id"],
    ["a line that is no JSON", '{"id":"a"}\n{\n', "line 2"],
  ])("is refused whole for %s", async (_, body, place) => {
    const refused = await api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body,
      type: "application/x-ndjson",
    });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
    expect(JSON.stringify(refused.body)).toContain(place);
    expect(asked).toEqual([]);
  });

  it("is refused with its limit when it is too large", async () => {
    const upserts = Array.from({ length: 10_001 }, (_, id) => ({ id }));
    expect(await post(`${PATH}/documents`, { upserts })).toMatchObject({
      status: 413,
      body: {
        error: {
          code: "limit_exceeded",
          details: { limit: "batchDocuments", most: "10000", given: "10001" },
        },
      },
    });
  });
});

describe("a query", () => {
  it("is the same over REST and over Connect", async () => {
    await post(`${PATH}/query`, {
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
    await queries().query(
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
    const { status, body } = await post(`${PATH}/query`, {
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

  it("comes with others, and is answered with them", async () => {
    const { body } = await post(`${PATH}/query`, {
      queries: [{ text: "a" }, { order_by: [["year", "desc"]] }],
    });
    expect(body).toMatchObject({
      version: 3,
      results: [{ results: [{ id: "a" }] }, { next_cursor: "next" }],
    });
    expect(await post(`${PATH}/query`, { queries: [{}], text: "a" })).toMatchObject({ status: 400 });
    const many = Array.from({ length: 17 }, () => ({}));
    expect(await post(`${PATH}/query`, { queries: many })).toMatchObject({
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
    expect(await post(`${PATH}/query`, query)).toMatchObject({ status: 400, body: { error: { code } } });
  });
});

describe("a namespace", () => {
  it("is made with 201, and described as it was given", async () => {
    const body = JSON.stringify({
      schema: {
        vectors: { vector: { dimensions: 2 } },
        attributes: { year: "int", tags: { type: "string[]" } },
      },
      settings: { retention_seconds: 60 },
    });
    const made = await api.rest("PUT", PATH, { key: "admin", body });
    expect(made).toMatchObject({
      status: 201,
      body: {
        created: true,
        namespace: {
          namespace: "docs",
          namespace_id: 7,
          schema: {
            vectors: { vector: { dimensions: 2, metric: "cosine" } },
            attributes: { year: { type: "int" } },
          },
          branched_from: { namespace: "parent" },
        },
      },
    });
    expect(
      await namespaces().createNamespace(
        { ...DOCS, schema: { vectors: { v: { dimensions: 3 } } } },
        as("admin"),
      ),
    ).toMatchObject({
      created: true,
    });
  });

  it("is of the key's project where a request names none", async () => {
    await api.rest("DELETE", "/v1/namespaces/docs", { key: "project" });
    expect(asked.at(-1)).toEqual({ method: "deleteNamespace", arguments: [NAME] });
    await api.rest("DELETE", "/v1/namespaces/docs", { key: "admin" });
    expect(asked.at(-1)?.arguments[0]).toEqual({ org: "default", project: "default", name: "docs" });
  });

  it("is branched beside its source, or into another project that the key may write", async () => {
    await post("/v1/namespaces/docs/branch", { target: "next", at_version: 2 }, "project");
    expect(asked.at(-1)?.arguments).toEqual([
      NAME,
      { ...NAME, name: "next" },
      { at: { kind: "version", version: 2n } },
    ]);
    expect(await post("/v1/namespaces/docs/branch", { target: "acme/other/next" }, "project")).toMatchObject({
      status: 403,
    });
    await post(`${PATH}/branch`, { target: "other/web/next" });
    expect(asked.at(-1)?.arguments[1]).toEqual({ org: "other", project: "web", name: "next" });
    for (const target of ["", "a/b", "a/b/c/d", "../x"]) {
      expect(await post(`${PATH}/branch`, { target })).toMatchObject({ status: 400 });
    }
  });

  it("is listed in pages", async () => {
    const page = await api.rest("GET", "/v1/orgs/acme/projects/web/namespaces?limit=2&prefix=d", {
      key: "reader",
    });
    expect(page).toMatchObject({
      status: 200,
      body: { namespaces: [{ namespace: "docs" }, { namespace: "notes" }], next_cursor: expect.any(String) },
    });
    expect(asked.at(-1)?.arguments[0]).toMatchObject({ prefix: "d", limit: 2 });
    const whole = await api.rest("GET", "/v1/orgs/other/projects/web/namespaces", { key: "project" });
    expect(whole).toMatchObject({ status: 200, body: { namespaces: [] } });
  });

  it.each(["Docs", "..%2fx", "a%2fb", "-a", "a".repeat(64), "%00"])("has no name like %s", async (name) => {
    const refused = await api.rest("GET", `/v1/orgs/acme/projects/web/namespaces/${name}`, { key: "reader" });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
  });

  it("streams its documents as lines", async () => {
    const response = await fetch(`${api.baseUrl}${PATH}/export`, as("reader"));
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await response.text()).trim().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      document: { id: "a", vectors: { vector: [1, 0.5] }, expires_at: "1970-01-01T00:00:01.000Z" },
      cursor: "more",
    });
    expect(lines[1]).toContain('"id":18446744073709551615');
  });

  it("shows a document by its id, and several", async () => {
    const one = await api.rest("GET", `${PATH}/documents/a`, { key: "reader" });
    expect(one).toMatchObject({ status: 200, body: { document: { id: "a" }, version: 3 } });
    expect(await api.rest("GET", `${PATH}/documents/%237`, { key: "reader" })).toMatchObject({ status: 404 });
    expect(asked.at(-1)?.arguments[1]).toEqual([7n]);
    const several = await post(`${PATH}/documents/fetch`, { ids: ["a", 7, "#"] }, "reader");
    expect(several).toMatchObject({ status: 200, body: { documents: [{ id: "a" }], missing: [7, "#"] } });
  });
});

describe("keys of a project", () => {
  const create = (request: object) =>
    createClient(KeyService, api.http2()).createKey(
      { kind: KeyKind.API, role: Role.WRITER, ...request },
      as("project"),
    );

  it("mint keys within it, and no others", async () => {
    expect(await codeOf(create({ namespaces: ["acme/web/docs"] }))).toBe("ok");
    expect(await codeOf(create({ namespaces: ["acme/web"] }))).toBe("ok");
    for (const wider of [
      {},
      { namespaces: ["acme"] },
      { namespaces: ["acme/web", "acme/other"] },
      { namespaces: ["acme/webs"] },
    ]) {
      expect(await codeOf(create(wider))).toBe("PermissionDenied");
    }
    expect(await codeOf(create({ namespaces: ["acme/web"], kind: KeyKind.S3 }))).toBe("PermissionDenied");
  });

  it("get at nothing of the cluster, and at no bucket", async () => {
    const refusals: [string, string][] = [
      ["GET", "/v1/cluster/status"],
      ["GET", "/v1/orgs/acme/projects/webs/namespaces/docs"],
      ["GET", "/v1/orgs/acme2/projects/web/namespaces/docs"],
    ];
    for (const [verb, path] of refusals) {
      expect(await api.rest(verb, path, { key: "project" })).toMatchObject({ status: 403 });
    }
    const error = await namespaces()
      .getNamespace({ org: "acme", project: "webs", namespace: "docs" }, as("project"))
      .catch((refused: ConnectError) => refused);
    expect(error instanceof ConnectError && Code[error.code]).toBe("PermissionDenied");
  });

  it("revoke those, and know of no others", async () => {
    const keys = createClient(KeyService, api.http2());
    expect(await codeOf(keys.revokeKey({ keyId: "known" }, as("project")))).toBe("ok");
    expect(await codeOf(keys.revokeKey({ keyId: "foreign" }, as("project")))).toBe("NotFound");
    expect((await keys.listKeys({}, as("project"))).keys.map(({ keyId }) => keyId)).toEqual(["known"]);
  });
});

it("a call that has ended holds no timer", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const calls = async () => {
    for (let call = 0; call < 40; call++) {
      await api.rest("GET", PATH, { key: "reader" });
      await api.rest("POST", `${PATH}/query`, { key: "reader", body: "{" });
      await (await fetch(`${api.baseUrl}${PATH}/export`, as("reader"))).text();
    }
  };
  await calls();
  const before = timers();
  await calls();
  expect(timers()).toBeLessThan(before + 40);
});

it("what a call touched is reported with it", async () => {
  await api.rest("GET", PATH, { key: "reader" });
  expect(api.events.at(-1)).toMatchObject({
    operation: "NamespaceService/GetNamespace",
    outcome: "ok",
    namespace: "acme/web/docs",
  });
});

describe("quotas", () => {
  const QUOTA = "/v1/orgs/acme/projects/web/quota";
  const limits = { max_namespaces: 1, max_bytes: "BIG" };
  const put = (path: string, key: string) =>
    api.rest("PUT", path, { key, body: JSON.stringify(limits).replace('"BIG"', BIG.toString()) });

  it("are shown to whoever may read there, with what is used", async () => {
    expect(await api.rest("GET", QUOTA, { key: "project" })).toMatchObject({
      status: 200,
      body: {
        quota: {
          org: "acme",
          project: "web",
          max_namespaces: 1,
          max_bytes: 2,
          max_documents: 0,
          documents: 5,
        },
      },
    });
    expect((await api.rest("GET", "/v1/orgs/acme/quota", { key: "reader" })).status).toBe(200);
    expect(lastAsked()).toEqual([{ org: "acme", project: "" }]);
    expect((await api.rest("GET", "/v1/orgs/acme/quota", { key: "project" })).status).toBe(403);
    expect((await api.rest("GET", "/v1/orgs/Acme/quota", { key: "admin" })).status).toBe(400);
  });

  it("are set over REST as over Connect, whole", async () => {
    expect((await put(QUOTA, "admin")).status).toBe(200);
    const wanted = [
      { org: "acme", project: "web" },
      { maxNamespaces: 1n, maxBytes: BIG, maxDocuments: 0n },
    ];
    expect(lastAsked()).toEqual(wanted);
    const request = { org: "acme", project: "web", maxNamespaces: 1n, maxBytes: BIG };
    const { quota } = await namespaces().setQuota(request, as("admin"));
    expect(lastAsked()).toEqual(wanted);
    expect(quota).toMatchObject({ maxBytes: BIG, namespaces: 3n });
  });

  it("are set by nobody whom they bind", async () => {
    const statuses = async (path: string) => {
      const keys = ["writer", "project", "organization", "admin"];
      return Promise.all(keys.map(async (key) => (await put(path, key)).status));
    };
    expect(await statuses(QUOTA)).toEqual([403, 403, 200, 200]);
    expect(await statuses("/v1/orgs/acme/quota")).toEqual([403, 403, 403, 200]);
    expect(await statuses("/v1/orgs/other/projects/web/quota")).toEqual([403, 403, 403, 200]);
  });
});

describe("keys", () => {
  it("are rotated within the own limits, with a day of grace unless the request says otherwise", async () => {
    const rotate = (id: string, body: object, key = "project") =>
      api.rest("POST", `/v1/keys/${id}/rotate`, { key, body: JSON.stringify(body) });
    expect(await rotate("known", {})).toMatchObject({
      status: 200,
      body: { secret: "shown once", key: { key_id: "known", previous_until_ms: 86_400_000 } },
    });
    expect(await rotate("known", { grace_seconds: 0 })).toMatchObject({ status: 200 });
    expect((await rotate("other", {})).status).toBe(404);
    expect((await rotate("known", {}, "writer")).status).toBe(403);
    expect(api.events.at(-1)).toMatchObject({
      operation: "KeyService/RotateKey",
      outcome: "permissiondenied",
    });
  });
});
