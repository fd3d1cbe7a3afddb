import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGate, InflightLimiter, type Principal, type Role, TrustedProxies } from "../access/index.ts";
import {
  AdminError,
  type ClusterAdmin,
  type EncryptionKeyAdmin,
  type KeyAdmin,
  type MaintenanceAdmin,
  type MembershipAdmin,
  type NodeDescription,
  type StatisticsAdmin,
} from "../admin/index.ts";
import type { WorkerStatus } from "../background/index.ts";
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
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { Accounts, IdentityStore } from "../identity/index.ts";
import { OBJECT_ERROR_CODES } from "../object/index.ts";
import { OWNER, SingleNode } from "../object/testing/single-node.ts";
import { NodeClock, NodeTimers } from "../platform/node/index.ts";
import { OBJECT_CODES } from "./errors.ts";
import { RPC_OPERATIONS, type RpcEvent, type RpcServer, startRpcServer } from "./index.ts";

const KEYS: Readonly<Record<string, Pick<Principal, "role" | "buckets">>> = {
  admin: { role: "admin", buckets: undefined },
  writer: { role: "writer", buckets: undefined },
  reader: { role: "reader", buckets: undefined },
  limited: { role: "writer", buckets: ["mine"] },
};

const keys: KeyAdmin = {
  create: async (request) => ({
    key: { ...request, keyId: "k", createdAtMs: 1, ownerId: "o", userName: "", inactive: false },
    secret: "shown once",
  }),
  list: async () => [],
  revoke: async (keyId) => {
    if (keyId !== "known") throw new AdminError("not-found", "there is no key of this id");
  },
};

const encryptionKey = { keyId: "k", description: "", createdAtMs: 1, version: 1, rotatedAtMs: 1 };
const encryptionKeys: EncryptionKeyAdmin = {
  create: async () => encryptionKey,
  list: async () => [encryptionKey],
  rotate: async (keyId) => {
    if (keyId !== "k") throw new AdminError("not-found", "there is no encryption key of this id");
    return { ...encryptionKey, version: 2 };
  },
};

const NODE: NodeDescription = {
  nodeId: 1,
  name: "node-1",
  zone: "a",
  roles: ["meta"],
  state: "active",
  health: "alive",
  peerAddress: "a:1",
  s3Address: "",
  apiAddress: "",
  storageWritable: true,
  storageUsedBytes: 1,
  storageFreeBytes: 2,
  appliedIndex: 3,
  held: { blobs: 4, bytes: 5 },
  raftTerm: 2,
  raftLastIndex: 3,
  raftFenced: true,
  snapshotReceivedBytes: 6,
};

const WORKER: WorkerStatus = {
  name: "unlink",
  state: "failing",
  progress: { done: 1, total: undefined, unit: "blobs" },
  unitsDone: 7,
  errors: 1,
  consecutiveErrors: 1,
  lastError: { message: "no disk", wallMs: 1 },
  lastRunWallMs: 1,
  nextRunWallMs: undefined,
};

const cluster: ClusterAdmin = {
  status: async () => ({
    clusterId: "c",
    nodeId: 1,
    replicationFactor: 3,
    leaderNodeId: 1,
    term: 2,
    commitIndex: 3,
    appliedIndex: 3,
    voters: [1],
    learners: [],
    votersOutgoing: [],
    firstIndex: 1,
    lastIndex: 3,
    progress: [{ nodeId: 1, match: 3, state: "replicate", recentlyActive: true, learner: false }],
    fenced: false,
    nodes: [NODE],
    underReplicated: { blobs: 2, bytes: 9 },
    maxVoters: 5,
    workers: [WORKER],
    notReadyReason: undefined,
    maintenance: "off",
  }),
  createJoinToken: async () => ({ token: "t", expiresAtMs: 5, peerAddresses: ["a:1"] }),
};

const membership: MembershipAdmin = {
  drain: async (nodeId, { cancel }) => {
    if (nodeId === 7) throw new AdminError("not-found", "there is no node 7");
    return { state: cancel ? "active" : "draining", held: { blobs: 3, bytes: 30 } };
  },
  remove: async (_, { force }) => {
    if (force) return { blobs: 4, bytes: 40 };
    const refusal = { reason: "not-drained", advice: "drain it first" };
    throw new AdminError("refused", "node-2 still holds copies", { refusal });
  },
  transferLeadership: async (nodeId) => ({ leaderNodeId: nodeId ?? 5, term: 9 }),
};

const quiesced = { state: "quiesced" as const, sinceMs: 7, waitingNodeIds: [2], writesUnderWay: 3 };
const maintenance: MaintenanceAdmin = {
  describe: async () => quiesced,
  set: async ({ on, force }) => {
    if (on && !force) throw new AdminError("unavailable", "no quorum");
    return { ...quiesced, state: on ? "quiesced" : "off" };
  },
};

const statistics: StatisticsAdmin = {
  statistics: async () => ({
    nodeId: 1,
    stored: { buckets: 1, objects: 2, objectBytes: 3, versions: 4, versionBytes: 5, uploads: 6 },
    underReplicated: { blobs: 2, bytes: 9 },
    maintenance: quiesced,
    segments: {
      writable: true,
      reason: undefined,
      segments: 7,
      liveBytes: 8,
      deadBytes: 9,
      freeBytes: 10,
      totalBytes: 11,
      damaged: 0,
    },
    scrub: { isRunning: true, startedMs: 12, finishedMs: undefined, checkedBytes: 13, badChunks: 14 },
    workers: [WORKER],
    operations: [
      {
        surface: "s3",
        operation: "GetObject",
        outcomes: new Map([["ok", 15]]),
        latency: { p50Ms: 1.5, p95Ms: 2, p99Ms: 3, samples: 15 },
      },
    ],
    requestsInFlight: 16,
    bytesIn: 17,
    bytesOut: 18,
    replays: 19,
  }),
};

let server: RpcServer;
let maintenanceState = "off";
const inflight = new InflightLimiter(100);
let reason: string | undefined;
const events: RpcEvent[] = [];

beforeAll(async () => {
  const node = await SingleNode.create();
  let requests = 0;
  server = await startRpcServer({
    listen: { host: "127.0.0.1", port: 0 },
    tls: undefined,
    newRequestId: () => `request-${++requests}`,
    notReadyReason: () => reason,
    maintenanceState: () => maintenanceState,
    trustedProxies: new TrustedProxies(["127.0.0.0/8", "::1"]),
    limits: { enter: ({ keyId }) => inflight.enter(keyId) },
    authenticator: {
      authenticate: (header) => {
        const name = /^Bearer (.*)$/.exec(header ?? "")?.[1];
        if (name === undefined) return { kind: "anonymous" };
        const key = KEYS[name];
        if (key === undefined) return { kind: "refused", reason: "unknown-key", claimedKeyId: name };
        return { kind: "authenticated", principal: { ...key, keyId: name, owner: OWNER } };
      },
    },
    gate: createGate(RPC_OPERATIONS),
    clock: new NodeClock(),
    timers: new NodeTimers(),
    hooks: { onCall: (event) => events.push(event) },
    objects: node.objects,
    region: "r",
    keys,
    encryptionKeys,
    cluster,
    accounts: new Accounts(new IdentityStore(node.metadata), "c"),
    membership,
    maintenance,
    statistics,
  });
});

afterAll(() => server.close(1000));

const baseUrl = () => `http://127.0.0.1:${server.address.port}`;
const http2 = () => createConnectTransport({ baseUrl: baseUrl(), httpVersion: "2" });
const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: ConnectError) => Code[error.code],
  );

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
    reason = "no leader";
    const unready = await fetch(`${baseUrl()}/readyz`);
    expect([unready.status, await unready.json()]).toEqual([503, { status: "unavailable", reason }]);
    reason = undefined;
    maintenanceState = "quiesced";
    const reading = await fetch(`${baseUrl()}/readyz`);
    expect([reading.status, await reading.json()]).toEqual([200, { status: "ok", maintenance: "quiesced" }]);
    maintenanceState = "off";
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
    reason = "no leader";
    expect(await health.check({})).toMatchObject({ status: HealthCheckResponse_ServingStatus.NOT_SERVING });
    const watching = health.watch({})[Symbol.asyncIterator]();
    expect((await watching.next()).value).toMatchObject({
      status: HealthCheckResponse_ServingStatus.NOT_SERVING,
    });
    reason = undefined;
    expect((await watching.next()).value).toMatchObject(serving);
    await watching.return?.();
  });
});

describe("REST", () => {
  const rest = async (
    verb: string,
    path: string,
    options: { key?: string; body?: string; type?: string } = {},
  ) => {
    const response = await fetch(`${baseUrl()}${path}`, {
      method: verb,
      headers: {
        ...(options.key !== undefined && { authorization: `Bearer ${options.key}` }),
        ...(options.body !== undefined && { "content-type": options.type ?? "application/json" }),
      },
      ...(options.body !== undefined && { body: options.body }),
    });
    return { status: response.status, header: response.headers, body: (await response.json()) as object };
  };

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
    const before = events.length;
    expect(await rest("POST", "/v1/keys", { key: "nobody", body: "not even JSON" })).toMatchObject({
      status: 401,
    });
    expect(events.slice(before)).toMatchObject([
      { operation: "KeyService/CreateKey", outcome: "unauthenticated", principalKeyId: undefined },
    ]);
  });

  it("reports a call once, whoever refused it", async () => {
    const before = events.length;
    await rest("POST", "/v1/keys", { key: "admin", body: "{" });
    await rest("GET", "/v1/keys", { key: "reader" });
    await rest("GET", "/v1/keys", { key: "admin" });
    expect(events.slice(before).map(({ outcome, principalKeyId }) => [outcome, principalKeyId])).toEqual([
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
    const leaves = Array.from({ length: 100 }, () => inflight.enter("reader"));
    const refused = await listing({}).catch((error: ConnectError) => error);
    if (!(refused instanceof ConnectError)) throw new Error("it was not refused");
    expect([Code[refused.code], refused.metadata.get("retry-after")]).toEqual(["ResourceExhausted", "1"]);
    for (const leave of leaves) leave?.();
    for (let call = 0; call < 3; call++) await listing({});
    expect(inflight.inflight("reader")).toBe(0);
  });

  it("behind a trusted proxy the client is who the proxy says", async () => {
    await listing({ "x-forwarded-for": "203.0.113.9, 198.51.100.1" });
    expect(events.at(-1)).toMatchObject({ remoteAddress: "198.51.100.1" });
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
    "MetaService/GetStats": (key) => createClient(MetaService, http2()).getStats({}, as(key)),
    "MaintenanceService/GetMaintenance": (key) =>
      createClient(MaintenanceService, http2()).getMaintenance({}, as(key)),
    "MaintenanceService/SetMaintenance": (key) =>
      createClient(MaintenanceService, http2()).setMaintenance({ on: false }, as(key)),
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
      if (row.leastRole === "admin") return;
      const outOfScope = await codeOf(calls[name]("limited", "theirs"));
      if (row.resource === "bucket" || row.resource === "object" || row.resource === "cluster") {
        expect(outOfScope).toBe("PermissionDenied");
      }
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
    const denied = events.find((event) => event.outcome === "permissiondenied" && event.bucket === "theirs");
    expect(denied).toMatchObject({
      principalKeyId: "limited",
      requestId: expect.stringMatching(/^request-/),
    });
  });
});

it("every refusal of object has a Connect code", () => {
  for (const code of OBJECT_ERROR_CODES) expect(Code[OBJECT_CODES[code]]).toBeDefined();
});
