import { createServer, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { ProgressWatch } from "../../platform/index.ts";
import { NodeClock, NodeTimers } from "../../platform/node/index.ts";
import { certificate } from "../testing/certificate.ts";
import { openStream, sendResponse } from "./send-response.ts";

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const PIECE_BYTES = 64 * 1024;

/** Answers `/<pieces>/<first byte>` with so many pieces; whatever may be overwritten is, at once. */
class Rig {
  recycled = 0;
  readonly #watch = new ProgressWatch(new NodeClock(), new NodeTimers(), {
    stallTimeoutMs: 20_000,
    minProgressBytes: 1,
  });

  async listen(isTls: boolean): Promise<() => Socket> {
    const listener = (request: { url?: string | undefined }, response: ServerResponse): void => {
      void this.#answer(request.url ?? "", response);
    };
    const server = isTls ? createTlsServer({ ...(await certificate(1)) }, listener) : createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    closing.push(
      () => server.close(),
      () => this.#watch.close(),
    );
    return () => {
      const options = { host: "127.0.0.1", port };
      const socket = isTls ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options);
      closing.push(() => socket.destroy());
      return socket;
    };
  }

  async #answer(target: string, response: ServerResponse): Promise<void> {
    const [pieces = 0, first = 0] = target.slice(1).split("/").map(Number);
    const bytes = (async function* () {
      // So that answers on one connection are ready in another order than they were asked for.
      await sleep((first * 7) % 11);
      for (let piece = 0; piece < pieces; piece++)
        yield new Uint8Array(PIECE_BYTES).fill((first + piece) & 0x7f);
    })();
    const lengthBytes = pieces * PIECE_BYTES;
    const answer = { status: 200, headers: [], body: { kind: "stream", lengthBytes, bytes } } as const;
    const sent = await sendResponse(response, answer, await openStream(bytes), {
      watch: this.#watch,
      extraHeaders: [],
      recycle: (piece) => {
        this.recycled++;
        piece.fill(0xdd);
      },
      beforeEnd: undefined,
    });
    expect(sent.completed).toBe(true);
  }
}

/** The bodies of all answers, as runs of one byte: [byte, length, ...]. */
async function bodiesOf(socket: Socket, lengths: readonly number[]): Promise<number[][]> {
  let received = Buffer.alloc(0);
  const bodies: number[][] = [];
  for await (const data of socket) {
    received = Buffer.concat([received, data as Buffer]);
    for (;;) {
      const length = lengths[bodies.length];
      const end = received.indexOf("\r\n\r\n");
      if (length === undefined || end < 0 || received.length < end + 4 + length) break;
      bodies.push(runsOf(received.subarray(end + 4, end + 4 + length)));
      received = received.subarray(end + 4 + length);
    }
    if (bodies.length === lengths.length) return bodies;
  }
  return bodies;
}

function runsOf(bytes: Uint8Array): number[] {
  const runs: number[] = [];
  for (const byte of bytes) {
    if (runs.at(-2) === byte) runs[runs.length - 1]!++;
    else runs.push(byte, 1);
  }
  return runs;
}

describe.each([false, true])("the memory of what has been sent may be overwritten (TLS: %s)", (isTls) => {
  test("and not before: answers that wait for those before them on the connection", async () => {
    const rig = new Rig();
    const open = await rig.listen(isTls);
    const asked = Array.from({ length: 24 }, (_, i) => ({ pieces: 1 + (i % 3), first: 5 * i }));
    const socket = open();
    socket.write(
      asked.map(({ pieces, first }) => `GET /${pieces}/${first} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""),
    );
    const bodies = await bodiesOf(
      socket,
      asked.map(({ pieces }) => pieces * PIECE_BYTES),
    );
    expect(bodies).toEqual(
      asked.map(({ pieces, first }) =>
        Array.from({ length: pieces }, (_, piece) => [(first + piece) & 0x7f, PIECE_BYTES]).flat(),
      ),
    );
  });

  test("and not before: a client that reads slowly", async () => {
    const rig = new Rig();
    const open = await rig.listen(isTls);
    const socket = open();
    socket.write("GET /160/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.pause();
    await sleep(100);
    const [body] = await bodiesOf(socket, [160 * PIECE_BYTES]);
    expect(body).toEqual(Array.from({ length: 160 }, (_, piece) => [(1 + piece) & 0x7f, PIECE_BYTES]).flat());
    expect(rig.recycled).toBeGreaterThan(0);
  });

  test("also that of a body of one piece", async () => {
    const rig = new Rig();
    const open = await rig.listen(isTls);
    for (let i = 0; i < 5; i++) {
      const socket = open();
      socket.write(`GET /1/${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect(await bodiesOf(socket, [PIECE_BYTES])).toEqual([[i, PIECE_BYTES]]);
    }
    await expect.poll(() => rig.recycled).toBe(5);
  });
});
