import { describe, expect, it } from "vitest";
import { VerifyFindingKind } from "../../gen/skerry/search/v1/search_pb.js";
import { asked } from "../testing/fake-namespaces.ts";
import { BIG, DOCS, jsonOf, lastAsked, NAME, PATH, SearchApi } from "../testing/search-api.ts";
import { as } from "../testing/test-api.ts";

const search = SearchApi.forTests();

it("answers what verify found, over REST and over Connect", async () => {
  const said = { section: "ids", field: "", problem: "row 3 is not found by its id" };
  const { body } = await search.post(`${PATH}/verify`, {});
  expect(body).toMatchObject({
    documents: 3,
    findings: [{ ...said, kind: "id", segment: 7, document: "a" }],
  });
  expect((body as { findings: object[] }).findings[0]).not.toHaveProperty("batch");
  const { findings } = await search.namespaces.verifyNamespace(DOCS, as("admin"));
  expect(findings).toMatchObject([
    { ...said, kind: VerifyFindingKind.ID, segment: 7n, document: { id: { case: "text", value: "a" } } },
  ]);
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
    const made = await search.api.rest("PUT", PATH, { key: "admin", body });
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
      await search.namespaces.createNamespace(
        { ...DOCS, schema: { vectors: { v: { dimensions: 3 } } } },
        as("admin"),
      ),
    ).toMatchObject({
      created: true,
    });
  });

  it("is of the key's project where a request names none", async () => {
    await search.api.rest("DELETE", "/v1/namespaces/docs", { key: "project" });
    expect(asked.at(-1)).toEqual({ method: "deleteNamespace", arguments: [NAME] });
    await search.api.rest("DELETE", "/v1/namespaces/docs", { key: "admin" });
    expect(asked.at(-1)?.arguments[0]).toEqual({ org: "default", project: "default", name: "docs" });
  });

  it("has no name in the list of a project that the key reaches nothing in", async () => {
    const page = await search.api.rest("GET", "/v1/orgs/other/projects/web/namespaces?limit=2", {
      key: "organization",
    });
    expect(page).toMatchObject({ status: 200, body: { namespaces: [] } });
    expect(page.body).not.toHaveProperty("next_cursor");
    expect(asked).toEqual([]);
  });

  it("is branched beside its source, or into another project that the key may write", async () => {
    await search.post("/v1/namespaces/docs/branch", { target: "next", at_version: 2 }, "project");
    expect(asked.at(-1)?.arguments).toEqual([
      NAME,
      { ...NAME, name: "next" },
      { at: { kind: "version", version: 2n } },
    ]);
    expect(
      await search.post("/v1/namespaces/docs/branch", { target: "acme/other/next" }, "project"),
    ).toMatchObject({
      status: 403,
    });
    await search.post(`${PATH}/branch`, { target: "other/web/next" });
    expect(asked.at(-1)?.arguments[1]).toEqual({ org: "other", project: "web", name: "next" });
    for (const target of ["", "a/b", "a/b/c/d", "../x"]) {
      expect(await search.post(`${PATH}/branch`, { target })).toMatchObject({ status: 400 });
    }
  });

  it("is listed in pages", async () => {
    const page = await search.api.rest("GET", "/v1/orgs/acme/projects/web/namespaces?limit=2&prefix=d", {
      key: "reader",
    });
    expect(page).toMatchObject({
      status: 200,
      body: { namespaces: [{ namespace: "docs" }, { namespace: "notes" }], next_cursor: expect.any(String) },
    });
    expect(asked.at(-1)?.arguments[0]).toMatchObject({ prefix: "d", limit: 2 });
    const whole = await search.api.rest("GET", "/v1/orgs/other/projects/web/namespaces", { key: "project" });
    expect(whole).toMatchObject({ status: 200, body: { namespaces: [] } });
  });

  it.each(["Docs", "..%2fx", "a%2fb", "-a", "a".repeat(64), "%00"])("has no name like %s", async (name) => {
    const refused = await search.api.rest("GET", `/v1/orgs/acme/projects/web/namespaces/${name}`, {
      key: "reader",
    });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
  });

  it("streams its documents as lines", async () => {
    const response = await fetch(`${search.api.baseUrl}${PATH}/export`, as("reader"));
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await response.text()).trim().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      document: { id: "a", vectors: { vector: [1, 0.5] }, expires_at: "1970-01-01T00:00:01.000Z" },
      cursor: "more",
    });
    expect(lines[1]).toContain('"id":18446744073709551615');
  });

  it("shows a document by its id, and several", async () => {
    const one = await search.api.rest("GET", `${PATH}/documents/a`, { key: "reader" });
    expect(one).toMatchObject({ status: 200, body: { document: { id: "a" }, version: 3 } });
    expect(await search.api.rest("GET", `${PATH}/documents/%237`, { key: "reader" })).toMatchObject({
      status: 404,
    });
    expect(asked.at(-1)?.arguments[1]).toEqual([7n]);
    const several = await search.post(`${PATH}/documents/fetch`, { ids: ["a", 7, "#"] }, "reader");
    expect(several).toMatchObject({ status: 200, body: { documents: [{ id: "a" }], missing: [7, "#"] } });
  });
});

it("a call that has ended holds no timer", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const calls = async () => {
    for (let call = 0; call < 40; call++) {
      await search.api.rest("GET", PATH, { key: "reader" });
      await search.api.rest("POST", `${PATH}/query`, { key: "reader", body: "{" });
      await (await fetch(`${search.api.baseUrl}${PATH}/export`, as("reader"))).text();
    }
  };
  await calls();
  const before = timers();
  await calls();
  expect(timers()).toBeLessThan(before + 40);
});

it("what a call touched is reported with it", async () => {
  await search.api.rest("GET", PATH, { key: "reader" });
  expect(search.api.events.at(-1)).toMatchObject({
    operation: "NamespaceService/GetNamespace",
    outcome: "ok",
    namespace: "acme/web/docs",
  });
});

describe("quotas", () => {
  const QUOTA = "/v1/orgs/acme/projects/web/quota";
  const limits = { max_namespaces: 1, max_bytes: "BIG" };
  const put = (path: string, key: string) => search.api.rest("PUT", path, { key, body: jsonOf(limits) });

  it("are shown to whoever may read there, with what is used", async () => {
    expect(await search.api.rest("GET", QUOTA, { key: "project" })).toMatchObject({
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
    expect((await search.api.rest("GET", "/v1/orgs/acme/quota", { key: "reader" })).status).toBe(200);
    expect(lastAsked()).toEqual([{ org: "acme", project: "" }]);
    expect((await search.api.rest("GET", "/v1/orgs/acme/quota", { key: "project" })).status).toBe(403);
    expect((await search.api.rest("GET", "/v1/orgs/Acme/quota", { key: "admin" })).status).toBe(400);
  });

  it("are set over REST as over Connect, whole", async () => {
    expect((await put(QUOTA, "admin")).status).toBe(200);
    const wanted = [
      { org: "acme", project: "web" },
      { maxNamespaces: 1n, maxBytes: BIG, maxDocuments: 0n },
    ];
    expect(lastAsked()).toEqual(wanted);
    const request = { org: "acme", project: "web", maxNamespaces: 1n, maxBytes: BIG };
    const { quota } = await search.namespaces.setQuota(request, as("admin"));
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
