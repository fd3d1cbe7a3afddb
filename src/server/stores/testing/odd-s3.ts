/** A small S3 service that does what a test asks it to do wrong. It checks no signatures: the gateway does that in the suite. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Oddities {
  /** Takes a second write under a name that is taken. */
  ignoresIfNoneMatch?: boolean;
  /** Gives the whole object whatever part is asked for. */
  ignoresRange?: boolean;
  /** Before the service works, so many requests are answered with this status. */
  failures?: { left: number; readonly status: number };
  /** Answers with more than was asked for. */
  talksTooMuch?: boolean;
  location?: string;
  /** What a list answers with. */
  list?: string;
}

export class OddS3 {
  readonly objects = new Map<string, Uint8Array>();
  readonly odd: Oddities = {};
  requests = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<URL> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const pieces: Uint8Array[] = [];
    for await (const piece of request as AsyncIterable<Uint8Array>) pieces.push(piece);
    const { status, body, headers } = this.#answer(request, Buffer.concat(pieces));
    response.writeHead(status, headers).end(body);
  }

  #answer(request: IncomingMessage, bytes: Uint8Array): OddAnswer {
    const { failures, location, list = "" } = this.odd;
    if (location !== undefined) return { status: 307, body: "", headers: { location } };
    if (failures !== undefined && failures.left-- > 0)
      return { status: failures.status, body: error("SlowDown") };
    const [key = "", query] = (request.url ?? "").split("?");
    if (query !== undefined) return { status: 200, body: list };
    if (request.method === "PUT") return this.#put(key, request, bytes);
    if (request.method !== "DELETE") return this.#get(key, request);
    this.objects.delete(key);
    return { status: 204, body: "" };
  }

  #put(key: string, { headers }: IncomingMessage, bytes: Uint8Array): OddAnswer {
    const isRefused = headers["if-none-match"] === "*" && this.objects.has(key);
    if (isRefused && this.odd.ignoresIfNoneMatch !== true)
      return { status: 412, body: error("PreconditionFailed") };
    this.objects.set(key, bytes);
    return { status: 200, body: "" };
  }

  #get(key: string, { headers }: IncomingMessage): OddAnswer {
    const bytes = this.objects.get(key);
    if (bytes === undefined) return { status: 404, body: error("NoSuchKey") };
    const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    if (this.odd.ignoresRange === true) return { status: 200, body: bytes };
    const more = this.odd.talksTooMuch === true ? 1_000 : 0;
    return { status: 206, body: bytes.subarray(Number(first), Number(last) + 1 + more) };
  }
}

interface OddAnswer {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly headers?: Record<string, string>;
}

export function error(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
}
