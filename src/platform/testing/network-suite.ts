/**
 * What every implementation of `Network` does alike. Run it from a test file with a way to make the implementation:
 *
 *     describeNetwork("on Node", createNodeHarness);
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import type {
  Listener,
  MessageStream,
  Network,
  PeerConnection,
  PeerIdentity,
  SocketAddress,
  StreamError,
  StreamHandler,
} from "../ports.ts";

/** The way from those who dial to one listener, with the faults of real ways. */
export interface Passage {
  /** What to dial. */
  readonly address: SocketAddress;
  /** Breaks every connection that goes this way. */
  reset(): void;
  /** Nothing passes any more, in either direction, and nobody is told. */
  cut(): void;
  heal(): void;
}

export interface NetworkHarness {
  /** Networks of one cluster trust each other. */
  join(identity: PeerIdentity): Promise<Network>;
  /** A connection without a certificate, to this cluster. */
  connectAnonymously(clusterId: string, address: SocketAddress): PeerConnection;
  listenAddress(identity: PeerIdentity): SocketAddress;
  passageTo(listener: Listener): Promise<Passage>;
  /** Lets things happen until it is so; rejects when it never is. */
  until(isDone: () => boolean, what: string): Promise<void>;
  /** Lets everything happen that happens soon. */
  settle(): Promise<void>;
  /** A bound, in bytes, on what one stream takes in while its receiver is paused: windows and buffers of both sides. */
  readonly greatestBacklogBytes: number;
  close(): Promise<void>;
}

/** Writes down what happens on a stream. */
export class StreamRecorder {
  readonly stream: MessageStream;
  readonly messages: Buffer[] = [];
  receivedBytes = 0;
  ends = 0;
  closes: (StreamError | undefined)[] = [];

  constructor(stream: MessageStream) {
    this.stream = stream;
    stream.onMessage = (pieces, sizeBytes) => {
      expect(this.ends).toBe(0);
      expect(this.closes).toEqual([]);
      const message = Buffer.concat(pieces);
      expect(message.length).toBe(sizeBytes);
      this.receivedBytes += sizeBytes;
      this.messages.push(message);
      this.afterMessage(message);
    };
    stream.onEnd = () => {
      expect(this.closes).toEqual([]);
      this.ends++;
      this.afterEnd();
    };
    stream.onClose = (error) => {
      this.closes.push(error);
    };
  }

  afterMessage: (message: Buffer) => void = () => {};
  afterEnd: () => void = () => {};

  get isClosed(): boolean {
    return this.closes.length > 0;
  }

  get texts(): string[] {
    return this.messages.map((message) => message.toString());
  }

  say(text: string): void {
    this.stream.send([Buffer.from(text)]);
  }
}

const SERVER: PeerIdentity = { clusterId: "cluster-a", nodeId: 1 };
const CLIENT: PeerIdentity = { clusterId: "cluster-a", nodeId: 2 };
const STRANGER: PeerIdentity = { clusterId: "cluster-b", nodeId: 2 };
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const STREAM = { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES } as const;
const UNARY = { kind: "unary", maxMessageBytes: MAX_MESSAGE_BYTES } as const;
const PATH = "/test.v1.TestService/Talk";
const CALL_PATH = "/test.v1.TestService/Call";
const OPEN_PATH = "/test.v1.TestService/OpenCall";

/** One server with a stream method and a unary method, and one client that dials it through a passage. */
class Scene {
  readonly harness: NetworkHarness;
  readonly served: StreamRecorder[] = [];
  readonly callers: (PeerIdentity | undefined)[] = [];
  listener!: Listener;
  passage!: Passage;
  client!: Network;

  constructor(harness: NetworkHarness) {
    this.harness = harness;
  }

  async open(serve: (served: StreamRecorder) => void, handler: Partial<StreamHandler> = {}): Promise<void> {
    const open = (stream: MessageStream, peer: PeerIdentity | undefined): void => {
      const served = new StreamRecorder(stream);
      this.served.push(served);
      this.callers.push(peer);
      serve(served);
    };
    const handlers = new Map<string, StreamHandler>([
      [PATH, { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES, open, ...handler }],
      [CALL_PATH, { kind: "unary", maxMessageBytes: MAX_MESSAGE_BYTES, open, ...handler }],
      // Callers without a certificate are heard only where something is for them.
      [OPEN_PATH, { kind: "unary", anonymous: true, maxMessageBytes: MAX_MESSAGE_BYTES, open }],
    ]);
    const server = await this.harness.join(SERVER);
    this.listener = await server.listen(this.harness.listenAddress(SERVER), handlers);
    this.passage = await this.harness.passageTo(this.listener);
    this.client = await this.harness.join(CLIENT);
  }

  connect(nodeId: number | undefined = SERVER.nodeId): PeerConnection {
    const target = { address: this.passage.address, ...(nodeId === undefined ? {} : { nodeId }) };
    return this.client.connect(target, "control");
  }

  async closed(...recorders: StreamRecorder[]): Promise<void> {
    await this.harness.until(
      () => recorders.every((recorder) => recorder.isClosed),
      "the streams have closed",
    );
    for (const recorder of recorders) expect(recorder.closes).toHaveLength(1);
  }

  async first(): Promise<StreamRecorder> {
    await this.harness.until(() => this.served.length > 0, "a stream has arrived");
    return this.served[0]!;
  }

  /** Opens streams until one carries an echo: after a failure a connection rests for a while. */
  async echoes(connection: PeerConnection): Promise<void> {
    let last: StreamRecorder | undefined;
    await this.harness.until(() => {
      if (last === undefined || last.isClosed) {
        last = new StreamRecorder(connection.openStream(PATH, STREAM));
        last.say("again");
      }
      return last.texts.includes("again");
    }, "a stream works again");
  }
}

function echo(served: StreamRecorder): void {
  served.afterMessage = (message) => served.stream.send([message]);
  served.afterEnd = () => served.stream.end();
}

export function describeNetwork(name: string, createHarness: () => Promise<NetworkHarness>): void {
  describe(`network ${name}`, () => {
    let harness: NetworkHarness;
    let scene: Scene;

    beforeEach(async () => {
      harness = await createHarness();
      scene = new Scene(harness);
    });

    afterEach(async () => {
      await harness.close();
    });

    describe("messages", () => messageTests(() => scene));
    describe("the end of a stream", () => endTests(() => scene));
    describe("unary calls", () => unaryTests(() => scene));
    describe("limits and back-pressure", () => limitTests(() => scene));
    describe("identity", () => identityTests(() => scene));
    describe("connections", () => connectionTests(() => scene));
  });
}

function messageTests(current: () => Scene): void {
  it("arrive whole and in order, in both directions, whatever their size and parts", async () => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    const prng = createPrng("network messages");
    const sent: Buffer[] = [];
    for (const size of [
      0, 1, 4, 5, 6, 100, 4_096, 4_097, 16_384, 65_536, 100_000, 1_048_576, 3_000_000, 0, 7,
    ]) {
      const message = Buffer.from(prng.bytes(size));
      const cut = prng.between(0, size);
      sent.push(message);
      client.stream.send([message.subarray(0, cut), message.subarray(cut)]);
    }
    client.stream.end();
    await scene.closed(client);
    expect(client.closes).toEqual([undefined]);
    expect(client.messages.length).toBe(sent.length);
    for (let i = 0; i < sent.length; i++)
      expect(client.messages[i]!.equals(sent[i]!), `message ${i}`).toBe(true);
  });

  it("arrive in order when there are very many", async () => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    const texts = Array.from({ length: 2_000 }, (_, i) => `message ${i}`);
    for (const text of texts) client.say(text);
    client.stream.end();
    await scene.closed(client);
    expect(client.texts).toEqual(texts);
  });

  it("of many streams on one connection do not mix", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const clients = Array.from({ length: 20 }, () => new StreamRecorder(connection.openStream(PATH, STREAM)));
    for (let round = 0; round < 10; round++) {
      clients.forEach((client, i) => {
        client.say(`${i}/${round}`);
      });
    }
    for (const client of clients) client.stream.end();
    await scene.closed(...clients);
    clients.forEach((client, i) => {
      expect(client.texts).toEqual(Array.from({ length: 10 }, (_, round) => `${i}/${round}`));
    });
  });

  it("may begin with the server's", async () => {
    const scene = current();
    await scene.open((served) => served.say("welcome"));
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    await scene.harness.until(() => client.texts[0] === "welcome", "the server has spoken first");
  });
}

function endTests(current: () => Scene): void {
  it("the client's end leaves the server's side open", async () => {
    const scene = current();
    await scene.open((served) => {
      served.afterEnd = () => {
        served.say("after your end");
        served.stream.end();
      };
    });
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    client.say("one");
    client.stream.end();
    const served = await scene.first();
    await scene.closed(client, served);
    expect(client.texts).toEqual(["after your end"]);
    expect([client.ends, served.ends]).toEqual([1, 1]);
    expect([client.closes, served.closes]).toEqual([[undefined], [undefined]]);
  });

  it("the server's end leaves the client's side open", async () => {
    const scene = current();
    await scene.open((served) => {
      served.say("all I have");
      served.stream.end();
    });
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    await scene.harness.until(() => client.ends === 1, "the client sees the server's end");
    client.say("more from me");
    client.stream.end();
    const served = await scene.first();
    await scene.closed(client, served);
    expect(served.texts).toEqual(["more from me"]);
    expect([client.closes, served.closes]).toEqual([[undefined], [undefined]]);
  });

  it("an error of the server comes with its code and message, after what was sent before", async () => {
    const scene = current();
    await scene.open((served) => {
      served.afterMessage = () => {
        served.say("part of it");
        served.stream.fail("data_loss", "block 7 is damaged");
      };
    });
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    client.say("read");
    const served = await scene.first();
    await scene.closed(client, served);
    expect(client.texts).toEqual(["part of it"]);
    expect(client.ends).toBe(0);
    expect(client.closes).toEqual([{ code: "data_loss", message: "block 7 is damaged" }]);
    expect(served.closes).toEqual([{ code: "data_loss", message: "block 7 is damaged" }]);
  });

  it("a failure on the client's side is a canceled call to the server", async () => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    client.stream.fail("deadline_exceeded", "too slow");
    expect(client.closes).toEqual([]);
    const served = await scene.first();
    await scene.closed(client, served);
    expect(client.closes).toEqual([{ code: "deadline_exceeded", message: "too slow" }]);
    expect(served.closes[0]?.code).toBe("canceled");
    expect(served.ends).toBe(0);
  });

  it("nothing is sent and nothing waits after it", async () => {
    const scene = current();
    await scene.open((served) => served.stream.fail("not_found", "no"));
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    await scene.closed(client);
    expect(client.stream.send([Buffer.from("late")])).toBe(false);
    await expect(client.stream.drained()).rejects.toThrow();
    client.stream.end();
    client.stream.fail("internal", "late");
    client.stream.resume();
    await scene.harness.settle();
    expect(client.closes).toEqual([{ code: "not_found", message: "no" }]);
  });
}

function unaryTests(current: () => Scene): void {
  it("carry one message each way", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const large = Buffer.from(createPrng("unary").bytes(300_000));
    for (const message of [Buffer.from("ping"), large, Buffer.alloc(0)]) {
      const client = new StreamRecorder(connection.openStream(CALL_PATH, UNARY));
      client.stream.send([message]);
      await scene.closed(client);
      expect(client.closes).toEqual([undefined]);
      expect(client.ends).toBe(1);
      expect(client.messages.map((answer) => answer.equals(message))).toEqual([true]);
    }
    await scene.closed(...scene.served);
    expect(scene.served.map((served) => [served.messages.length, served.ends, served.closes])).toEqual([
      [1, 1, [undefined]],
      [1, 1, [undefined]],
      [1, 1, [undefined]],
    ]);
  });

  it.each(["not_found", "failed_precondition", "unavailable", "data_loss", "resource_exhausted"] as const)(
    "fail with %s",
    async (code) => {
      const scene = current();
      await scene.open((served) => {
        served.afterMessage = () => served.stream.fail(code, "because");
      });
      const client = new StreamRecorder(scene.connect().openStream(CALL_PATH, UNARY));
      client.say("ping");
      await scene.closed(client, await scene.first());
      expect(client.messages).toEqual([]);
      expect(client.closes).toEqual([{ code, message: "because" }]);
    },
  );

  it("fail when the server ends them without an answer", async () => {
    const scene = current();
    await scene.open((served) => {
      served.afterEnd = () => served.stream.end();
    });
    const client = new StreamRecorder(scene.connect().openStream(CALL_PATH, UNARY));
    client.say("ping");
    await scene.closed(client);
    expect(client.closes[0]?.code).toBe("internal");
  });

  it.each([
    ["stream", STREAM],
    ["unary", UNARY],
  ] as const)("and streams to an unknown method are unimplemented: %s", async (_kind, options) => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect().openStream("/test.v1.TestService/Nothing", options));
    client.say("ping");
    await scene.closed(client);
    expect(client.closes[0]?.code).toBe("unimplemented");
    expect(scene.served).toEqual([]);
  });

  it("to a method that streams are unimplemented, and the reverse", async () => {
    const scene = current();
    await scene.open(echo);
    const call = new StreamRecorder(scene.connect().openStream(PATH, UNARY));
    const stream = new StreamRecorder(scene.connect().openStream(CALL_PATH, STREAM));
    call.say("ping");
    stream.say("ping");
    await scene.closed(call, stream);
    expect([call.closes[0]?.code, stream.closes[0]?.code]).toEqual(["unimplemented", "unimplemented"]);
    expect(scene.served).toEqual([]);
  });
}

function limitTests(current: () => Scene): void {
  it.each([
    ["stream", PATH, STREAM],
    ["unary", CALL_PATH, UNARY],
  ] as const)("a message larger than the server takes ends the %s", async (_kind, path, options) => {
    const scene = current();
    await scene.open(echo, { maxMessageBytes: 10_000 });
    const connection = scene.connect();
    const fits = new StreamRecorder(connection.openStream(path, options));
    const tooLarge = new StreamRecorder(connection.openStream(path, options));
    fits.stream.send([Buffer.alloc(10_000)]);
    tooLarge.stream.send([Buffer.alloc(10_001)]);
    fits.stream.end();
    await scene.closed(fits, tooLarge);
    expect(fits.receivedBytes).toBe(10_000);
    expect(fits.closes).toEqual([undefined]);
    expect(tooLarge.closes[0]?.code).toBe("resource_exhausted");
    const served = scene.served.find((one) => one.messages.length === 0)!;
    await scene.closed(served);
    expect(served.closes[0]?.code).toBe("resource_exhausted");
  });

  it.each([
    ["stream", PATH],
    ["unary", CALL_PATH],
  ] as const)("a message larger than the client takes ends the %s", async (kind, path) => {
    const scene = current();
    await scene.open((served) => {
      served.afterMessage = () => served.stream.send([Buffer.alloc(10_001)]);
    });
    const client = new StreamRecorder(scene.connect().openStream(path, { kind, maxMessageBytes: 10_000 }));
    client.say("give");
    await scene.closed(client);
    expect(client.messages).toEqual([]);
    expect(client.closes[0]?.code).toBe("resource_exhausted");
  });

  it.each(["client", "server"] as const)("a paused receiver stops the %s that sends", async (sender) => {
    const scene = current();
    const total = 64;
    const message = Buffer.alloc(Math.ceil((scene.harness.greatestBacklogBytes * 2) / total), 7);
    let sent = 0;
    const sendAll = async (stream: MessageStream): Promise<void> => {
      while (sent < total) {
        sent++;
        if (!stream.send([message])) await stream.drained();
      }
      stream.end();
    };
    await scene.open((served) => {
      if (sender === "server") void sendAll(served.stream);
      else served.stream.pause();
    });
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    if (sender === "client") void sendAll(client.stream);
    else client.stream.pause();
    const served = await scene.first();
    await scene.harness.settle();
    const receiver = sender === "client" ? served : client;
    expect(receiver.messages).toEqual([]);
    expect(sent).toBeGreaterThan(0);
    expect(sent * message.length).toBeLessThanOrEqual(scene.harness.greatestBacklogBytes + message.length);
    receiver.stream.resume();
    await scene.harness.until(
      () => receiver.receivedBytes === total * message.length,
      "everything has arrived",
    );
    expect(receiver.messages.every((one) => one.equals(message))).toBe(true);
  });

  it("no message is handed over between pause and resume", async () => {
    const scene = current();
    await scene.open((served) => {
      served.afterMessage = () => served.stream.pause();
    });
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    for (let i = 0; i < 5; i++) client.say(`message ${i}`);
    client.stream.end();
    const served = await scene.first();
    for (let i = 1; i <= 5; i++) {
      await scene.harness.until(() => served.messages.length === i, `message ${i} is there`);
      await scene.harness.settle();
      expect(served.messages.length).toBe(i);
      expect(served.ends).toBe(0);
      served.stream.resume();
    }
    await scene.harness.until(() => served.ends === 1, "the end is there");
    expect(served.texts).toEqual(Array.from({ length: 5 }, (_, i) => `message ${i}`));
  });

  it("a paused stream does not hold up another one of the same connection", async () => {
    const scene = current();
    await scene.open((served) => {
      served.stream.pause();
      if (scene.served.length > 1) {
        echo(served);
        served.stream.resume();
      }
    });
    const connection = scene.connect();
    const stuck = new StreamRecorder(connection.openStream(PATH, STREAM));
    while (stuck.stream.send([Buffer.alloc(100_000)]));
    await scene.first();
    const free = new StreamRecorder(connection.openStream(PATH, STREAM));
    free.stream.send([Buffer.alloc(200_000)]);
    await scene.harness.until(() => free.receivedBytes === 200_000, "the other stream goes on");
    expect(scene.served[0]!.messages).toEqual([]);
  });
}

function identityTests(current: () => Scene): void {
  it("the server sees which node calls", async () => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    client.stream.end();
    await scene.closed(client);
    expect(scene.callers).toEqual([CLIENT]);
  });

  it("any node of the cluster will do when none is named", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.client.connect({ address: scene.passage.address }, "control");
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.stream.end();
    await scene.closed(client);
    expect(client.closes).toEqual([undefined]);
  });

  it("another node than the one that was dialled is refused", async () => {
    const scene = current();
    await scene.open(echo);
    const client = new StreamRecorder(scene.connect(9).openStream(PATH, STREAM));
    client.say("secret");
    await scene.closed(client);
    expect(client.closes[0]?.code).toBe("unauthenticated");
    expect(scene.served).toEqual([]);
  });

  it("a node of another cluster is refused", async () => {
    const scene = current();
    await scene.open(echo);
    const stranger = await scene.harness.join(STRANGER);
    const connection = stranger.connect({ address: scene.passage.address, nodeId: SERVER.nodeId }, "control");
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("secret");
    await scene.closed(client);
    expect(client.closes[0]?.code).toBe("unauthenticated");
    expect(scene.served).toEqual([]);
  });

  it.each([
    ["stream", PATH, STREAM],
    ["unary", CALL_PATH, UNARY],
  ] as const)("a caller without a certificate is refused: %s", async (_kind, path, options) => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.harness.connectAnonymously("cluster-a", scene.passage.address);
    const client = new StreamRecorder(connection.openStream(path, options));
    client.say("let me in");
    await scene.closed(client);
    expect(client.closes[0]?.code).toBe("unauthenticated");
    expect(scene.served).toEqual([]);
    connection.close();
  });

  it("a caller without a certificate may call what is marked for it", async () => {
    const scene = current();
    await scene.open(echo, { anonymous: true });
    const connection = scene.harness.connectAnonymously("cluster-a", scene.passage.address);
    const client = new StreamRecorder(connection.openStream(CALL_PATH, UNARY));
    client.say("token");
    await scene.closed(client);
    expect(client.texts).toEqual(["token"]);
    expect(scene.callers).toEqual([undefined]);
    connection.close();
  });
}

function connectionTests(current: () => Scene): void {
  it("are dialled on first use and shared by all who ask for the same peer and class", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    await scene.harness.settle();
    expect(connection.isConnected()).toBe(false);
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    expect(connection.isConnected()).toBe(true);
    expect(scene.connect()).toBe(connection);
  });

  it("that break fail their streams on both sides, and are dialled again", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    scene.passage.reset();
    await scene.closed(client, scene.served[0]!);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(scene.served[0]!.closes[0]?.code).toBe("unavailable");
    await scene.echoes(connection);
  });

  it("wake those who wait for a stream to drain when they break", async () => {
    const scene = current();
    await scene.open((served) => served.stream.pause());
    const client = new StreamRecorder(scene.connect().openStream(PATH, STREAM));
    await scene.first();
    while (client.stream.send([Buffer.alloc(100_000)]));
    let rejection: unknown;
    const drained = (async () => {
      for (;;) {
        await client.stream.drained();
        while (client.stream.send([Buffer.alloc(100_000)]));
      }
    })().catch((error: unknown) => {
      rejection = error;
    });
    await scene.harness.settle();
    scene.passage.reset();
    await scene.closed(client);
    await drained;
    expect(rejection).toMatchObject({ name: "StreamFailure", code: "unavailable" });
  });

  it("on which nothing arrives any more are given up by both sides", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    scene.passage.cut();
    await scene.closed(client, scene.served[0]!);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(scene.served[0]!.closes[0]?.code).toBe("unavailable");
    const during = new StreamRecorder(connection.openStream(PATH, STREAM));
    await scene.closed(during);
    expect(during.closes[0]?.code).toBe("unavailable");
    scene.passage.heal();
    await scene.echoes(connection);
  });

  it("that are idle stay", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    for (let i = 0; i < 5; i++) await scene.harness.settle();
    client.say("still there");
    await scene.harness.until(() => client.texts.length === 2, "the stream still stands");
    expect(client.closes).toEqual([]);
  });

  it("to nobody are unavailable", async () => {
    const scene = current();
    await scene.open(echo);
    let isGone = false;
    void scene.listener.close().then(() => {
      isGone = true;
    });
    await scene.harness.until(() => isGone, "the listener has closed");
    const connection = scene.connect();
    const first = new StreamRecorder(connection.openStream(PATH, STREAM));
    const call = new StreamRecorder(connection.openStream(CALL_PATH, UNARY));
    call.say("anybody?");
    await scene.closed(first, call);
    expect([first.closes[0]?.code, call.closes[0]?.code]).toEqual(["unavailable", "unavailable"]);
    expect(connection.isConnected()).toBe(false);
  });

  it("closed by this side cancel their streams", async () => {
    const scene = current();
    await scene.open(echo);
    const connection = scene.connect();
    const client = new StreamRecorder(connection.openStream(PATH, STREAM));
    client.say("hello");
    await scene.harness.until(() => client.texts.length === 1, "the stream stands");
    connection.close();
    await scene.closed(client, scene.served[0]!);
    expect(client.closes[0]?.code).toBe("canceled");
    expect(["canceled", "unavailable"]).toContain(scene.served[0]!.closes[0]?.code);
    const late = new StreamRecorder(connection.openStream(PATH, STREAM));
    await scene.closed(late);
    expect(late.closes[0]?.code).toBe("canceled");
    await scene.echoes(scene.connect());
  });

  it("a listener that closes lets calls in progress finish and ends streams that would not", async () => {
    const scene = current();
    await scene.open(() => {});
    const connection = scene.connect();
    const endless = new StreamRecorder(connection.openStream(PATH, STREAM));
    const call = new StreamRecorder(connection.openStream(CALL_PATH, UNARY));
    endless.say("hello");
    call.say("ping");
    await scene.harness.until(() => scene.served.some((served) => served.ends === 1), "the call is there");
    await scene.harness.until(() => scene.served.length === 2, "the stream is there");
    let isClosed = false;
    const closed = scene.listener.close().then(() => {
      isClosed = true;
    });
    await scene.closed(endless);
    expect(endless.closes[0]?.code).toBe("unavailable");
    expect(isClosed).toBe(false);
    scene.served.find((served) => served.ends === 1)!.say("pong");
    await scene.closed(call);
    expect(call.texts).toEqual(["pong"]);
    expect(call.closes).toEqual([undefined]);
    await scene.harness.until(() => isClosed, "the listener has closed");
    await closed;
    const late = new StreamRecorder(connection.openStream(PATH, STREAM));
    await scene.closed(late);
    expect(late.closes[0]?.code).toBe("unavailable");
  });
}
