import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Listener, PeerConnection, StreamHandler } from "../ports.ts";
import {
  createTestAuthority,
  type TestAuthority,
  type TestCredentials,
} from "../testing/network-certificates.ts";
import { TEST_LIMITS } from "../testing/network-node-harness.ts";
import { StreamRecorder } from "../testing/network-suite.ts";
import { freePorts } from "./free-ports.ts";
import { createAnonymousConnection, createNodeNetwork, type NodeNetwork } from "./network.ts";
import { identityOfNames } from "./network-tls.ts";

const SERVER = { clusterId: "c1", nodeId: 1 };
const CLIENT = { clusterId: "c1", nodeId: 2 };
const HOUR_MS = 3_600_000;
const CALL = "/test.v1.TestService/Call";
const OPEN_CALL = "/test.v1.TestService/OpenCall";
const TALK = "/test.v1.TestService/Talk";

describe("the node that a certificate names", () => {
  it.each([
    ["URI:skerry://c1/node/7", { clusterId: "c1", nodeId: 7 }],
    ["DNS:n1, URI:skerry://c-1.x_y/node/7, IP Address:10.0.0.1", { clusterId: "c-1.x_y", nodeId: 7 }],
    ["URI:skerry://c1/node/9007199254740991", { clusterId: "c1", nodeId: Number.MAX_SAFE_INTEGER }],
    [undefined, undefined],
    ["", undefined],
    ["DNS:skerry://c1/node/7", undefined],
    ["URI:skerry://c1/node/0", undefined],
    ["URI:skerry://c1/node/07", undefined],
    ["URI:skerry://c1/node/-1", undefined],
    ["URI:skerry://c1/node/9007199254740992", undefined],
    ["URI:skerry://c1/node/7/more", undefined],
    ["URI:skerry:///node/7", undefined],
    ["URI:skerry://c1/node/7, URI:skerry://c1/node/8", undefined],
    ["URI:skerry://c1/node/7, URI:skerry://c1/gateway/8", undefined],
    ['URI:"skerry://c1/node/7"', undefined],
    ["URI:https://c1/node/7", undefined],
  ])("%j", (names, identity) => {
    expect(identityOfNames(names)).toEqual(identity);
  });
});

describe("TLS between nodes", () => {
  let authority: TestAuthority;
  let networks: NodeNetwork[];
  let listener: Listener;
  let server: NodeNetwork;
  let connections: PeerConnection[];
  /** How often a client has ended its side of a stream. */
  let ends: number;

  const handler = (anonymous: boolean, kind: "unary" | "stream" = "unary"): StreamHandler => ({
    kind,
    anonymous,
    maxMessageBytes: 1_000,
    open: (stream, peer) => {
      stream.onEnd = () => {
        ends++;
      };
      stream.onMessage = () =>
        stream.send([Buffer.from(peer === undefined ? "nobody" : `node ${peer.nodeId}`)]);
    },
  });

  async function join(identity = CLIENT, issuer = authority): Promise<NodeNetwork> {
    const network = createNodeNetwork({ identity, ...(await issuer.issue(identity)), limits: TEST_LIMITS });
    networks.push(network);
    return network;
  }

  beforeEach(async () => {
    networks = [];
    ends = 0;
    connections = [];
    authority = await createTestAuthority("c1");
    server = await join(SERVER);
    const handlers = new Map([
      [CALL, handler(false)],
      [OPEN_CALL, handler(true)],
      [TALK, handler(false, "stream")],
    ]);
    const [port = 0] = await freePorts(1);
    listener = await server.listen({ host: "127.0.0.1", port }, handlers, {
      fallback: {
        handle: (_request, response, peer) => response.end(`fallback for ${peer?.nodeId ?? "nobody"}`),
      },
    });
  });

  afterEach(async () => {
    for (const connection of connections) connection.close();
    await Promise.all(networks.map((network) => network.close()));
  });

  async function call(connection: PeerConnection, path = CALL): Promise<string> {
    connections.push(connection);
    const recorder = new StreamRecorder(
      connection.openStream(path, { kind: "unary", maxMessageBytes: 1_000 }),
    );
    recorder.say("who am I?");
    await expect.poll(() => recorder.isClosed, { timeout: 10_000, interval: 2 }).toBe(true);
    return recorder.closes[0]?.code ?? recorder.texts.join();
  }

  const dial = (network: NodeNetwork, nodeId?: number): PeerConnection =>
    network.connect({ address: listener.address, ...(nodeId === undefined ? {} : { nodeId }) }, "control");

  /** A client that checks nothing, to see what the server alone does. */
  async function rawSession(
    credentials?: TestCredentials,
  ): Promise<{ session: ClientHttp2Session; socket: TLSSocket }> {
    const socket = connectTls({
      host: "127.0.0.1",
      port: listener.address.port,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      ...(credentials === undefined
        ? {}
        : { cert: credentials.certificatePem, key: credentials.privateKeyPem }),
    });
    await once(socket, "secureConnect");
    const session = connectHttp2("https://127.0.0.1", { createConnection: () => socket });
    return { session, socket };
  }

  interface Answer {
    readonly status: number;
    readonly text: string;
  }

  async function rawRequest(
    session: ClientHttp2Session,
    headers: Record<string, string>,
    body = "",
  ): Promise<Answer> {
    const request = session.request(
      { ":method": "POST", "content-type": "application/proto", ...headers },
      { endStream: false },
    );
    request.on("error", () => {});
    const response = once(request, "response") as Promise<[IncomingHttpHeaders]>;
    request.end(body);
    const [answer] = await response;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return { status: Number(answer[":status"]), text: Buffer.concat(chunks).toString() };
  }

  async function rawCall(
    credentials: TestCredentials | undefined,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const { session } = await rawSession(credentials);
    const answer = await rawRequest(session, headers, "hello");
    session.destroy();
    return answer;
  }

  it("uses TLS 1.3 with AES-128", async () => {
    const { session, socket } = await rawSession(await authority.issue(CLIENT));
    expect(socket.getProtocol()).toBe("TLSv1.3");
    expect(socket.getCipher().standardName).toBe("TLS_AES_128_GCM_SHA256");
    session.destroy();
  });

  it("refuses TLS 1.1", async () => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: listener.address.port,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL@SECLEVEL=0",
    });
    await expect(once(socket, "secureConnect")).rejects.toMatchObject({
      code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    });
  });

  it.each([
    [
      "of a node of the cluster",
      async (): Promise<TestCredentials | undefined> => authority.issue(CLIENT),
      200,
      "node 2",
    ],
    ["that is missing", async (): Promise<TestCredentials | undefined> => undefined, 401, "unauthenticated"],
    [
      "of another CA",
      async (): Promise<TestCredentials | undefined> => (await createTestAuthority("c1")).issue(CLIENT),
      401,
      "unauthenticated",
    ],
    [
      "that has expired",
      async (): Promise<TestCredentials | undefined> =>
        authority.issueLeaf({ uris: ["skerry://c1/node/2"], validForMs: -1_000 }),
      401,
      "the client certificate is over by the clock of this machine",
    ],
    [
      "whose time has not come yet",
      async (): Promise<TestCredentials | undefined> =>
        authority.issueLeaf({ uris: ["skerry://c1/node/2"], validInMs: HOUR_MS }),
      401,
      "the client certificate is not valid yet by the clock of this machine",
    ],
    [
      "of another cluster under the same CA",
      async (): Promise<TestCredentials | undefined> => authority.issue({ clusterId: "c2", nodeId: 2 }),
      403,
      "permission_denied",
    ],
    [
      "that names nobody",
      async (): Promise<TestCredentials | undefined> => authority.issueLeaf({ uris: [] }),
      403,
      "permission_denied",
    ],
    [
      "that names two nodes",
      async (): Promise<TestCredentials | undefined> =>
        authority.issueLeaf({ uris: ["skerry://c1/node/2", "skerry://c1/node/1"] }),
      403,
      "permission_denied",
    ],
  ] as const)("judges a client certificate %s", async (_what, credentials, status, text) => {
    const answer = await rawCall(await credentials(), { ":path": CALL });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
  });

  it("opens what is marked anonymous to everybody, and names only those who proved who they are", async () => {
    const foreign = await (await createTestAuthority("c1")).issue(CLIENT);
    expect(await rawCall(undefined, { ":path": OPEN_CALL })).toEqual({ status: 200, text: "nobody" });
    expect(await rawCall(foreign, { ":path": OPEN_CALL })).toEqual({ status: 200, text: "nobody" });
    expect(await rawCall(await authority.issue(CLIENT), { ":path": OPEN_CALL })).toEqual({
      status: 200,
      text: "node 2",
    });
  });

  it("keeps the fallback from callers without a certificate unless it is marked anonymous", async () => {
    const node = await authority.issue(CLIENT);
    expect(await rawCall(node, { ":path": "/elsewhere" })).toEqual({ status: 200, text: "fallback for 2" });
    expect(await rawCall(undefined, { ":path": "/elsewhere" })).toEqual({ status: 403, text: "" });
  });

  it.each([
    ["another method", { ":method": "GET" }, 405, ""],
    ["JSON", { "content-type": "application/json" }, 415, ""],
    ["the streaming form", { "content-type": "application/connect+proto" }, 415, ""],
    ["compression", { "content-encoding": "gzip" }, 501, "unimplemented"],
  ])("a call in a form that is not served is refused: %s", async (_what, headers, status, text) => {
    const answer = await rawCall(await authority.issue(CLIENT), { ":path": CALL, ...headers });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
  });

  it("keeps the caller's deadline", async () => {
    const { session } = await rawSession(await authority.issue(CLIENT));
    const request = session.request({
      ":method": "POST",
      ":path": TALK,
      "content-type": "application/connect+proto",
      "connect-timeout-ms": "20",
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain('"code":"deadline_exceeded"');
    session.destroy();
  });

  it.each([
    ["a compressed envelope", [1, 0, 0, 0, 0], "internal"],
    ["an end flag from the client", [2, 0, 0, 0, 2, 0x7b, 0x7d], "invalid_argument"],
    ["the middle of a message", [0, 0, 0, 0, 9, 1], "invalid_argument"],
    ["a message that is too large", [0, 0xff, 0xff, 0xff, 0xff], "resource_exhausted"],
  ])("a stream with %s fails", async (_what, bytes, code) => {
    const { session } = await rawSession(await authority.issue(CLIENT));
    const headers = { ":method": "POST", ":path": TALK, "content-type": "application/connect+proto" };
    const request = session.request(headers, { endStream: false });
    request.end(Buffer.from(bytes));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain(`"code":"${code}"`);
    session.destroy();
  });

  it("headers beyond their limit are refused", async () => {
    const { session } = await rawSession(await authority.issue(CLIENT));
    const request = session.request({ ":method": "POST", ":path": CALL, "x-large": "x".repeat(60_000) });
    request.on("error", () => {});
    let answered = false;
    request.on("response", (headers) => {
      answered = headers[":status"] === 200;
    });
    request.end();
    await once(request, "close");
    expect(answered).toBe(false);
    session.destroy();
  });

  it("a dialling node believes only the CA, the cluster and the node that it wants", async () => {
    const client = await join();
    expect(await call(dial(client, 1))).toBe("node 2");
    expect(await call(dial(client))).toBe("node 2");
    expect(await call(dial(client, 3))).toBe("unauthenticated");
    const foreign = await join(CLIENT, await createTestAuthority("c1"));
    expect(await call(dial(foreign, 1))).toBe("unauthenticated");
    const cousin = await join({ clusterId: "c2", nodeId: 2 });
    expect(await call(dial(cousin, 1))).toBe("unauthenticated");
  });

  it.each([
    ["over", { validForMs: -1_000 }],
    ["not valid yet", { validInMs: HOUR_MS }],
  ])("a node whose certificate is %s is told from one of another cluster", async (verdict, dates) => {
    const identity = { clusterId: "c1", nodeId: 3 };
    const leaf = await authority.issueLeaf({ uris: ["skerry://c1/node/3"], ...dates });
    const [port = 0] = await freePorts(1);
    const wrong = createNodeNetwork({ identity, ...leaf, limits: TEST_LIMITS });
    networks.push(wrong);
    const { address } = await wrong.listen({ host: "127.0.0.1", port }, new Map());
    const options = { caFingerprintSha256: authority.fingerprintSha256, limits: TEST_LIMITS };
    for (const connection of [
      (await join()).connect({ address }, "control"),
      createAnonymousConnection(address, options),
    ]) {
      connections.push(connection);
      const recorder = new StreamRecorder(
        connection.openStream(CALL, { kind: "unary", maxMessageBytes: 1_000 }),
      );
      await expect.poll(() => recorder.isClosed, { timeout: 10_000, interval: 2 }).toBe(true);
      const message = expect.stringContaining(`${verdict} by the clock of this machine (20`) as string;
      expect(recorder.closes).toMatchObject([{ code: "unavailable", message }]);
    }
  });

  it("a joining node believes only the CA that its fingerprint names", async () => {
    const { address } = listener;
    const options = { caFingerprintSha256: authority.fingerprintSha256, limits: TEST_LIMITS };
    expect(await call(createAnonymousConnection(address, options), OPEN_CALL)).toBe("nobody");
    const withColons = authority.fingerprintSha256.toUpperCase().replace(/..(?=.)/g, "$&:");
    const same = createAnonymousConnection(address, { ...options, caFingerprintSha256: withColons });
    expect(await call(same, OPEN_CALL)).toBe("nobody");
    const other = (await createTestAuthority("c1")).fingerprintSha256;
    const wrong = createAnonymousConnection(address, { ...options, caFingerprintSha256: other });
    expect(await call(wrong, OPEN_CALL)).toBe("unauthenticated");
    const empty = createAnonymousConnection(address, { ...options, caFingerprintSha256: "" });
    expect(await call(empty, OPEN_CALL)).toBe("unauthenticated");
  });

  it("a server that shows the pinned CA without a certificate of it is refused", async () => {
    // Anybody can send the CA's certificate along; only the CA can have signed the node's.
    const impostor = await createTestAuthority("c1");
    const leaf = await impostor.issue(SERVER);
    const { createServer } = await import("node:tls");
    const fake = createServer({
      key: leaf.privateKeyPem,
      cert: `${leaf.certificatePem}\n${authority.certificatePem}`,
      ALPNProtocols: ["h2"],
    });
    fake.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
    const address = { host: "127.0.0.1", port: (fake.address() as { port: number }).port };
    const options = { caFingerprintSha256: authority.fingerprintSha256, limits: TEST_LIMITS };
    expect(await call(createAnonymousConnection(address, options), OPEN_CALL)).toBe("unauthenticated");
    fake.close();
  });

  it("credentials are checked before they are used", async () => {
    const good = await authority.issue(CLIENT);
    const other = await (await createTestAuthority("c1")).issue(CLIENT);
    const create = (credentials: TestCredentials, identity = CLIENT): NodeNetwork =>
      createNodeNetwork({ identity, ...credentials });
    expect(() => create(good, { clusterId: "c1", nodeId: 3 })).toThrow("does not name skerry://c1/node/3");
    expect(() => create({ ...good, caCertificatePem: other.caCertificatePem })).toThrow(
      "not one of the cluster's CA",
    );
    expect(() => create({ ...good, privateKeyPem: other.privateKeyPem })).toThrow(
      "does not belong to its certificate",
    );
    expect(() => server.updateCredentials(good)).toThrow("does not name skerry://c1/node/1");
  });

  it("a new CA takes over while both sides run", async () => {
    const client = await join();
    const connection = dial(client, 1);
    expect(await call(connection)).toBe("node 2");
    const next = await createTestAuthority("c1");
    const both = `${authority.certificatePem}\n${next.certificatePem}`;
    // First everybody trusts both, then everybody gets a certificate of the new one, then the old one goes.
    server.updateCredentials({ ...(await authority.issue(SERVER)), caCertificatePem: both });
    client.updateCredentials({ ...(await authority.issue(CLIENT)), caCertificatePem: both });
    connection.close();
    expect(await call(dial(client, 1))).toBe("node 2");
    server.updateCredentials({ ...(await next.issue(SERVER)), caCertificatePem: both });
    client.updateCredentials({ ...(await next.issue(CLIENT)), caCertificatePem: both });
    dial(client, 1).close();
    expect(await call(dial(client, 1))).toBe("node 2");
    server.updateCredentials(await next.issue(SERVER));
    client.updateCredentials(await next.issue(CLIENT));
    dial(client, 1).close();
    expect(await call(dial(client, 1))).toBe("node 2");
    expect(await call(dial(await join(), 1))).toBe("unauthenticated");
    expect((await rawCall(await authority.issue(CLIENT), { ":path": CALL })).status).toBe(401);
  });

  it("a node whose certificate is renewed is believed at its next call; what goes on ends where it began", async () => {
    const client = createNodeNetwork({
      identity: CLIENT,
      ...(await authority.issueLeaf({ uris: ["skerry://c1/node/2"], validForMs: -1_000 })),
      limits: TEST_LIMITS,
    });
    networks.push(client);
    const connection = dial(client, 1);
    expect(await call(connection)).toBe("unauthenticated");
    client.updateCredentials(await authority.issue(CLIENT));
    expect(await call(connection)).toBe("node 2");
    const old = new StreamRecorder(connection.openStream(TALK, { kind: "stream", maxMessageBytes: 1_000 }));
    old.say("hello");
    await expect.poll(() => old.texts, { interval: 2 }).toEqual(["node 2"]);
    client.updateCredentials(await authority.issue(CLIENT));
    // Also with many streams at once there is one new session.
    const calls = await Promise.all([1, 2, 3].map(() => call(connection)));
    expect(calls).toEqual(["node 2", "node 2", "node 2"]);
    old.say("still there");
    await expect.poll(() => old.texts, { interval: 2 }).toEqual(["node 2", "node 2"]);
    expect(old.closes).toEqual([]);
    // The end of a session that was left is no failure, after which nobody would dial for a while.
    old.stream.fail("canceled", "enough");
    await expect.poll(() => old.isClosed, { interval: 2 }).toBe(true);
    expect(await call(connection)).toBe("node 2");
  });

  it("a connection that the peer asked to leave is left: its streams go on, new ones are on a new connection", async () => {
    const client = await join();
    const connection = dial(client, 1);
    const old = new StreamRecorder(connection.openStream(TALK, { kind: "stream", maxMessageBytes: 1_000 }));
    old.say("hello");
    await expect.poll(() => old.texts, { interval: 2 }).toEqual(["node 2"]);
    // Half closed, the stream is a call in progress, which a closing listener waits for.
    old.stream.end();
    await expect.poll(() => ends, { interval: 2 }).toBe(1);
    const { address } = listener;
    const closing = listener.close();
    await expect.poll(() => connection.isConnected(), { interval: 2 }).toBe(false);
    expect(old.closes).toEqual([]);
    const successor = await server.listen(address, new Map([[CALL, handler(false)]]));
    await expect.poll(() => call(connection), { interval: 50, timeout: 10_000 }).toBe("node 2");
    expect(old.closes).toEqual([]);
    expect(successor.address).toEqual(address);
    await server.close();
    await closing;
    await expect.poll(() => old.closes[0]?.code, { interval: 2 }).toBe("unavailable");
  });
});
