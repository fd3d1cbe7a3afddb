/**
 * The promise that any Connect client can talk to a node, and a node to any Connect server: stock connect-node on one side, this network on
 * the other, with mutual TLS between them.
 */

import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createClient, type Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
  JoinRequestSchema,
  JoinResponseSchema,
  MembershipService,
} from "../../gen/skerry/cluster/v1/cluster_pb.js";
import {
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  RaftService,
} from "../../gen/skerry/raft/v1/raft_pb.js";
import {
  ChunkService,
  ReadChunkRequestSchema,
  ReadChunkResponseSchema,
  WriteChunksRequestSchema,
  WriteChunksResponseSchema,
} from "../../gen/skerry/segment/v1/chunk_pb.js";
import type { MessageStream, PeerConnection, StreamHandler } from "../ports.ts";
import { createTestAuthority, type TestCredentials } from "../testing/network-certificates.ts";
import { StreamRecorder } from "../testing/network-suite.ts";
import { createNodeNetwork, type NodeNetwork } from "./network.ts";

const SERVER = { clusterId: "interop", nodeId: 1 };
const CLIENT = { clusterId: "interop", nodeId: 2 };
const WRITE_CHUNKS = "/skerry.segment.v1.ChunkService/WriteChunks";
const READ_CHUNK = "/skerry.segment.v1.ChunkService/ReadChunk";
const EXCHANGE = "/skerry.raft.v1.RaftService/Exchange";
const JOIN = "/skerry.cluster.v1.MembershipService/Join";
const HEARTBEAT = "/skerry.cluster.v1.MembershipService/Heartbeat";
const MAX = 8 * 1024 * 1024;
const DATA = Buffer.alloc(300_000, "skerry");

let serverCredentials: TestCredentials;
let clientCredentials: TestCredentials;
let network: NodeNetwork;

beforeAll(async () => {
  const authority = await createTestAuthority();
  serverCredentials = await authority.issue(SERVER);
  clientCredentials = await authority.issue(CLIENT);
});

function stream(kind: "unary" | "stream", open: (recorder: StreamRecorder) => void): StreamHandler {
  return { kind, maxMessageBytes: MAX, open: (one: MessageStream) => open(new StreamRecorder(one)) };
}

/** The same small services as hand-framed streams. */
const handlers = new Map<string, StreamHandler>([
  [
    JOIN,
    stream("unary", (call) => {
      call.afterMessage = (message) => {
        const request = fromBinary(JoinRequestSchema, message);
        if (request.token !== "good") return call.stream.fail("permission_denied", "the token is not good");
        const response = create(JoinResponseSchema, {
          clusterId: "interop",
          certificatePem: `for ${request.name}`,
        });
        call.stream.send([toBinary(JoinResponseSchema, response)]);
      };
    }),
  ],
  [
    HEARTBEAT,
    stream("stream", (beat) => {
      beat.afterMessage = (message) => {
        const { health } = fromBinary(HeartbeatRequestSchema, message);
        if (health === undefined) return beat.stream.fail("invalid_argument", "no health");
        beat.stream.send([toBinary(HeartbeatResponseSchema, create(HeartbeatResponseSchema, { health }))]);
      };
      beat.afterEnd = () => beat.stream.end();
    }),
  ],
  [
    READ_CHUNK,
    stream("stream", (read) => {
      read.afterMessage = (message) => {
        const { length } = fromBinary(ReadChunkRequestSchema, message);
        for (let offset = 0; offset < length; offset += 100_000) {
          const data = DATA.subarray(offset, Math.min(length, offset + 100_000));
          read.stream.send([toBinary(ReadChunkResponseSchema, create(ReadChunkResponseSchema, { data }))]);
        }
      };
      read.afterEnd = () => read.stream.end();
    }),
  ],
]);

describe("a stock connect-node client", () => {
  let transport: Transport;
  let sessions: Http2SessionManager;

  beforeAll(async () => {
    network = createNodeNetwork({ identity: SERVER, ...serverCredentials });
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, handlers);
    const baseUrl = `https://127.0.0.1:${listener.address.port}`;
    sessions = new Http2SessionManager(baseUrl, undefined, {
      ca: clientCredentials.caCertificatePem,
      cert: clientCredentials.certificatePem,
      key: clientCredentials.privateKeyPem,
      checkServerIdentity: () => undefined,
    });
    transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager: sessions });
  });

  afterAll(async () => {
    sessions.abort();
    await network.close();
  });

  it("makes a unary call", async () => {
    const client = createClient(MembershipService, transport);
    const answer = await client.join({ token: "good", name: "n3" });
    expect(answer.certificatePem).toBe("for n3");
  });

  it("gets the error of a unary call", async () => {
    const client = createClient(MembershipService, transport);
    const error = await client.join({ token: "bad" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.PermissionDenied);
    expect((error as ConnectError).rawMessage).toBe("the token is not good");
  });

  it("exchanges messages on a bidirectional stream", async () => {
    const client = createClient(MembershipService, transport);
    async function* beats() {
      for (let i = 1; i <= 50; i++) yield { health: { nodeId: BigInt(i) } };
    }
    const seen: bigint[] = [];
    for await (const { health } of client.heartbeat(beats())) seen.push(health!.nodeId);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => BigInt(i + 1)));
  });

  it("gets the error of a stream after its messages", async () => {
    const client = createClient(MembershipService, transport);
    async function* beats() {
      yield { health: { nodeId: 1n } };
      yield {};
    }
    const seen: bigint[] = [];
    const error = await (async () => {
      for await (const { health } of client.heartbeat(beats())) seen.push(health!.nodeId);
    })().catch((reason: unknown) => reason);
    expect(seen).toEqual([1n]);
    expect((error as ConnectError).code).toBe(Code.InvalidArgument);
    expect((error as ConnectError).rawMessage).toBe("no health");
  });

  it("reads a server stream", async () => {
    const client = createClient(ChunkService, transport);
    const pieces: Uint8Array[] = [];
    for await (const { data } of client.readChunk({ length: DATA.length })) pieces.push(data);
    expect(Buffer.concat(pieces).equals(DATA)).toBe(true);
  });

  it("has its deadline kept by the server", async () => {
    const client = createClient(MembershipService, transport);
    async function* silent() {
      await new Promise((resolve) => setTimeout(resolve, 1_000).unref());
      yield { health: { nodeId: 1n } };
    }
    const error = await (async () => {
      for await (const _ of client.heartbeat(silent(), { timeoutMs: 50 }));
    })().catch((reason: unknown) => reason);
    expect((error as ConnectError).code).toBe(Code.DeadlineExceeded);
  });

  it("learns that a method is missing", async () => {
    const client = createClient(RaftService, transport);
    async function* nothing() {}
    const error = await (async () => {
      for await (const _ of client.exchange(nothing()));
    })().catch((reason: unknown) => reason);
    expect((error as ConnectError).code).toBe(Code.Unimplemented);
  });

  it("is refused without a certificate", async () => {
    // Where something is for callers without one they are listened to.
    const open: StreamHandler = { ...stream("unary", () => {}), anonymous: true };
    const listener = await network.listen(
      { host: "127.0.0.1", port: 0 },
      new Map([...handlers, ["/test.v1.TestService/OpenCall", open]]),
    );
    const baseUrl = `https://127.0.0.1:${listener.address.port}`;
    const manager = new Http2SessionManager(baseUrl, undefined, { rejectUnauthorized: false });
    const bare = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager: manager });
    const error = await createClient(MembershipService, bare)
      .join({ token: "good" })
      .catch((reason: unknown) => reason);
    expect((error as ConnectError).code).toBe(Code.Unauthenticated);
    manager.abort();
    await listener.close();
  });
});

/** The services as connect-node runs them. */
function routes(router: ConnectRouter): void {
  router.service(MembershipService, {
    join(request) {
      if (request.token !== "good") throw new ConnectError("the token is not good", Code.PermissionDenied);
      return { certificatePem: `for ${request.name}` };
    },
    async *heartbeat(requests) {
      for await (const { health } of requests) {
        if (health === undefined) throw new ConnectError("no health", Code.InvalidArgument);
        yield { health };
      }
    },
  });
  router.service(RaftService, {
    async *exchange(requests) {
      for await (const { toIncarnation } of requests) yield { toIncarnation };
    },
  });
  router.service(ChunkService, {
    async *writeChunks(requests) {
      let bytes = 0;
      for await (const { data } of requests) bytes += data.length;
      yield { requestId: BigInt(bytes) };
    },
    async *readChunk({ length }) {
      for (let offset = 0; offset < length; offset += 100_000) {
        yield { data: DATA.subarray(offset, Math.min(length, offset + 100_000)) };
      }
    },
  });
}

describe("against a stock connect-node server", () => {
  let server: Http2SecureServer;
  let connection: PeerConnection;

  beforeAll(async () => {
    network = createNodeNetwork({ identity: CLIENT, ...clientCredentials });
    server = createSecureServer(
      {
        ca: serverCredentials.caCertificatePem,
        cert: serverCredentials.certificatePem,
        key: serverCredentials.privateKeyPem,
        requestCert: true,
        rejectUnauthorized: true,
      },
      connectNodeAdapter({ routes }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    connection = network.connect({ address: { host: "127.0.0.1", port }, nodeId: 1 }, "control");
  });

  afterAll(async () => {
    await network.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  function open(path: string, kind: "unary" | "stream"): StreamRecorder {
    return new StreamRecorder(connection.openStream(path, { kind, maxMessageBytes: MAX }));
  }

  async function closed(recorder: StreamRecorder): Promise<void> {
    await expect.poll(() => recorder.isClosed, { timeout: 10_000, interval: 2 }).toBe(true);
  }

  it("a unary call is answered", async () => {
    const call = open(JOIN, "unary");
    call.stream.send([toBinary(JoinRequestSchema, create(JoinRequestSchema, { token: "good", name: "n3" }))]);
    await closed(call);
    expect(call.closes).toEqual([undefined]);
    expect(fromBinary(JoinResponseSchema, call.messages[0]!).certificatePem).toBe("for n3");
  });

  it("the error of a unary call comes with code and message", async () => {
    const call = open(JOIN, "unary");
    call.stream.send([toBinary(JoinRequestSchema, create(JoinRequestSchema, { token: "bad" }))]);
    await closed(call);
    expect(call.closes).toEqual([{ code: "permission_denied", message: "the token is not good" }]);
  });

  it("a bidirectional stream goes back and forth", async () => {
    const talk = open(EXCHANGE, "stream");
    const say = (toIncarnation: string): boolean =>
      talk.stream.send([toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { toIncarnation }))]);
    talk.afterMessage = () =>
      talk.messages.length < 20 ? say(`${talk.messages.length}`) : talk.stream.end();
    say("0");
    await closed(talk);
    expect(talk.closes).toEqual([undefined]);
    expect(talk.messages.map((message) => fromBinary(ExchangeResponseSchema, message).toIncarnation)).toEqual(
      Array.from({ length: 20 }, (_, i) => `${i}`),
    );
  });

  it("the error of a stream comes after its messages", async () => {
    const beat = open(HEARTBEAT, "stream");
    const health = { nodeId: 7n };
    beat.stream.send([toBinary(HeartbeatRequestSchema, create(HeartbeatRequestSchema, { health }))]);
    beat.stream.send([toBinary(HeartbeatRequestSchema, create(HeartbeatRequestSchema, {}))]);
    await closed(beat);
    expect(beat.messages).toHaveLength(1);
    expect(beat.closes).toEqual([{ code: "invalid_argument", message: "no health" }]);
  });

  it("a client stream of large messages arrives", async () => {
    const write = open(WRITE_CHUNKS, "stream");
    for (let i = 0; i < 20; i++) {
      const request = create(WriteChunksRequestSchema, { data: DATA });
      if (!write.stream.send([toBinary(WriteChunksRequestSchema, request)])) await write.stream.drained();
    }
    write.stream.end();
    await closed(write);
    expect(fromBinary(WriteChunksResponseSchema, write.messages[0]!).requestId).toBe(
      BigInt(20 * DATA.length),
    );
  });

  it("a server stream is read", async () => {
    const read = open(READ_CHUNK, "stream");
    const request = create(ReadChunkRequestSchema, { length: DATA.length });
    read.stream.send([toBinary(ReadChunkRequestSchema, request)]);
    read.stream.end();
    await closed(read);
    expect(read.closes).toEqual([undefined]);
    const data = read.messages.map((message) => fromBinary(ReadChunkResponseSchema, message).data);
    expect(Buffer.concat(data).equals(DATA)).toBe(true);
  });

  it("a method that is missing is unimplemented", async () => {
    const call = open("/skerry.cluster.v1.MembershipService/Leave", "unary");
    call.stream.send([]);
    const talk = open("/skerry.cluster.v1.MembershipService/Gossip", "stream");
    await closed(call);
    await closed(talk);
    expect([call.closes[0]?.code, talk.closes[0]?.code]).toEqual(["unimplemented", "unimplemented"]);
  });
});
