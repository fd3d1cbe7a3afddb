/** The promise: messages go to declared destinations and nowhere else, signed, and count as taken only when they were. */
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDestination } from "./destinations.ts";
import { SIGNATURE_HEADER, Webhooks } from "./webhooks.ts";

const KEY = "0123456789abcdef";
const signal = new AbortController().signal;
let server: Server;
let status: number;
let received: { readonly path: string; readonly signature: string; readonly body: string }[];

beforeEach(async () => {
  status = 200;
  received = [];
  server = createServer((request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const signature = String(request.headers[SIGNATURE_HEADER.toLowerCase()]);
      received.push({ path: request.url ?? "", signature, body: Buffer.concat(pieces).toString() });
      response.writeHead(status, status === 307 ? { Location: "/elsewhere" } : {}).end("thanks");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});

afterEach(() => new Promise((done) => server.close(done)));

function webhooks(): Webhooks {
  const { port } = server.address() as AddressInfo;
  const destinations = [`hook=http://127.0.0.1:${port}/a?b=c`];
  return new Webhooks({ destinations, signingKey: KEY, clock: { wallMs: () => 1_700_000_000_999 } });
}

const message = new TextEncoder().encode('{"Records":[]}');

describe("a webhook", () => {
  it("gets the message, with a signature over it and the time", async () => {
    await webhooks().send("hook", message, signal);
    const expected = createHmac("sha256", KEY).update('1700000000.{"Records":[]}').digest("hex");
    expect(received).toEqual([
      { path: "/a?b=c", signature: `t=1700000000,v1=${expected}`, body: '{"Records":[]}' },
    ]);
  });

  it.each([400, 500, 307])(
    "has not taken what it answers with %i, and sends nobody elsewhere",
    async (code) => {
      status = code;
      await expect(webhooks().send("hook", message, signal)).rejects.toThrow(String(code));
      expect(received.map(({ path }) => path)).toEqual(["/a?b=c"]);
    },
  );

  it("that was not declared is not called", async () => {
    await expect(webhooks().send("other", message, signal)).rejects.toThrow("no destination");
    expect(received).toEqual([]);
  });
});

describe("a destination", () => {
  it.each([
    ["a-b_1=https://example.com/x?y=1", "https://example.com/x?y=1"],
    ["hook=http://localhost:1/", "http://localhost:1/"],
    ["hook", undefined],
    ["=https://example.com", undefined],
    ["ho:ok=https://example.com", undefined],
    ["hook=ftp://example.com", undefined],
    ["hook=https://user:secret@example.com", undefined],
    ["hook=https://example.com/#a", undefined],
    ["hook=https://", undefined],
  ])("%s", (entry, expected) => {
    expect(parseDestination(entry)?.url.href).toBe(expected);
  });
});
