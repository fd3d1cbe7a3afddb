import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { as, TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());

const http2 = () => api.http2();

describe("REST", () => {
  const rest: TestApi["rest"] = (verb, path, options) => api.rest(verb, path, options);

  it("calls the same methods, in JSON", async () => {
    const status = await rest("GET", "/v1/cluster/status", { key: "reader" });
    expect(status).toMatchObject({
      status: 200,
      body: { cluster_id: "c", raft: { leader_node_id: 1, voters: [1] }, max_voters: 5 },
    });
    expect(status.header.get("x-request-id")).toMatch(/^request-/);
    const body = JSON.stringify({ kind: "s3", role: "reader", buckets: ["mine"] });
    expect(await rest("POST", "/v1/keys", { key: "admin", body })).toMatchObject({
      status: 200,
      body: {
        key: { kind: "s3", role: "reader", buckets: ["mine"], created_at_ms: 1 },
        secret: "shown once",
      },
    });
    expect(await rest("DELETE", "/v1/keys/known", { key: "admin" })).toMatchObject({ status: 200, body: {} });
  });

  it("gives the changes of a bucket from a sequence on", async () => {
    const client = createClient(ObjectService, http2());
    await createClient(BucketService, http2()).createBucket({ bucket: "followed" }, as("writer"));
    async function* upload(key: string) {
      yield { part: { case: "header" as const, value: { bucket: "followed", key, size: 1n } } };
      yield { part: { case: "data" as const, value: new Uint8Array(1) } };
    }
    for (const key of ["a", "b"]) await client.putObject(upload(key), as("writer"));
    const first = await rest("GET", "/v1/buckets/followed/changes?page_size=1", { key: "reader" });
    expect(first).toMatchObject({
      status: 200,
      body: { changes: [{ event: "ObjectCreated:Put", key: "a", version_id: "null", size: 1 }], more: true },
    });
    const { next_sequence: next } = first.body as { next_sequence: number };
    const path = `/v1/buckets/followed/changes?after_sequence=${next}`;
    expect(await rest("GET", path, { key: "reader" })).toMatchObject({ body: { changes: [{ key: "b" }] } });
    const { body } = await rest("GET", "/v1/buckets/followed/changes", { key: "limited" });
    expect(body).toMatchObject({ error: { code: "permission_denied" } });
  });

  it("answers errors in one form", async () => {
    const unknown = await rest("DELETE", "/v1/keys/other", { key: "admin" });
    expect(unknown).toMatchObject({
      status: 404,
      body: { error: { code: "not_found", message: "there is no key of this id", details: {} } },
    });
    expect(unknown.body).toMatchObject({ error: { request_id: unknown.header.get("x-request-id") } });
  });

  it.each([
    ["no key", "GET", "/v1/keys", {}, 401, "unauthenticated"],
    ["another key", "GET", "/v1/keys", { key: "nobody" }, 401, "unauthenticated"],
    ["too small a role", "GET", "/v1/keys", { key: "reader" }, 403, "permission_denied"],
    ["no such path", "GET", "/v1/nothing", { key: "admin" }, 404, "not_found"],
    ["another verb", "PUT", "/v1/keys", { key: "admin", body: "{}" }, 405, "method_not_allowed"],
    ["no JSON", "POST", "/v1/keys", { key: "admin", body: "{" }, 400, "invalid_argument"],
    [
      "a field too many",
      "POST",
      "/v1/keys",
      { key: "admin", body: '{"kidn":"s3"}' },
      400,
      "invalid_argument",
    ],
    [
      "another type",
      "POST",
      "/v1/keys",
      { key: "admin", body: "x", type: "text/xml" },
      415,
      "unsupported_media_type",
    ],
    [
      "a query of a body",
      "POST",
      "/v1/keys?role=admin",
      { key: "admin", body: "{}" },
      400,
      "invalid_argument",
    ],
    ["an unknown parameter", "GET", "/v1/keys?all=1", { key: "admin" }, 400, "invalid_argument"],
  ] as const)("refuses %s", async (_, verb, path, options, status, code) => {
    expect(await rest(verb, path, options)).toMatchObject({ status, body: { error: { code } } });
  });

  it("refuses a stranger before it reads what he sends", async () => {
    const before = api.events.length;
    expect(await rest("POST", "/v1/keys", { key: "nobody", body: "not even JSON" })).toMatchObject({
      status: 401,
    });
    expect(api.events.slice(before)).toMatchObject([
      { operation: "KeyService/CreateKey", outcome: "unauthenticated", principalKeyId: undefined },
    ]);
  });

  it("reports a call once, whoever refused it", async () => {
    const before = api.events.length;
    await rest("POST", "/v1/keys", { key: "admin", body: "{" });
    await rest("GET", "/v1/keys", { key: "reader" });
    await rest("GET", "/v1/keys", { key: "admin" });
    expect(api.events.slice(before).map(({ outcome, principalKeyId }) => [outcome, principalKeyId])).toEqual([
      ["invalidargument", "admin"],
      ["permissiondenied", "reader"],
      ["ok", "admin"],
    ]);
  });

  it("describes itself", async () => {
    const { status, body } = await rest("GET", "/v1/openapi.json");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      openapi: "3.1.0",
      paths: {
        "/v1/keys": {
          get: { operationId: "KeyService_ListKeys" },
          post: { operationId: "KeyService_CreateKey" },
        },
        "/v1/keys/{key_id}": { delete: { parameters: [{ name: "key_id", in: "path", required: true }] } },
      },
      components: {
        schemas: {
          "skerry.admin.v1.Key": { properties: { role: { enum: expect.arrayContaining(["admin"]) } } },
        },
      },
    });
  });
});
