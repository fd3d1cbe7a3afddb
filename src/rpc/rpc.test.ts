import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../access/index.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.js";
import {
  ClusterService,
  KeyKind,
  KeyService,
  OperationRefusedSchema,
  Role as RoleMessage,
  UserService,
} from "../gen/skerry/admin/v1/admin_pb.js";
import { EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { MetaService } from "../gen/skerry/admin/v1/meta_pb.js";
import { SearchStoreService } from "../gen/skerry/admin/v1/search_store_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { OBJECT_ERROR_CODES } from "../object/index.ts";
import { OBJECT_CODES } from "./errors.ts";
import { RPC_OPERATIONS } from "./index.ts";
import { searchCalls } from "./testing/fake-namespaces.ts";
import { as, codeOf, TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());

const http2 = () => api.http2();
const baseUrl = () => api.baseUrl;

describe("one port", () => {
  const transports: [string, () => Transport][] = [
    ["Connect over HTTP/1.1", () => createConnectTransport({ baseUrl: baseUrl(), httpVersion: "1.1" })],
    ["Connect over HTTP/2", http2],
    ["gRPC", () => createGrpcTransport({ baseUrl: baseUrl() })],
    ["gRPC-Web over HTTP/1.1", () => createGrpcWebTransport({ baseUrl: baseUrl(), httpVersion: "1.1" })],
  ];
  it.each(transports)("answers %s", async (_, transport) => {
    const status = await createClient(ClusterService, transport()).getStatus({}, as("reader"));
    expect(status).toMatchObject({ clusterId: "c", raft: { leaderNodeId: 1n } });
  });

  it("answers JSON to a plain POST", async () => {
    const response = await fetch(`${baseUrl()}/skerry.admin.v1.ClusterService/GetStatus`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer reader" },
      body: "{}",
    });
    expect(await response.json()).toMatchObject({ clusterId: "c" });
  });

  it("shows health without a key, and nothing else", async () => {
    expect((await fetch(`${baseUrl()}/healthz`)).status).toBe(200);
    expect((await fetch(`${baseUrl()}/readyz`)).status).toBe(200);
    api.notReadyReason = "no leader";
    const unready = await fetch(`${baseUrl()}/readyz`);
    expect([unready.status, await unready.json()]).toEqual([
      503,
      { status: "unavailable", reason: "no leader" },
    ]);
    api.notReadyReason = undefined;
    api.maintenanceState = "quiesced";
    const reading = await fetch(`${baseUrl()}/readyz`);
    expect([reading.status, await reading.json()]).toEqual([200, { status: "ok", maintenance: "quiesced" }]);
    api.maintenanceState = "off";
    expect((await fetch(`${baseUrl()}/`)).status).toBe(404);
  });
});

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function reflect(messageRequest: Question, key: string) {
  const client = createClient(ServerReflection, http2());
  async function* questions() {
    yield { messageRequest };
  }
  for await (const answer of client.serverReflectionInfo(questions(), as(key))) return answer.messageResponse;
  throw new Error("no answer");
}

describe("tools for gRPC", () => {
  it("learn which services there are, and of what they are made", async () => {
    const list = await reflect({ case: "listServices", value: "" }, "reader");
    expect(list).toMatchObject({
      value: { service: expect.arrayContaining([expect.objectContaining({ name: BucketService.typeName })]) },
    });
    const symbol = "skerry.storage.v1.BucketService.CreateBucket";
    const file = await reflect({ case: "fileContainingSymbol", value: symbol }, "reader");
    if (file?.case !== "fileDescriptorResponse") throw new Error(`a file is wanted, not ${file?.case}`);
    const parsed = fromBinary(
      FileDescriptorProtoSchema,
      file.value.fileDescriptorProto[0] ?? new Uint8Array(),
    );
    expect(parsed.name).toBe("skerry/storage/v1/storage.proto");
    // What a file imports can be asked for by the name that the file has for it.
    for (const value of ["google/api/annotations.proto", "google/protobuf/descriptor.proto"]) {
      expect(await reflect({ case: "fileByFilename", value }, "reader")).toMatchObject({
        case: "fileDescriptorResponse",
      });
    }
    expect(await reflect({ case: "fileByFilename", value: "none.proto" }, "reader")).toMatchObject({
      case: "errorResponse",
    });
  });

  it("ask for health without a key, also of one service", async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl: baseUrl() }));
    const serving = { status: HealthCheckResponse_ServingStatus.SERVING };
    expect(await health.check({})).toMatchObject(serving);
    expect(await health.check({ service: BucketService.typeName })).toMatchObject(serving);
    expect(await codeOf(health.check({ service: "skerry.none" }))).toBe("NotFound");
    expect((await health.list({})).statuses[KeyService.typeName]).toMatchObject(serving);
    api.notReadyReason = "no leader";
    expect(await health.check({})).toMatchObject({ status: HealthCheckResponse_ServingStatus.NOT_SERVING });
    const watching = health.watch({})[Symbol.asyncIterator]();
    expect((await watching.next()).value).toMatchObject({
      status: HealthCheckResponse_ServingStatus.NOT_SERVING,
    });
    api.notReadyReason = undefined;
    expect((await watching.next()).value).toMatchObject(serving);
    await watching.return?.();
  });
});

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

describe("buckets and objects", () => {
  it("are written, read by range, listed and removed", async () => {
    const buckets = createClient(BucketService, http2());
    const objects = createClient(ObjectService, http2());
    await buckets.createBucket({ bucket: "docs" }, as("writer"));
    const content = Buffer.alloc(3_000_000, "skerry ");
    async function* upload(size: number) {
      const header = { bucket: "docs", key: "a/b", size: BigInt(size), contentType: "text/plain" };
      yield { part: { case: "header" as const, value: header } };
      for (let at = 0; at < content.length; at += 1_000_000) {
        yield { part: { case: "data" as const, value: content.subarray(at, at + 1_000_000) } };
      }
    }
    const written = await objects.putObject(upload(content.length), as("writer"));
    expect(written.object).toMatchObject({ key: "a/b", size: BigInt(content.length) });
    expect(await codeOf(objects.putObject(upload(content.length + 1), as("writer")))).toBe("InvalidArgument");
    expect(await codeOf(objects.putObject(upload(content.length - 1), as("writer")))).toBe("InvalidArgument");

    const pieces: Uint8Array[] = [];
    const range = { bucket: "docs", key: "a/b", offset: 7n, length: 2_000_000n };
    for await (const { part } of objects.getObject(range, as("reader"))) {
      if (part.case === "data") pieces.push(part.value);
    }
    expect(Buffer.compare(Buffer.concat(pieces), content.subarray(7, 2_000_007))).toBe(0);

    await objects.copyObject(
      { sourceBucket: "docs", sourceKey: "a/b", bucket: "docs", key: "c" },
      as("writer"),
    );
    const page = await objects.listObjects({ bucket: "docs", delimiter: "/", pageSize: 1 }, as("reader"));
    expect(page).toMatchObject({ commonPrefixes: ["a/"], objects: [] });
    const next = { bucket: "docs", delimiter: "/", pageToken: page.nextPageToken };
    expect(await objects.listObjects(next, as("reader"))).toMatchObject({
      objects: [{ key: "c" }],
      nextPageToken: "",
    });
    for (const key of ["a/b", "c"]) await objects.deleteObject({ bucket: "docs", key }, as("writer"));
    await buckets.deleteBucket({ bucket: "docs" }, as("writer"));
    expect(await codeOf(buckets.getBucket({ bucket: "docs" }, as("reader")))).toBe("NotFound");
  });

  it("refuse a page token that is not theirs", async () => {
    const listing = createClient(BucketService, http2()).listBuckets({ pageToken: "§" }, as("reader"));
    expect(await codeOf(listing)).toBe("InvalidArgument");
  });
});

describe("membership", () => {
  const service = () => createClient(ClusterService, http2());

  it("shows members, their bytes and their logs, and the work of the node", async () => {
    const status = await service().getStatus({}, as("reader"));
    expect(status).toMatchObject({
      underReplicatedBlobs: 2n,
      underReplicatedBytes: 9n,
      notReadyReason: "",
      maxVoters: 5,
      raft: { firstIndex: 1n, lastIndex: 3n, progress: [{ nodeId: 1n, matchIndex: 3n, state: "replicate" }] },
      nodes: [
        { heldBlobs: 4n, heldBytes: 5n, raftFenced: true, raftLastIndex: 3n, snapshotReceivedBytes: 6n },
      ],
      workers: [
        { name: "unlink", state: "failing", lastError: "no disk", progressDone: 1n, progressTotal: 0n },
      ],
    });
  });

  it("drains, calls that off, removes and hands over", async () => {
    expect(await service().drainNode({ nodeId: 2n }, as("admin"))).toMatchObject({
      state: "draining",
      heldBlobs: 3n,
      heldBytes: 30n,
    });
    expect(await service().drainNode({ nodeId: 2n, cancel: true }, as("admin"))).toMatchObject({
      state: "active",
    });
    expect(await service().removeNode({ nodeId: 2n, force: true }, as("admin"))).toMatchObject({
      lostCopiesBlobs: 4n,
      lostCopiesBytes: 40n,
    });
    expect(await service().transferLeadership({}, as("admin"))).toMatchObject({ leaderNodeId: 5n, term: 9n });
    expect(await service().transferLeadership({ nodeId: 3n }, as("admin"))).toMatchObject({
      leaderNodeId: 3n,
    });
  });

  it("says why something is refused, and what to do, for programs and for people", async () => {
    const refused = await service()
      .removeNode({ nodeId: 2n }, as("admin"))
      .catch((error: ConnectError) => error);
    if (!(refused instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[refused.code], refused.rawMessage]).toEqual([
      "FailedPrecondition",
      "node-2 still holds copies",
    ]);
    expect(refused.findDetails(OperationRefusedSchema)).toMatchObject([
      { reason: "not-drained", advice: "drain it first" },
    ]);
    expect(await codeOf(service().drainNode({ nodeId: 7n }, as("admin")))).toBe("NotFound");
  });

  it.each([0n, 2n ** 60n])("refuses the node id %d", async (nodeId) => {
    expect(await codeOf(service().drainNode({ nodeId }, as("admin")))).toBe("InvalidArgument");
    expect(await codeOf(service().removeNode({ nodeId }, as("admin")))).toBe("InvalidArgument");
    if (nodeId > 0n)
      expect(await codeOf(service().transferLeadership({ nodeId }, as("admin")))).toBe("InvalidArgument");
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
    api.rate = { kind: "limited", retryAfterMs: 1500 };
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

describe("maintenance", () => {
  const service = () => createClient(MaintenanceService, http2());

  it("is shown, begun and ended", async () => {
    const shown = { state: "quiesced", sinceMs: 7n, waitingNodeIds: [2n], writesUnderWay: 3 };
    expect(await service().getMaintenance({}, as("reader"))).toMatchObject({ maintenance: shown });
    const begun = await service().setMaintenance({ on: true, force: true }, as("admin"));
    expect(begun).toMatchObject({ maintenance: { state: "quiesced" } });
    const ended = await service().setMaintenance({ on: false }, as("admin"));
    expect(ended).toMatchObject({ maintenance: { state: "off" } });
    expect(await codeOf(service().setMaintenance({ on: true }, as("admin")))).toBe("Unavailable");
  });
});

describe("statistics", () => {
  it("are answered over REST as over Connect, to administrators", async () => {
    const get = (key: string) =>
      fetch(`${baseUrl()}/v1/meta/stats`, { headers: { authorization: `Bearer ${key}` } });
    expect(await (await get("admin")).json()).toMatchObject({
      node_id: 1,
      stored: { buckets: 1, objects: 2, object_bytes: 3, versions: 4, version_bytes: 5, uploads: 6 },
      under_replicated_blobs: 2,
      maintenance: { state: "quiesced", waiting_node_ids: [2], writes_under_way: 3 },
      segments: { segments: 7, live_bytes: 8, dead_bytes: 9, writable: true },
      scrub: { running: true, started_ms: 12, checked_bytes: 13, bad_chunks: 14 },
      operations: [{ surface: "s3", operation: "GetObject", outcomes: { ok: 15 }, latency: { p50_ms: 1.5 } }],
      requests_in_flight: 16,
      bytes_in_total: 17,
      bytes_out_total: 18,
      replays_total: 19,
    });
    expect([(await get("writer")).status, (await get("nobody")).status]).toEqual([403, 401]);
    expect((await fetch(`${baseUrl()}/v1/meta/statsXYZ`)).status).toBe(404);
    const stats = await createClient(MetaService, http2()).getStats({}, as("admin"));
    expect(stats).toMatchObject({ nodeId: 1n, stored: { objects: 2n }, replaysTotal: 19n });
  });
});

describe("stores for index segments", () => {
  const rest = (verb: string, path: string, body?: object, key = "admin") =>
    api.rest(verb, path, { key, ...(body !== undefined && { body: JSON.stringify(body) }) });

  it("are shown without their secrets", async () => {
    const { status, body } = await rest("GET", "/v1/search/stores");
    expect([status, body]).toEqual([
      200,
      {
        stores: [
          expect.objectContaining({
            store_id: 1,
            bucket: expect.objectContaining({ endpoint: "https://s3.example.com", access_key_id: "k" }),
            current: true,
            blobs: 2,
            bytes: 3,
          }),
        ],
      },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/secret_access_key":"[^"]/);
  });

  it("are set, or refused with what they do wrong", async () => {
    const set = await rest("PUT", "/v1/search/store", { directory: { path: "/mnt" } });
    expect(set).toMatchObject({ status: 200, body: { stores: [{ directory: { path: "/mnt" } }] } });
    expect(await rest("PUT", "/v1/search/store", {})).toMatchObject({ status: 200, body: { stores: [] } });
    const unfit = await rest("PUT", "/v1/search/store", { directory: { path: "/other" } });
    expect(unfit).toMatchObject({ status: 412, body: { error: { code: "failed_precondition" } } });
    const invalid = await rest("PUT", "/v1/search/store", { directory: { path: "mnt" } });
    expect(invalid).toMatchObject({ status: 400, body: { error: { details: { field: "directory.path" } } } });
    const reader = await rest("PUT", "/v1/search/store", {}, "writer");
    expect(reader.status).toBe(403);
  });
});

describe("conflicts", () => {
  it("there are none, and tools that watch them are told so, as Seglake spells it", async () => {
    const get = (query: string, key = "admin") =>
      fetch(`${baseUrl()}/v1/meta/conflicts?${query}`, { headers: { authorization: `Bearer ${key}` } });
    const whole = "bucket=b&prefix=p&limit=10000&after_bucket=b&after_key=k&after_version=v";
    expect(await (await get(whole)).json()).toMatchObject({ items: [] });
    expect([(await get("limit=10001")).status, (await get("limit=-1")).status]).toEqual([400, 400]);
    expect([(await get("", "writer")).status, (await get("", "nobody")).status]).toEqual([403, 401]);
  });
});

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
    "ServerReflection/ServerReflectionInfo": (key) => reflect({ case: "listServices", value: "" }, key),
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

it("every refusal of object has a Connect code", () => {
  for (const code of OBJECT_ERROR_CODES) expect(Code[OBJECT_CODES[code]]).toBeDefined();
});
