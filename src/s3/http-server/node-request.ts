import type { IncomingMessage } from "node:http";
import type { ClientOrigin } from "../../access/index.ts";
import type { RequestHeaders, S3Request } from "../http.ts";
import type { RequestBody } from "./request-body.ts";

/** A request of node:http as the gateway sees it. */
export class NodeRequest implements S3Request {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly body: RequestBody;
  readonly secure: boolean;
  readonly remoteAddress: string;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(message: IncomingMessage, body: RequestBody, origin: ClientOrigin) {
    this.method = message.method ?? "";
    this.target = message.url ?? "";
    this.headers = headersOf(message.rawHeaders);
    this.body = body;
    this.secure = origin.secure;
    this.remoteAddress = origin.address;
  }

  /** Made when somebody asks for it: most requests never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}

function headersOf(raw: readonly string[]): RequestHeaders {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    const value = raw[index + 1]!;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}
