import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import { BucketService, ObjectService } from "../gen/skerry/storage/v1/storage_pb.js";
import type { ListenerLimits } from "./listener-limits.ts";
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

const head = (more: string) =>
  `POST ${LIST_BUCKETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nContent-Type: application/json\r\n${more}\r\n`;

describe("a listener that closes", () => {
  it("answers what is under way over HTTP/1.1, and ends connections on which nothing is", async () => {
    await start();
    const idle = await speak("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await idle.has('"ok"');
    const asking = await speak(head("Content-Length: 4\r\nExpect: 100-continue\r\n"));
    await asking.has("100 Continue");
    const closed = api.close(LONG_MS);
    expect(await idle.all).toContain("200 OK");
    asking.socket.write("{  }");
    expect(await asking.all).toContain("200 OK");
    await closed;
  });

  it("lets an upload over HTTP/2 go on to its end", async () => {
    await start();
    const transport = createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" });
    await createClient(BucketService, transport).createBucket({ bucket: "photos" }, as("admin"));
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    async function* messages() {
      yield { part: { case: "header" as const, value: { bucket: "photos", key: "k", size: 2n } } };
      yield { part: { case: "data" as const, value: new Uint8Array(1) } };
      begun.resolve();
      await goOn.promise;
      yield { part: { case: "data" as const, value: new Uint8Array(1) } };
    }
    const put = createClient(ObjectService, transport).putObject(messages(), as("writer"));
    await begun.promise;
    // Another call on the same connection is answered after what came before it.
    await createClient(BucketService, transport).listBuckets({}, as("reader"));
    const idle = await speak("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await idle.has('"ok"');
    const closed = api.close(LONG_MS);
    // What could be cut is cut now.
    await idle.all;
    goOn.resolve();
    expect((await put).object).toMatchObject({ size: 2n });
    await closed;
  });

  it("cuts what is not done when the grace is over", async () => {
    await start();
    const asking = await speak(head("Content-Length: 4\r\nExpect: 100-continue\r\n"));
    await asking.has("100 Continue");
    await api.close(1);
    expect(await asking.all).not.toContain("200 OK");
  });

  it("tells who watches its health, and lets them go", async () => {
    await start();
    const health = createClient(Health, createGrpcTransport({ baseUrl: api.baseUrl }));
    const told: HealthCheckResponse_ServingStatus[] = [];
    let closed: Promise<void> | undefined;
    for await (const { status } of health.watch({})) {
      told.push(status);
      api.notReadyReason = "stopping";
      closed ??= api.close(LONG_MS);
    }
    await closed;
    expect(told).toEqual([
      HealthCheckResponse_ServingStatus.SERVING,
      HealthCheckResponse_ServingStatus.NOT_SERVING,
    ]);
  });
});

describe("a connection whose caller cancels call after call", () => {
  /** Resolves when the session has ended, or when an answer shows that it has met all the cancellations. */
  async function cancelled(calls: number): Promise<"open" | "ended"> {
    const session = connectHttp2(api.baseUrl);
    session.on("error", () => undefined);
    const ended = new Promise<"ended">((resolve) => session.once("close", () => resolve("ended")));
    const ask = (head: Record<string, string>) => {
      const call = session.request(head);
      call.on("error", () => undefined);
      return call;
    };
    await once(session, "connect");
    for (let left = calls; left > 0 && !session.closed && !session.destroyed; left--) {
      const call = ask({ ":method": "POST", ":path": LIST_BUCKETS });
      // Its head is on its way by then.
      await new Promise(setImmediate);
      call.close(constants.NGHTTP2_CANCEL);
    }
    const answered = () =>
      new Promise<"open">((resolve) => ask({ ":path": "/healthz" }).once("response", () => resolve("open")));
    const found = session.closed || session.destroyed ? "ended" : await Promise.race([ended, answered()]);
    session.destroy();
    return found;
  }

  it("goes on", async () => {
    await start();
    // More than Node allows by itself.
    expect(await cancelled(1_500)).toBe("open");
  });

  it("is ended beyond the limit", async () => {
    await start({ streamResetBurst: 10, streamResetsPerSecond: 1 });
    expect(await cancelled(100)).toBe("ended");
  });
});

describe("a connection that does not go on", () => {
  it.each([
    ["says nothing", ""],
    ["does not end the head of its request", "GET /healthz HTTP/1.1\r\nHost: x\r\n"],
    ["does not end that of a later one", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /"],
  ])("is ended when it %s", async (_, text) => {
    await start({ headersTimeoutMs: 20 });
    const { all } = await speak(text);
    await all;
  });

  it("is ended when it speaks HTTP/2 and asks nothing", async () => {
    await start({ idleTimeoutMs: 20 });
    const { all } = await speak("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    await all;
  });

  it.each([
    ["Connect", LIST_BUCKETS, "application/proto"],
    ["REST", "/v1/namespaces/docs/query", "application/json"],
  ])("is told so when a message stalls (%s), and then ended", async (_, path, type) => {
    await start({ stallTimeoutMs: 20, drainTimeoutMs: 20 });
    const { all } = await speak(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nContent-Type: ${type}\r\nContent-Length: 9\r\n\r\n{`,
    );
    expect(await all).toMatch(/deadline_exceeded|DEADLINE_EXCEEDED/);
  });
});

describe("messages that arrive at the same time", () => {
  const LIMITS = { maxHeldBytes: 4 * MIB, maxHeldBytesPerConnection: MIB };
  const SIZE_BYTES = MIB / 2;
  let sessions: ClientHttp2Session[];
  beforeEach(() => {
    sessions = [];
  });
  afterEach(() => {
    for (const session of sessions) session.destroy();
  });

  function connection(): ClientHttp2Session {
    const session = connectHttp2(api.baseUrl);
    sessions.push(session);
    return session;
  }

  /** A call whose message of half a MiB lacks its end. Its answer is "" until there is one. */
  function begin(session: ClientHttp2Session, path: string, type: string) {
    const call = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": type,
      authorization: "Bearer writer",
    });
    const told = { status: 0, text: "" };
    call.on("error", () => undefined);
    call.on("response", (head) => {
      told.status = head[":status"] ?? 0;
      told.text += head["grpc-message"] ?? "";
    });
    call.on("trailers", (trailers) => {
      told.text += trailers["grpc-message"] ?? "";
    });
    call.on("data", (bytes: Buffer) => {
      told.text += bytes.toString();
    });
    const answered = new Promise<typeof told>((resolve) => call.once("end", () => resolve(told)));
    const taken = new Promise<void>((resolve) =>
      call.write(Buffer.alloc(SIZE_BYTES - 1, " "), () => resolve()),
    );
    return { call, answered, taken };
  }

  const LIST = "/v1/namespaces/docs/query";
  it.each([
    ["REST", LIST, "application/json"],
    ["Connect", LIST_BUCKETS, "application/json"],
  ])("are refused beyond the limit of their connection, and no others (%s)", async (_, path, type) => {
    await start(LIMITS);
    const [crowded, other] = [connection(), connection()];
    const [one, two] = [begin(crowded, path, type), begin(crowded, path, type)];
    await Promise.all([one.taken, two.taken]);
    const third = await begin(crowded, path, type).answered;
    expect([third.status, third.text]).toEqual([429, expect.stringContaining("resource_exhausted")]);
    expect(third.text).toContain("too many bytes of messages of this connection are under way");
    const elsewhere = begin(other, path, type);
    await elsewhere.taken;
    for (const { call, answered } of [one, two, elsewhere]) {
      call.end("{");
      // Whole, and no JSON.
      expect((await answered).status).toBe(400);
    }
    // What was held is free again.
    const later = begin(crowded, path, type);
    later.call.end("{");
    expect((await later.answered).status).toBe(400);
  });

  it("are counted for streams up to the message that is handed on", async () => {
    await start(LIMITS);
    const client = (service: typeof ObjectService) => createClient(service, api.http2());
    await createClient(BucketService, api.http2()).createBucket({ bucket: "photos" }, as("admin"));
    const value = new Uint8Array(SIZE_BYTES);
    async function* messages(pieces: number, bytes: Uint8Array) {
      const size = BigInt(pieces * bytes.length);
      yield { part: { case: "header" as const, value: { bucket: "photos", key: "k", size } } };
      for (let piece = 0; piece < pieces; piece++) yield { part: { case: "data" as const, value: bytes } };
    }
    const stored = await client(ObjectService).putObject(messages(8, value), as("writer"));
    expect(stored.object?.size).toBe(BigInt(8 * SIZE_BYTES));
    const large = client(ObjectService).putObject(messages(1, new Uint8Array(2 * MIB)), as("writer"));
    expect(await codeOf(large)).toBe("ResourceExhausted");
  });
});

describe("a caller without a key", () => {
  it.each([
    ["Connect", "application/proto"],
    ["gRPC", "application/grpc"],
    ["gRPC-Web", "application/grpc-web+proto"],
  ])("is refused before its message has come (%s)", async (_, type) => {
    await start();
    const session = connectHttp2(api.baseUrl);
    const call = session.request({ ":method": "POST", ":path": LIST_BUCKETS, "content-type": type });
    // More than fits between the two, and not all: whoever reads it waits.
    call.on("error", () => undefined).write(Buffer.alloc(MIB));
    await new Promise((resolve) => call.once("response", resolve));
    expect(api.events).toMatchObject([
      { operation: "BucketService/ListBuckets", outcome: "unauthenticated", principalKeyId: undefined },
    ]);
    session.destroy();
  });

  it("is told so in the midst of its upload", async () => {
    await start();
    async function* messages() {
      yield { part: { case: "header" as const, value: { bucket: "b", key: "k", size: BigInt(MIB) } } };
      await new Promise(() => undefined);
    }
    for (const httpVersion of ["1.1", "2"] as const) {
      const transport = createConnectTransport({ baseUrl: api.baseUrl, httpVersion });
      expect(await codeOf(createClient(ObjectService, transport).putObject(messages()))).toBe(
        "Unauthenticated",
      );
    }
  });

  it("has a limit on the messages that it may send to the health service", async () => {
    await start();
    const health = createClient(Health, createGrpcTransport({ baseUrl: api.baseUrl }));
    expect(await codeOf(health.check({ service: "x".repeat(5000) }))).toBe("ResourceExhausted");
  });

  it("and on the calls that it may have open there", async () => {
    await start({ maxWatchesPerAddress: 1, maxWatches: 2 });
    const watch = (address: string) =>
      createClient(Health, createGrpcTransport({ baseUrl: api.baseUrl }))
        .watch({}, { headers: { "x-forwarded-for": address } })
        [Symbol.asyncIterator]();
    const refused = (error: ConnectError) => Code[error.code];
    const open = [watch("10.0.0.1"), watch("10.0.0.2")];
    await open[0]?.next();
    expect(await watch("10.0.0.1").next().catch(refused)).toBe("ResourceExhausted");
    await open[1]?.next();
    expect(await watch("10.0.0.3").next().catch(refused)).toBe("ResourceExhausted");
    for (const each of open) await each.return?.();
  });

  it("finds a limit on the calls of one connection", async () => {
    await start();
    const session = connectHttp2(api.baseUrl);
    const settings = await new Promise<{ readonly maxConcurrentStreams?: number }>((resolve) =>
      session.once("remoteSettings", resolve),
    );
    expect(settings.maxConcurrentStreams).toBe(256);
    session.destroy();
  });
});
