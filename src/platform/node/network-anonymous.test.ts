/** The promise: who shows no certificate of a node takes little of one, and keeps nobody else from it. */
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heldBytes } from "../../base/testing/held-memory.ts";
import type { Listener, MessageStream, StreamHandler } from "../ports.ts";
import {
  createTestAuthority,
  type TestAuthority,
  type TestCredentials,
} from "../testing/network-certificates.ts";
import { TEST_LIMITS } from "../testing/network-node-harness.ts";
import { createNodeNetwork, type NodeNetwork } from "./network.ts";
import { DEFAULT_NETWORK_LIMITS, type NetworkLimits } from "./network-limits.ts";
import { Body } from "./network-unary.ts";

const SERVER = { clusterId: "c1", nodeId: 1 };
const CLIENT = { clusterId: "c1", nodeId: 2 };
const CALL = "/test.v1.TestService/Call";
const OPEN_CALL = "/test.v1.TestService/OpenCall";

describe("callers without a node's certificate", () => {
  let authority: TestAuthority;
  let network: NodeNetwork;
  let listener: Listener;
  let sessions: ClientHttp2Session[];
  let served: MessageStream[];

  beforeEach(async () => {
    sessions = [];
    served = [];
    authority = await createTestAuthority("c1");
  });

  afterEach(async () => {
    for (const session of sessions) session.destroy();
    await network.close();
  });

  async function listen(limits: Partial<NetworkLimits>, paths = [CALL, OPEN_CALL]): Promise<void> {
    const credentials = await authority.issue(SERVER);
    network = createNodeNetwork({ identity: SERVER, ...credentials, limits: { ...TEST_LIMITS, ...limits } });
    const handler = (path: string): StreamHandler => ({
      kind: "unary",
      anonymous: path === OPEN_CALL,
      maxMessageBytes: 100_000,
      open: (stream) => {
        served.push(stream);
        stream.onMessage = (_pieces, sizeBytes) => stream.send([Buffer.from(`${sizeBytes} bytes`)]);
      },
    });
    const handlers = new Map(paths.map((path) => [path, handler(path)]));
    listener = await network.listen({ host: "127.0.0.1", port: 0 }, handlers);
  }

  async function dial(credentials?: TestCredentials): Promise<ClientHttp2Session> {
    const socket = connectTls({
      host: "127.0.0.1",
      port: listener.address.port,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      ...(credentials && { cert: credentials.certificatePem, key: credentials.privateKeyPem }),
    });
    await once(socket, "secureConnect");
    const session = connectHttp2("https://127.0.0.1", { createConnection: () => socket });
    session.on("error", () => {});
    sessions.push(session);
    return session;
  }

  const closed = (session: ClientHttp2Session): Promise<void> =>
    new Promise((resolve) => {
      if (session.destroyed) resolve();
      else session.once("close", resolve);
    });

  interface Asked {
    readonly request: ClientHttp2Stream;
    /** What is answered, or "reset". */
    readonly answer: Promise<string>;
  }

  function ask(session: ClientHttp2Session, path = OPEN_CALL): Asked {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/proto" };
    const request = session.request(headers, { endStream: false });
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (data: string) => {
      text += data;
    });
    request.on("error", () => {});
    const answer = new Promise<string>((resolve) => {
      request.once("close", () => resolve(text === "" ? "reset" : text));
    });
    return { request, answer };
  }

  it("have few calls at once on a connection, and a node has as many as it needs", async () => {
    await listen({ maxAnonymousStreams: 2 });
    const session = await dial();
    const open = [ask(session), ask(session)];
    await expect.poll(() => served.length, { interval: 2 }).toBe(2);
    expect(await ask(session).answer).toContain('"code":"resource_exhausted"');
    expect(served.length).toBe(2);
    open[0]!.request.end("done");
    expect(await open[0]!.answer).toBe("4 bytes");
    const next = ask(session);
    next.request.end("next!");
    expect(await next.answer).toBe("5 bytes");

    const node = await dial(await authority.issue(CLIENT));
    const many = Array.from({ length: 5 }, () => ask(node));
    await expect.poll(() => served.length, { interval: 2 }).toBe(3 + many.length);
    for (const { request } of many) request.end("x");
    expect(await Promise.all(many.map(({ answer }) => answer))).toEqual(many.map(() => "1 bytes"));
  });

  it("share one budget of bytes over all of their connections, and get them back", async () => {
    await listen({ maxAnonymousBytes: 50_000 });
    const first = ask(await dial());
    first.request.write(Buffer.alloc(40_000));
    await expect.poll(() => served.length, { interval: 2 }).toBe(1);
    const second = ask(await dial());
    second.request.write(Buffer.alloc(40_000));
    // Whichever comes later is refused.
    const refused = await Promise.race([first, second].map(({ answer }) => answer));
    expect(refused).toContain('"code":"resource_exhausted"');
    const node = ask(await dial(await authority.issue(CLIENT)), CALL);
    node.request.end(Buffer.alloc(90_000));
    expect(await node.answer).toBe("90000 bytes");
    first.request.end();
    second.request.end();
    const answers = await Promise.all([first.answer, second.answer]);
    expect(answers).toContain("40000 bytes");
    const third = ask(await dial());
    third.request.end(Buffer.alloc(45_000));
    expect(await third.answer).toBe("45000 bytes");
  });

  it("have a time for what they send, which is not that of the answer", async () => {
    await listen({ anonymousBodyTimeoutMs: 30 });
    const session = await dial();
    const slow = ask(session);
    slow.request.write("half");
    expect(await slow.answer).toContain('"code":"deadline_exceeded"');
    const node = ask(await dial(await authority.issue(CLIENT)));
    const whole = ask(session);
    await expect.poll(() => served.length, { interval: 2 }).toBe(3);
    whole.request.end("whole");
    expect(await whole.answer).toBe("5 bytes");
    node.request.end("x");
    expect(await node.answer).toBe("1 bytes");
  });

  it("are not listened to where nothing is for them; a node whose certificate is over is told so", async () => {
    await listen({}, [CALL]);
    const foreign = await createTestAuthority("c1");
    for (const credentials of [undefined, await foreign.issue(CLIENT)]) {
      await closed(await dial(credentials));
    }
    const dates = { uris: ["skerry://c1/node/2"], validForMs: -1_000 };
    await closed(await dial(await foreign.issueLeaf(dates)));
    const over = ask(await dial(await authority.issueLeaf(dates)), CALL);
    expect(await over.answer).toContain("the client certificate is over by the clock of this machine");
    expect(served).toEqual([]);
    const node = ask(await dial(await authority.issue(CLIENT)), CALL);
    node.request.end("node");
    expect(await node.answer).toBe("4 bytes");
  });
});

describe("a body of single bytes", () => {
  const COUNT = 256 * 1024;

  it.each([
    ["of a node", DEFAULT_NETWORK_LIMITS.copyBelowBytes],
    ["of anybody", Number.POSITIVE_INFINITY],
  ])("takes little more than its bytes: %s", async (_whose, copyBelowBytes) => {
    const held = await heldBytes(COUNT, async (pieces) => {
      const body = new Body(copyBelowBytes);
      for await (const piece of pieces) body.push(piece);
      return body.pieces();
    });
    expect(held).toBeLessThan(8 * COUNT);
  });

  it("arrives in its order, whatever its pieces are; large ones of a node are not copied", () => {
    const pieces: Uint8Array[] = [1, 5_000, 3, 0, 100, 4_096, 2].map((size, at) =>
      new Uint8Array(size).fill(at + 1),
    );
    const body = new Body(4_096);
    for (const piece of pieces) body.push(piece);
    const got = body.pieces();
    expect(Buffer.concat(got)).toEqual(Buffer.concat(pieces));
    expect([got.length, got.includes(pieces[1]!), got.includes(pieces[5]!)]).toEqual([5, true, true]);
    const all = new Body(Number.POSITIVE_INFINITY);
    for (const piece of pieces) all.push(piece);
    expect(all.pieces().some((piece) => pieces.includes(piece))).toBe(false);
  });
});
