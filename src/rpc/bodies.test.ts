/** Bodies of requests and answers that stop, are left, or are refused on their way. */

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it } from "vitest";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.js";
import {
  BucketService,
  GetObjectRequestSchema,
  ObjectService,
  PutObjectRequestSchema,
} from "../gen/skerry/storage/v1/storage_pb.js";
import type { ListenerLimits } from "./listener-limits.ts";
import { asked, fakeNamespaces } from "./testing/fake-namespaces.ts";
import { RawCallers } from "./testing/raw-callers.ts";
import { as, codeOf, TestApi } from "./testing/test-api.ts";

/** Long enough for whatever is cut before its time to be noticed by the test's own limit. */
const LONG_MS = 600_000;
const MIB = 1024 * 1024;
const LIST_BUCKETS = "/skerry.storage.v1.BucketService/ListBuckets";

let api: TestApi;
const start = async (limits: Partial<ListenerLimits> = {}) => {
  api = await TestApi.start(undefined, limits);
};
const callers = new RawCallers();
const speak = (text: string) => callers.speak(api.baseUrl, text);
afterEach(async () => {
  callers.leave();
  await api.close(0);
});

describe("a streamed upload that does not go on", () => {
  const header = { part: { case: "header" as const, value: { bucket: "photos", key: "k", size: 2n } } };
  const half = { part: { case: "data" as const, value: new Uint8Array(1) } };
  const forever = () => new Promise<never>(() => undefined);

  it.each([
    ["Connect, HTTP/1.1", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["Connect, HTTP/2", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" })],
    ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ])("is told so, and nothing is stored (%s)", async (_, transportTo) => {
    await start({ stallTimeoutMs: 50, drainTimeoutMs: 20 });
    const transport = transportTo(api.baseUrl);
    await createClient(BucketService, transport).createBucket({ bucket: "photos" }, as("admin"));
    const client = createClient(ObjectService, transport);
    async function* messages() {
      yield header;
      yield half;
      await forever();
    }
    expect(await codeOf(client.putObject(messages(), as("writer")))).toBe("DeadlineExceeded");
    expect(await codeOf(client.headObject({ bucket: "photos", key: "k" }, as("reader")))).toBe("NotFound");
    expect(api.events.find(({ operation }) => operation === "ObjectService/PutObject")).toMatchObject({
      outcome: "deadlineexceeded",
      key: "k",
    });
  });

  it("is told so in the midst of its lines", async () => {
    await start({ stallTimeoutMs: 20, drainTimeoutMs: 20 });
    const { all } = await speak(
      'POST /v1/namespaces/docs/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\nContent-Type: application/x-ndjson\r\nContent-Length: 90\r\n\r\n{"id":"a"}\n',
    );
    expect(await all).toContain('"deadline_exceeded"');
    expect(asked.filter(({ method }) => method === "write")).toEqual([]);
  });

  it("is none where caller and node talk in turns", async () => {
    await start({ stallTimeoutMs: 1 });
    const reflection = createClient(ServerReflection, createGrpcTransport({ baseUrl: api.baseUrl }));
    const listing = { messageRequest: { case: "listServices" as const, value: "" } };
    async function* requests() {
      yield listing;
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield listing;
    }
    let answers = 0;
    for await (const _ of reflection.serverReflectionInfo(requests(), as("reader"))) answers++;
    expect(answers).toBe(2);
  });
});

/** The first call of an operation that is reported from now on. */
async function reported(operation: string) {
  for (;;) {
    const event = api.events.find((each) => each.operation === operation);
    if (event !== undefined) return event;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a caller that leaves in the midst of its upload", () => {
  const header = { part: { case: "header" as const, value: { bucket: "photos", key: "k", size: 2n } } };
  const half = { part: { case: "data" as const, value: new Uint8Array(1) } };
  const PUT_OBJECT = "/skerry.storage.v1.ObjectService/PutObject";

  /** As on the wire: one byte of flags and four of length before each message. */
  function enveloped(message: MessageInitShape<typeof PutObjectRequestSchema>): Buffer {
    const bytes = toBinary(PutObjectRequestSchema, create(PutObjectRequestSchema, message));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  }

  it.each([
    ["Connect", "application/connect+proto", [header, half]],
    ["Connect, before its first message", "application/connect+proto", []],
    ["gRPC-Web", "application/grpc-web+proto", [header]],
  ])("has called it off, which is no fault: %s over HTTP/1.1", async (_, type, messages) => {
    await start();
    await createClient(BucketService, api.http2()).createBucket({ bucket: "photos" }, as("admin"));
    const pieces = messages.map((message) => enveloped(message).toString("latin1"));
    const chunk = (piece: string) => `${piece.length.toString(16)}\r\n${piece}\r\n`;
    const asking = await speak(
      `POST ${PUT_OBJECT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`,
    );
    await asking.has("100 Continue");
    await new Promise<void>((resolve) => {
      asking.socket.write(Buffer.from(pieces.map(chunk).join(""), "latin1"), () => resolve());
    });
    asking.socket.destroy();
    expect(await reported("ObjectService/PutObject")).toMatchObject({
      outcome: "canceled",
      principalKeyId: "writer",
    });
    expect(api.unexpected).toEqual([]);
  });

  it.each([
    ["Connect", "application/connect+proto"],
    ["gRPC", "application/grpc+proto"],
  ])("has called it off, which is no fault: %s over HTTP/2", async (_, type) => {
    await start();
    await createClient(BucketService, api.http2()).createBucket({ bucket: "photos" }, as("admin"));
    const session = connectHttp2(api.baseUrl);
    const call = session.request({
      ":method": "POST",
      ":path": PUT_OBJECT,
      "content-type": type,
      authorization: "Bearer writer",
    });
    call.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      call.write(Buffer.concat([enveloped(header), enveloped(half)]), () => resolve());
    });
    // A reset alone: `close` would end the messages first, as if they were all.
    call.destroy(new Error("enough"));
    expect(await reported("ObjectService/PutObject")).toMatchObject({ outcome: "canceled" });
    expect(api.unexpected).toEqual([]);
    session.destroy();
  });

  it.each([
    [
      "REST, lines",
      "/v1/namespaces/docs/documents",
      "application/x-ndjson",
      "DocumentService/UploadDocuments",
    ],
    ["REST", "/v1/namespaces/docs/query", "application/json", "QueryService/Query"],
    ["Connect", LIST_BUCKETS, "application/json", "BucketService/ListBuckets"],
  ])("or of its message: %s", async (_, path, type, operation) => {
    await start();
    const asking = await speak(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\nContent-Type: ${type}\r\nContent-Length: 90\r\nExpect: 100-continue\r\n\r\n`,
    );
    await asking.has("100 Continue");
    asking.socket.write('{"id":"a"}\n', () => asking.socket.destroy());
    expect(await reported(operation)).toMatchObject({ outcome: "canceled", principalKeyId: "writer" });
    expect(api.unexpected).toEqual([]);
    expect(asked.filter(({ method }) => method === "write")).toEqual([]);
  });
});

describe("a message that is refused while it is read", () => {
  const TOO_LARGE_BYTES = 33 * MIB;

  it.each([
    ["is no JSON", "application/json", Buffer.from("{"), "invalidargument"],
    // As gRPC has it.
    ["is no message", "application/proto", Buffer.from([0xff]), "internal"],
    ["is too large", "application/json", Buffer.alloc(TOO_LARGE_BYTES, " "), "resourceexhausted"],
  ])("is reported with its caller, once: %s", async (_, type, body, outcome) => {
    await start();
    const headers = { "content-type": type, ...as("reader").headers };
    await fetch(`${api.baseUrl}${LIST_BUCKETS}`, { method: "POST", headers, body }).catch(() => undefined);
    await reported("BucketService/ListBuckets");
    await createClient(BucketService, api.http2()).listBuckets({}, as("reader"));
    expect(api.events.map((event) => [event.operation, event.outcome, event.principalKeyId])).toEqual([
      ["BucketService/ListBuckets", outcome, "reader"],
      ["BucketService/ListBuckets", "ok", "reader"],
    ]);
    expect(api.unexpected).toEqual([]);
  });

  it.each([
    ["Connect", "application/proto"],
    ["gRPC", "application/grpc"],
  ])("is reported when it stalls: %s", async (_, type) => {
    await start({ stallTimeoutMs: 20, drainTimeoutMs: 20 });
    const asking = await speak(
      `POST ${LIST_BUCKETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nContent-Type: ${type}\r\nContent-Length: 9\r\n\r\n{`,
    );
    await asking.all;
    expect(api.events).toMatchObject([
      { operation: "BucketService/ListBuckets", outcome: "deadlineexceeded", principalKeyId: "reader" },
    ]);
  });

  it("is reported in gRPC", async () => {
    await start();
    const session = connectHttp2(api.baseUrl);
    const call = session.request({
      ":method": "POST",
      ":path": LIST_BUCKETS,
      "content-type": "application/grpc",
      ...as("reader").headers,
    });
    call.resume().end(Buffer.from([0, 0, 0, 0, 1, 0xff]));
    await new Promise((resolve) => call.once("close", resolve));
    expect(api.events).toMatchObject([{ outcome: "internal", principalKeyId: "reader" }]);
    expect(api.unexpected).toEqual([]);
    session.destroy();
  });

  it("is reported when an upload does not begin as it has to", async () => {
    await start();
    async function* messages() {
      yield { part: { case: "data" as const, value: new Uint8Array(1) } };
    }
    const put = createClient(ObjectService, api.http2()).putObject(messages(), as("writer"));
    expect(await codeOf(put)).toBe("InvalidArgument");
    expect(api.events).toMatchObject([{ operation: "ObjectService/PutObject", outcome: "invalidargument" }]);
  });
});

describe("a download that nobody reads", () => {
  const GET = "/skerry.storage.v1.ObjectService/GetObject";
  const WANTED = { bucket: "photos", key: "k" };
  /** More than what systems hold for a connection. */
  const PIECES = 24;

  async function store() {
    await start({ sendStallTimeoutMs: 80 });
    const transport = api.http2();
    await createClient(BucketService, transport).createBucket({ bucket: "photos" }, as("admin"));
    async function* messages() {
      const value = { ...WANTED, size: BigInt(PIECES * MIB) };
      yield { part: { case: "header" as const, value } };
      const data = new Uint8Array(MIB);
      for (let piece = 0; piece < PIECES; piece++) yield { part: { case: "data" as const, value: data } };
    }
    await createClient(ObjectService, transport).putObject(messages(), as("writer"));
  }

  const hasEnded = (name: string) =>
    expect
      .poll(() => api.events.filter(({ operation }) => operation === name), { timeout: LONG_MS })
      .toMatchObject([{ outcome: "canceled" }]);

  const message = toBinary(GetObjectRequestSchema, create(GetObjectRequestSchema, WANTED));
  const proto = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);

  it.each([
    ["Connect", "application/connect+proto", proto],
    ["gRPC-Web", "application/grpc-web+proto", proto],
  ])("is ended, and its connection (%s, HTTP/1.1)", async (_, type, body) => {
    await store();
    const { socket } = await speak(
      `POST ${GET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.pause();
    socket.write(body);
    await hasEnded("ObjectService/GetObject");
  });

  it.each([
    ["Connect", "application/connect+proto", proto],
    ["gRPC", "application/grpc", proto],
    ["gRPC-Web", "application/grpc-web+proto", proto],
  ])("is ended, and its connection goes on (%s, HTTP/2)", async (_, type, body) => {
    await store();
    const session = connectHttp2(api.baseUrl, { settings: { initialWindowSize: 10 } });
    session.on("error", () => undefined);
    const call = session.request({
      ":method": "POST",
      ":path": GET,
      "content-type": type,
      te: "trailers",
      authorization: "Bearer reader",
    });
    call.on("error", () => undefined);
    const ended = new Promise((resolve) => call.once("close", resolve));
    call.pause().end(body);
    await hasEnded("ObjectService/GetObject");
    call.resume();
    await ended;
    const other = session.request({ ":path": "/healthz" });
    const [head] = (await once(other, "response")) as [{ ":status": number }];
    expect(head[":status"]).toBe(200);
    session.destroy();
  });

  it("is ended over REST", async () => {
    const page = {
      ...(await fakeNamespaces.exportPage(
        { org: "acme", project: "web", name: "docs" },
        { limit: 1, consistency: "strong" as const },
      )),
    };
    const text = new Map([["title", "x".repeat(MIB)]]);
    const documents = page.documents.map((document) => ({ ...document, text }));
    api = await TestApi.start(
      { ...fakeNamespaces, exportPage: async () => ({ ...page, documents, nextCursor: "more" }) },
      { sendStallTimeoutMs: 80 },
    );
    const { socket } = await speak(
      "GET /v1/namespaces/docs/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\n\r\n",
    );
    socket.pause();
    await expect
      .poll(() => api.events.map(({ outcome }) => outcome), { timeout: LONG_MS })
      .toEqual(["canceled"]);
  });

  it("is ended where all of it is written at once", async () => {
    await start({ sendStallTimeoutMs: 80 });
    const session = connectHttp2(api.baseUrl, { settings: { initialWindowSize: 0 } });
    session.on("error", () => undefined);
    const calls = ["/healthz", "/v1/buckets"].map((path) => {
      const call = session.request({ ":path": path, authorization: "Bearer reader" });
      call.on("error", () => undefined);
      return new Promise((resolve) => call.once("close", resolve));
    });
    await Promise.all(calls);
    session.destroy();
  });
});
