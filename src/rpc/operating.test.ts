import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClusterService, OperationRefusedSchema } from "../gen/skerry/admin/v1/admin_pb.js";
import { MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import { MetaService } from "../gen/skerry/admin/v1/meta_pb.js";
import { as, codeOf, TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.close());

const http2 = () => api.http2();
const baseUrl = () => api.baseUrl;

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
        {
          heldBlobs: 4n,
          heldBytes: 5n,
          raftFenced: true,
          raftLastIndex: 3n,
          snapshotReceivedBytes: 6n,
          storageFull: true,
        },
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
