import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../access/index.ts";
import {
  ClusterService,
  KeyKind,
  KeyService,
  Role as RoleMessage,
  UserService,
} from "../gen/skerry/admin/v1/admin_pb.js";
import { EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { MetaService } from "../gen/skerry/admin/v1/meta_pb.js";
import { SearchStoreService } from "../gen/skerry/admin/v1/search_store_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { RPC_OPERATIONS } from "./index.ts";
import { searchCalls } from "./testing/fake-namespaces.ts";
import { reflect } from "./testing/reflect.ts";
import { as, codeOf, TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());

const http2 = () => api.http2();

describe("the gate", () => {
  /** One call of every method, in and out of the scope of the limited key. */
  const calls: Record<
    (typeof RPC_OPERATIONS)[number]["name"],
    (key: string, bucket: string) => Promise<unknown>
  > = {
    "BucketService/CreateBucket": (key, bucket) =>
      createClient(BucketService, http2()).createBucket({ bucket }, as(key)),
    "BucketService/ListBuckets": (key) => createClient(BucketService, http2()).listBuckets({}, as(key)),
    "BucketService/GetBucket": (key, bucket) =>
      createClient(BucketService, http2()).getBucket({ bucket }, as(key)),
    "BucketService/DeleteBucket": (key, bucket) =>
      createClient(BucketService, http2()).deleteBucket({ bucket }, as(key)),
    "ObjectService/PutObject": (key, bucket) =>
      createClient(ObjectService, http2()).putObject(
        (async function* () {
          yield { part: { case: "header" as const, value: { bucket, key: "k", size: 0n } } };
        })(),
        as(key),
      ),
    "ObjectService/GetObject": async (key, bucket) => {
      for await (const _ of createClient(ObjectService, http2()).getObject({ bucket, key: "k" }, as(key)));
    },
    "ObjectService/HeadObject": (key, bucket) =>
      createClient(ObjectService, http2()).headObject({ bucket, key: "k" }, as(key)),
    "ObjectService/DeleteObject": (key, bucket) =>
      createClient(ObjectService, http2()).deleteObject({ bucket, key: "k" }, as(key)),
    "ObjectService/CopyObject": (key, bucket) =>
      createClient(ObjectService, http2()).copyObject(
        { sourceBucket: bucket, sourceKey: "k", bucket, key: "l" },
        as(key),
      ),
    "ObjectService/ListObjects": (key, bucket) =>
      createClient(ObjectService, http2()).listObjects({ bucket }, as(key)),
    "KeyService/CreateKey": (key) =>
      createClient(KeyService, http2()).createKey({ kind: KeyKind.S3, role: RoleMessage.READER }, as(key)),
    "KeyService/ListKeys": (key) => createClient(KeyService, http2()).listKeys({}, as(key)),
    "KeyService/RotateKey": (key) => createClient(KeyService, http2()).rotateKey({ keyId: "known" }, as(key)),
    "KeyService/RevokeKey": (key) => createClient(KeyService, http2()).revokeKey({ keyId: "known" }, as(key)),
    "UserService/CreateUser": (key) =>
      createClient(UserService, http2()).createUser({ name: "alice" }, as(key)),
    "UserService/ListUsers": (key) => createClient(UserService, http2()).listUsers({}, as(key)),
    "UserService/RemoveUser": (key) =>
      createClient(UserService, http2()).removeUser({ name: "alice" }, as(key)),
    "EncryptionKeyService/CreateEncryptionKey": (key) =>
      createClient(EncryptionKeyService, http2()).createEncryptionKey({}, as(key)),
    "EncryptionKeyService/ListEncryptionKeys": (key) =>
      createClient(EncryptionKeyService, http2()).listEncryptionKeys({}, as(key)),
    "EncryptionKeyService/RotateEncryptionKey": (key) =>
      createClient(EncryptionKeyService, http2()).rotateEncryptionKey({ keyId: "k" }, as(key)),
    "EncryptionKeyService/RemoveEncryptionKeyVersion": (key) =>
      createClient(EncryptionKeyService, http2()).removeEncryptionKeyVersion(
        { keyId: "k", version: 1 },
        as(key),
      ),
    "ClusterService/GetStatus": (key) => createClient(ClusterService, http2()).getStatus({}, as(key)),
    "ClusterService/CreateJoinToken": (key) =>
      createClient(ClusterService, http2()).createJoinToken({}, as(key)),
    "ClusterService/DrainNode": (key) =>
      createClient(ClusterService, http2()).drainNode({ nodeId: 1n }, as(key)),
    "ClusterService/RemoveNode": (key) =>
      createClient(ClusterService, http2()).removeNode({ nodeId: 1n, force: true }, as(key)),
    "ClusterService/TransferLeadership": (key) =>
      createClient(ClusterService, http2()).transferLeadership({}, as(key)),
    "BucketService/ListChanges": (key, bucket) =>
      createClient(BucketService, http2()).listChanges({ bucket }, as(key)),
    "MetaService/ListConflicts": (key) => createClient(MetaService, http2()).listConflicts({}, as(key)),
    "MetaService/GetStats": (key) => createClient(MetaService, http2()).getStats({}, as(key)),
    "MaintenanceService/GetMaintenance": (key) =>
      createClient(MaintenanceService, http2()).getMaintenance({}, as(key)),
    "MaintenanceService/SetMaintenance": (key) =>
      createClient(MaintenanceService, http2()).setMaintenance({ on: false }, as(key)),
    "SearchStoreService/ListSearchStores": (key) =>
      createClient(SearchStoreService, http2()).listSearchStores({}, as(key)),
    "SearchStoreService/SetSearchStore": (key) =>
      createClient(SearchStoreService, http2()).setSearchStore({}, as(key)),
    ...searchCalls((service) => createClient(service, http2()), as),
    "ServerReflection/ServerReflectionInfo": (key) =>
      reflect(http2(), { case: "listServices", value: "" }, key),
  };
  const order: Role[] = ["reader", "writer", "admin"];

  it.each(RPC_OPERATIONS.map((row) => [row.name, row] as const))(
    "%s: every role, in and out of scope",
    async (name, row) => {
      expect(await codeOf(calls[name]("nobody", "mine"))).toBe("Unauthenticated");
      for (const role of order) {
        const isDenied = (await codeOf(calls[name](role, "mine"))) === "PermissionDenied";
        expect([role, isDenied]).toEqual([role, order.indexOf(role) < order.indexOf(row.leastRole)]);
      }
      if (row.leastRole === "admin" || row.resource === "service") return;
      expect(await codeOf(calls[name]("limited", "theirs"))).toBe("PermissionDenied");
    },
  );

  it.each(RPC_OPERATIONS.map((row) => [row.name, row] as const))(
    "%s: a key that is limited to another project",
    async (name, row) => {
      const isDenied = (await codeOf(calls[name]("project", "mine"))) === "PermissionDenied";
      // Of keys it gets at those within its own limits.
      const isOpen =
        row.resource === "service" ||
        ["KeyService/ListKeys", "KeyService/RotateKey", "KeyService/RevokeKey"].includes(name);
      expect(isDenied).toBe(!isOpen);
    },
  );

  it("authorizes a copy's source as what it is", async () => {
    const copying = createClient(ObjectService, http2()).copyObject(
      { sourceBucket: "theirs", sourceKey: "k", bucket: "mine", key: "k" },
      as("limited"),
    );
    expect(await codeOf(copying)).toBe("PermissionDenied");
  });

  it("tells whoever leaves the name of a bucket out that it is missing", async () => {
    const buckets = createClient(BucketService, http2());
    const objects = createClient(ObjectService, http2());
    const source = { sourceBucket: "", sourceKey: "k" };
    const asking: ((key: string) => Promise<unknown>)[] = [
      (key) => buckets.createBucket({ bucket: "" }, as(key)),
      (key) => buckets.getBucket({}, as(key)),
      (key) => buckets.listChanges({}, as(key)),
      (key) => objects.headObject({ key: "k" }, as(key)),
      (key) => objects.copyObject({ ...source, bucket: "mine", key: "k" }, as(key)),
      (key) => calls["ObjectService/PutObject"](key, ""),
    ];
    for (const ask of asking) expect(await codeOf(ask("admin"))).toBe("InvalidArgument");
  });

  it("answers nobody without a key", async () => {
    const listing = createClient(BucketService, http2()).listBuckets({});
    expect(await codeOf(listing)).toBe("Unauthenticated");
  });

  it("reports every call with who and what", () => {
    const denied = api.events.find(
      (event) => event.outcome === "permissiondenied" && event.bucket === "theirs",
    );
    expect(denied).toMatchObject({
      principalKeyId: "limited",
      requestId: expect.stringMatching(/^request-/),
    });
  });
});

describe("limits", () => {
  const listing = (headers: Record<string, string>) =>
    createClient(BucketService, http2()).listBuckets(
      {},
      { headers: { ...as("reader").headers, ...headers } },
    );

  it("a key with too much under way is told to wait, and enters again afterwards", async () => {
    const leaves = Array.from({ length: 100 }, () => api.inflight.enter("reader"));
    const refused = await listing({}).catch((error: ConnectError) => error);
    if (!(refused instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[refused.code], refused.metadata.get("retry-after")]).toEqual(["ResourceExhausted", "1"]);
    for (const leave of leaves) leave?.();
    for (let call = 0; call < 3; call++) await listing({});
    expect(api.inflight.inflight("reader")).toBe(0);
  });

  it("a key with too many requests a second is told when to come back", async () => {
    api.rate = { kind: "limited", of: "caller", retryAfterMs: 1500 };
    const refused = await listing({}).catch((error: ConnectError) => error);
    api.rate = { kind: "allow" };
    if (!(refused instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[refused.code], refused.metadata.get("retry-after")]).toEqual(["ResourceExhausted", "2"]);
  });

  it("behind a trusted proxy the client is who the proxy says", async () => {
    await listing({ "x-forwarded-for": "203.0.113.9, 198.51.100.1" });
    expect(api.events.at(-1)).toMatchObject({ remoteAddress: "198.51.100.1" });
  });
});
