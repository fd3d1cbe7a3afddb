import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { KeyKind, KeyService, Role } from "../../gen/skerry/admin/v1/admin_pb.js";
import { SearchApi } from "../testing/search-api.ts";
import { as, codeOf } from "../testing/test-api.ts";

const search = SearchApi.forTests();

describe("keys of a project", () => {
  const create = (request: object, key = "project") =>
    createClient(KeyService, search.api.http2()).createKey(
      { kind: KeyKind.API, role: Role.WRITER, ...request },
      as(key),
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

  it("mint none that get at buckets as well", async () => {
    for (const key of ["project", "organization"]) {
      const mixed = { namespaces: ["acme/web"], buckets: ["someone-elses"] };
      expect(await codeOf(create(mixed, key))).toBe("PermissionDenied");
    }
  });

  it("mint none with more requests under way than their own", async () => {
    const limited = (inflightLimit: number, key: string) =>
      codeOf(create({ namespaces: ["acme/web"], inflightLimit }, key));
    for (const inflightLimit of [0, 3, 100_000]) {
      expect(await limited(inflightLimit, "slowed"), `${inflightLimit}`).toBe("PermissionDenied");
    }
    expect(await limited(1, "slowed")).toBe("ok");
    expect(await limited(2, "slowed")).toBe("ok");
    expect(await limited(3, "project")).toBe("ok");
  });

  it("get at nothing of the cluster, and at no bucket", async () => {
    const refusals: [string, string][] = [
      ["GET", "/v1/cluster/status"],
      ["GET", "/v1/orgs/acme/projects/webs/namespaces/docs"],
      ["GET", "/v1/orgs/acme2/projects/web/namespaces/docs"],
    ];
    for (const [verb, path] of refusals) {
      expect(await search.api.rest(verb, path, { key: "project" })).toMatchObject({ status: 403 });
    }
    const error = await search.namespaces
      .getNamespace({ org: "acme", project: "webs", namespace: "docs" }, as("project"))
      .catch((refused: ConnectError) => refused);
    expect(error instanceof ConnectError && Code[error.code]).toBe("PermissionDenied");
  });

  it("revoke those, and know of no others", async () => {
    const keys = createClient(KeyService, search.api.http2());
    expect(await codeOf(keys.revokeKey({ keyId: "known" }, as("project")))).toBe("ok");
    expect(await codeOf(keys.revokeKey({ keyId: "foreign" }, as("project")))).toBe("NotFound");
    expect(await codeOf(keys.revokeKey({ keyId: "mixed" }, as("project")))).toBe("NotFound");
    expect(await codeOf(keys.rotateKey({ keyId: "mixed" }, as("project")))).toBe("NotFound");
    expect((await keys.listKeys({}, as("project"))).keys.map(({ keyId }) => keyId)).toEqual([
      "known",
      "slower",
    ]);
  });
});

describe("keys with a limit of requests under way", () => {
  it("know, rotate and revoke none with a greater one", async () => {
    const keys = createClient(KeyService, search.api.http2());
    // "known" has what the node gives to keys without a limit of their own.
    for (const [keyId, outcome] of [
      ["known", "NotFound"],
      ["slower", "ok"],
    ] as const) {
      expect(await codeOf(keys.rotateKey({ keyId }, as("slowed"))), keyId).toBe(outcome);
      expect(await codeOf(keys.revokeKey({ keyId }, as("slowed"))), keyId).toBe(outcome);
    }
    expect((await keys.listKeys({}, as("slowed"))).keys.map(({ keyId }) => keyId)).toEqual(["slower"]);
  });
});

describe("keys", () => {
  it("are rotated within the own limits, with a day of grace unless the request says otherwise", async () => {
    const rotate = (id: string, body: object, key = "project") =>
      search.api.rest("POST", `/v1/keys/${id}/rotate`, { key, body: JSON.stringify(body) });
    expect(await rotate("known", {})).toMatchObject({
      status: 200,
      body: { secret: "shown once", key: { key_id: "known", previous_until_ms: 86_400_000 } },
    });
    expect(await rotate("known", { grace_seconds: 0 })).toMatchObject({ status: 200 });
    expect((await rotate("other", {})).status).toBe(404);
    expect((await rotate("known", {}, "writer")).status).toBe(403);
    expect(search.api.events.at(-1)).toMatchObject({
      operation: "KeyService/RotateKey",
      outcome: "permissiondenied",
    });
  });
});
