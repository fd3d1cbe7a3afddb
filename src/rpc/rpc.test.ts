import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import { ClusterService, KeyService } from "../gen/skerry/admin/v1/admin_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import { OBJECT_ERROR_CODES } from "../object/index.ts";
import { OBJECT_CODES } from "./errors.ts";
import { reflect } from "./testing/reflect.ts";
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

describe("tools for gRPC", () => {
  it("learn which services there are, and of what they are made", async () => {
    const list = await reflect(http2(), { case: "listServices", value: "" }, "reader");
    expect(list).toMatchObject({
      value: { service: expect.arrayContaining([expect.objectContaining({ name: BucketService.typeName })]) },
    });
    const symbol = "skerry.storage.v1.BucketService.CreateBucket";
    const file = await reflect(http2(), { case: "fileContainingSymbol", value: symbol }, "reader");
    if (file?.case !== "fileDescriptorResponse") throw new Error(`a file is wanted, not ${file?.case}`);
    const parsed = fromBinary(
      FileDescriptorProtoSchema,
      file.value.fileDescriptorProto[0] ?? new Uint8Array(),
    );
    expect(parsed.name).toBe("skerry/storage/v1/storage.proto");
    // What a file imports can be asked for by the name that the file has for it.
    for (const value of ["google/api/annotations.proto", "google/protobuf/descriptor.proto"]) {
      expect(await reflect(http2(), { case: "fileByFilename", value }, "reader")).toMatchObject({
        case: "fileDescriptorResponse",
      });
    }
    expect(await reflect(http2(), { case: "fileByFilename", value: "none.proto" }, "reader")).toMatchObject({
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

describe("buckets and objects", () => {
  it("are written, read by range, listed and removed", async () => {
    const buckets = createClient(BucketService, http2());
    const objects = createClient(ObjectService, http2());
    await buckets.createBucket({ bucket: "docs" }, as("writer"));
    const content = Buffer.alloc(3_000_000, "skerry ");
    async function* upload(size: number, userMetadata: Record<string, string> = {}) {
      const about = { contentType: "text/plain", userMetadata };
      const header = { bucket: "docs", key: "a/b", size: BigInt(size), ...about };
      yield { part: { case: "header" as const, value: header } };
      for (let at = 0; at < content.length; at += 1_000_000) {
        yield { part: { case: "data" as const, value: content.subarray(at, at + 1_000_000) } };
      }
    }
    const written = await objects.putObject(upload(content.length), as("writer"));
    expect(written.object).toMatchObject({ key: "a/b", size: BigInt(content.length) });
    expect(await codeOf(objects.putObject(upload(content.length + 1), as("writer")))).toBe("InvalidArgument");
    expect(await codeOf(objects.putObject(upload(content.length - 1), as("writer")))).toBe("InvalidArgument");
    // No header could hold it, and no client of S3 read the object.
    const unreadable = objects.putObject(upload(content.length, { "my name": "v" }), as("writer"));
    expect(await codeOf(unreadable)).toBe("InvalidArgument");

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

it("every refusal of object has a Connect code", () => {
  for (const code of OBJECT_ERROR_CODES) expect(Code[OBJECT_CODES[code]]).toBeDefined();
});
