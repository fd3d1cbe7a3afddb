import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ProgressWatch } from "../../platform/index.ts";
import { NodeClock, NodeTimers } from "../../platform/node/index.ts";
import { RequestBody } from "./request-body.ts";

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Sends `sent` to a server that does `read` with the body; resolves to what that comes to. */
async function exchange<T>(sent: Uint8Array, read: (body: RequestBody) => Promise<T>): Promise<T> {
  const watch = new ProgressWatch(new NodeClock(), new NodeTimers(), {
    stallTimeoutMs: 10_000,
    minProgressBytes: 1,
  });
  let result: Promise<T> | undefined;
  const listener: RequestListener = (message, response) => {
    result = read(new RequestBody(message, watch, undefined));
    result.then(
      () => response.end(),
      () => response.destroy(),
    );
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => server.close(),
    () => watch.close(),
  );
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve, reject) => {
    const sending = request({ host: "127.0.0.1", port, method: "PUT", agent: false }, (response) => {
      response.on("end", resolve).resume();
    });
    sending.on("error", reject).end(sent);
  });
  return await (result as Promise<T>);
}

it("hands out every byte, and frees a piece when the next one is asked for", async () => {
  const sent = randomBytes(3_000_000);
  const { copies, lengthsAfter } = await exchange(sent, async (body) => {
    const pieces: Uint8Array[] = [];
    const copies: Uint8Array[] = [];
    for await (const piece of body) {
      expect(piece.length).toBeGreaterThan(0);
      pieces.push(piece);
      copies.push(Uint8Array.from(piece));
    }
    return { copies, lengthsAfter: pieces.map(({ buffer }) => buffer.byteLength) };
  });
  expect(Buffer.concat(copies).equals(sent)).toBe(true);
  expect(new Set(lengthsAfter)).toEqual(new Set([0]));
});

it("keeps a piece as long as nothing more is asked for, whatever has arrived meanwhile", async () => {
  const sent = randomBytes(500_000);
  const [first, later] = await exchange(sent, async (body) => {
    const { value } = await body.next();
    const before = Uint8Array.from(value as Uint8Array);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const after = Uint8Array.from(value as Uint8Array);
    await body.return();
    await body.discard(sent.length);
    return [before, after];
  });
  expect(first.length).toBeGreaterThan(0);
  expect(later).toEqual(first);
  expect(sent.subarray(0, first.length).equals(first)).toBe(true);
});

it("reads a bounded number of pieces ahead, however small they are", async () => {
  const watch = new ProgressWatch(new NodeClock(), new NodeTimers(), {
    stallTimeoutMs: 10_000,
    minProgressBytes: 1,
  });
  const arrived = Promise.withResolvers<{ message: IncomingMessage; body: RequestBody }>();
  const server = createServer((message) => {
    arrived.resolve({ message, body: new RequestBody(message, watch, undefined) });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  closing.push(
    () => server.close(),
    () => watch.close(),
    () => socket.destroy(),
  );
  const count = 200_000;
  socket.write("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  socket.write(`${"1\r\na\r\n".repeat(count)}0\r\n\r\n`);
  const { message, body } = await arrived.promise;
  expect((await body.next()).done).toBe(false);
  await expect.poll(() => message.isPaused()).toBe(true);
  expect(body.bytesReceived).toBeLessThan(count / 10);
  let readBytes = 1;
  for await (const piece of body) readBytes += piece.length;
  expect(readBytes).toBe(count);
});
