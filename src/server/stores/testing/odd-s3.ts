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
    const { failures, location } = this.odd;
    if (location !== undefined) return void response.writeHead(307, { location }).end();
    if (failures !== undefined && failures.left-- > 0)
      return answer(response, failures.status, error("SlowDown"));
    const [key = "", query] = (request.url ?? "").split("?");
    if (query !== undefined) return answer(response, 200, this.odd.list ?? "");
    if (request.method === "PUT") return this.#put(key, request, Buffer.concat(pieces), response);
    if (request.method === "DELETE") {
      this.objects.delete(key);
      return answer(response, 204, "");
    }
    return this.#get(key, request, response);
  }

  #put(key: string, { headers }: IncomingMessage, bytes: Uint8Array, response: ServerResponse): void {
    const isRefused = headers["if-none-match"] === "*" && this.objects.has(key);
    if (isRefused && this.odd.ignoresIfNoneMatch !== true)
      return answer(response, 412, error("PreconditionFailed"));
    this.objects.set(key, bytes);
    answer(response, 200, "");
  }

  #get(key: string, { headers }: IncomingMessage, response: ServerResponse): void {
    const bytes = this.objects.get(key);
    if (bytes === undefined) return answer(response, 404, error("NoSuchKey"));
    const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    if (this.odd.ignoresRange === true) return answer(response, 200, bytes);
    const more = this.odd.talksTooMuch === true ? 1_000 : 0;
    answer(response, 206, bytes.subarray(Number(first), Number(last) + 1 + more));
  }
}

function answer(response: ServerResponse, status: number, body: string | Uint8Array): void {
  response.writeHead(status).end(body);
}

export function error(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
}
